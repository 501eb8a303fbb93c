"""The dialect's pure rewrites: text to text, tree to tree."""

from __future__ import annotations

import pytest
from mm_warehouse.dialect.comments import column_comments
from mm_warehouse.dialect.constraints import drop_keys
from mm_warehouse.dialect.inline_ctes import inline_flattened
from mm_warehouse.dialect.json_paths import share_parsing
from mm_warehouse.dialect.merge import branches, counts_sql
from mm_warehouse.dialect.remove import remove_target
from mm_warehouse.dialect.temporary import TemporaryRelations
from mm_warehouse.dialect.unsupported import replace_statement, strip_leading_comments
from mm_warehouse.errors import SqlError, as_sql_error
from sqlglot import exp, parse_one


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("select 1", "select 1"),
        ("  -- a\n /* b\n c */ select 1 -- d", "select 1 -- d"),
        ("/* only */", ""),
        ("-- only", ""),
    ],
)
def test_leading_comments(text: str, left: str) -> None:
    assert strip_leading_comments(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "grant usage on schema s to role r",
        "USE ROLE r",
        "use warehouse w",
        "alter session set query_tag = 'x'",
        "create or replace warehouse w",
        "drop role if exists r",
        "create stream s on table t",
    ],
)
def test_statements_without_counterpart_do_nothing(text: str) -> None:
    assert replace_statement(text).startswith("SELECT 'Statement executed successfully.'")


@pytest.mark.parametrize(
    "text",
    [
        "use schema s",
        "alter session set autocommit = false",
        "create table grants (x int)",
        "create table task (x int)",
        "select 'grant all'",
        "drop table users",
    ],
)
def test_other_statements_are_left_alone(text: str) -> None:
    assert replace_statement(text) == text


def test_statements_said_otherwise() -> None:
    assert replace_statement("start transaction") == "BEGIN"
    assert replace_statement("truncate table if exists a.b") == "TRUNCATE TABLE a.b"
    assert replace_statement("put file:///tmp/*.json @s/x") == "PUT 'file:///tmp/*.json' @s/x"


def test_paths_of_one_column_are_listed_once() -> None:
    tree = share_parsing(parse_one("select v -> '$.a', v ->> '$.b', w -> '$.a' from t", read="duckdb"))
    shared = "JSON_EXTRACT(v, ['$.a', '$.b'])"
    assert tree.sql("duckdb") == (
        f"SELECT LIST_EXTRACT({shared}, 1), (LIST_EXTRACT({shared}, 2) ->> '$'), w -> '$.a' FROM t"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT v -> '$.a', v -> '$.b', COUNT(*) FROM t GROUP BY v -> '$.a', v -> '$.b'",
        "SELECT DISTINCT v -> '$.a', v -> '$.b' FROM t",
        "SELECT v -> '$.a', v -> '$.a' FROM t",
        "SELECT v -> '$.a[*]', v -> '$.b[*]' FROM t",
        "SELECT v -> '$.a' FROM t WHERE (v -> '$.b') = 1",
    ],
)
def test_paths_that_must_stay_as_they_are(sql: str) -> None:
    assert share_parsing(parse_one(sql, read="duckdb")).sql("duckdb") == sql


def test_ctes_that_flatten_reads_are_put_in_place() -> None:
    sql = (
        "with a as (select * from t), b as (select k, v from a), c as (select f.value from b, lateral flatten(b.v) f) "
        "select * from c join a on true"
    )
    tree = inline_flattened(parse_one(sql, read="snowflake"))
    inner = next(cte for cte in tree.find_all(exp.CTE) if cte.alias == "c")
    assert inner.this.args["from_"].sql("snowflake") == "FROM (SELECT k, v FROM (SELECT * FROM t) AS a) AS b"
    assert [table.name for table in tree.find_all(exp.Table) if table.find_ancestor(exp.CTE) is None] == ["c", "a"]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (SELECT * FROM t) SELECT * FROM a",
        "WITH a AS (SELECT * FROM t) SELECT f.value FROM s.a, LATERAL FLATTEN(input => a.v) AS f",
        "WITH a(x) AS (SELECT v FROM t) SELECT f.value FROM a, LATERAL FLATTEN(input => a.x) AS f",
    ],
)
def test_other_ctes_stay(sql: str) -> None:
    before = parse_one(sql, read="snowflake")
    assert inline_flattened(before.copy()) == before


def test_keys_leave_not_null_behind() -> None:
    tree = drop_keys(
        parse_one("create table t (a int primary key, b int unique, c int, primary key (c))", read="snowflake")
    )
    assert tree.sql("duckdb") == "CREATE TABLE t (a INT NOT NULL, b INT, c INT NOT NULL)"


def test_column_comments_of_dbt() -> None:
    text = 'alter  table d.s.t alter\n\n  "A" COMMENT $$it\'s, "a"$$,\n  "B" COMMENT $$$$\n/* {"app": "dbt;"} */;'
    assert column_comments(text) == [
        "COMMENT ON COLUMN d.s.t.\"A\" IS 'it''s, \"a\"'",
        'COMMENT ON COLUMN d.s.t."B" IS NULL',
    ]


@pytest.mark.parametrize(
    "text", ["alter table t add column comment varchar", "select 1", "alter table t alter c drop default"]
)
def test_other_alters_are_no_comments(text: str) -> None:
    assert column_comments(text) is None


def test_merge_counts_are_those_of_its_branches() -> None:
    merge = parse_one(
        "merge into t using s on t.a = s.a when not matched then insert (a) values (s.a) when matched then delete",
        read="snowflake",
    )
    assert isinstance(merge, exp.Merge)
    assert branches(merge) == ["inserted", "deleted"]
    assert counts_sql(["inserted", "deleted"], [("INSERT", 3)]) == (
        'SELECT 3::BIGINT AS "number of rows inserted", 0::BIGINT AS "number of rows deleted"'
    )


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("remove @s", ("s", "")),
        ("rm @db.sc.s/a/b.json ;", ("db.sc.s", "a/b.json")),
        ("REMOVE '@s/a'", ("s", "a")),
        ("select 'remove @s'", None),
    ],
)
def test_remove(text: str, target: tuple[str, str] | None) -> None:
    assert remove_target(text) == target


def test_remove_with_a_pattern_is_refused() -> None:
    with pytest.raises(SqlError, match="PATTERN"):
        remove_target("remove @s pattern = '.*'")


class TestTemporary:
    """Redirection of one session's temporary relations."""

    def redirected(self, relations: TemporaryRelations, sql: str) -> str:
        tree = parse_one(sql, read="snowflake")
        relations.redirect(tree, "MARS", "SILVER")
        return tree.sql("snowflake")

    def test_from_creation_to_drop(self) -> None:
        relations = TemporaryRelations(7)
        created = self.redirected(relations, "create temporary table mars.silver.x as select 1 as a")
        assert created == 'CREATE TABLE "MARS"."_MM_TEMP_7"."X" AS SELECT 1 AS a'
        assert self.redirected(relations, "select * from x join y on true") == (
            'SELECT * FROM "MARS"."_MM_TEMP_7"."X" JOIN y ON TRUE'
        )
        assert self.redirected(relations, "drop table silver.x") == 'DROP TABLE "MARS"."_MM_TEMP_7"."X"'
        assert self.redirected(relations, "select * from x") == "SELECT * FROM x"

    def test_names_that_mean_something_else(self) -> None:
        relations = TemporaryRelations(7)
        self.redirected(relations, "create temp table x (a int)")
        for sql in ("SELECT * FROM gold.x", "WITH x AS (SELECT 1) SELECT * FROM x", 'SELECT * FROM "x"'):
            assert self.redirected(relations, sql) == sql

    def test_schema_is_made_once_and_dropped_at_the_end(self) -> None:
        relations = TemporaryRelations(7)
        first = parse_one("create temp table x (a int)", read="snowflake")
        second = parse_one("create temp view y as select 1 as a", read="snowflake")
        assert relations.redirect(first, "MARS", "S") == ['CREATE SCHEMA IF NOT EXISTS "MARS"."_MM_TEMP_7"']
        assert relations.redirect(second, "MARS", "S") == []
        assert relations.cleanup() == ['DROP SCHEMA IF EXISTS "MARS"."_MM_TEMP_7" CASCADE']
        assert relations.cleanup() == []


def test_any_exception_becomes_an_sql_error() -> None:
    for error in (ValueError("x"), NotImplementedError("y"), MemoryError(), KeyError("z")):
        translated = as_sql_error(error)
        assert len(translated.code) == 6
        assert translated.code.isdigit()
        assert translated.message
