"""Snowflake's tables behave here as they do there: changes to rows, contracts, comments, temporary ones."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError

from tests.warehouse.server import Warehouse


class TestMerge:
    """MERGE in the forms that dbt and people write."""

    @pytest.fixture(autouse=True)
    def table(self, cursor: Any) -> None:
        cursor.execute("create or replace table m (k varchar, v int)")
        cursor.execute("insert into m values ('a', 1), ('b', 2)")

    def rows(self, cursor: Any) -> list[tuple[Any, ...]]:
        return list(cursor.execute("select k, v from m order by k").fetchall())

    def test_update_and_insert_with_unqualified_names(self, cursor: Any) -> None:
        cursor.execute(
            "merge into m as t using (select 'a' as k, 10 as v union all select 'c', 3) as s on (t.k = s.k) "
            'when matched then update set "V" = s."V" when not matched then insert ("K", "V") values ("K", "V")'
        )
        assert cursor.fetchall() == [(1, 1)]
        assert cursor.rowcount == 2
        assert self.rows(cursor) == [("a", 10), ("b", 2), ("c", 3)]

    def test_expressions_conditions_and_delete(self, cursor: Any) -> None:
        cursor.execute(
            "merge into m using (select 'a' as k, null as v union all select 'b', 5) s on m.k = s.k "
            "when matched and s.v is null then delete when matched then update set m.v = m.v + s.v"
        )
        assert self.rows(cursor) == [("b", 7)]

    def test_inside_a_transaction(self, cursor: Any) -> None:
        cursor.execute("begin")
        cursor.execute("merge into m using (select 'a' as k) s on m.k = s.k when matched then update set v = 0")
        cursor.execute("rollback")
        assert self.rows(cursor) == [("a", 1), ("b", 2)]

    def test_with_bound_values(self, warehouse: Warehouse) -> None:
        with warehouse.connect(schema="DIALECT", paramstyle="qmark") as connection:
            cursor = connection.cursor()
            cursor.execute(
                "merge into m using (select ? as k, ? as v) s on m.k = s.k when matched then update set v = s.v "
                "when not matched then insert (k, v) values (s.k, s.v)",
                ("a", 42),
            )
            assert self.rows(cursor) == [("a", 42), ("b", 2)]


def test_update_and_delete_with_other_tables(cursor: Any) -> None:
    cursor.execute("create or replace table u as select k, v from n")
    cursor.execute("update u set v = s.v from (select 'b' as k, 30 as v) s where u.k = s.k")
    cursor.execute("delete from u using (select 'a' as k) s where u.k = s.k and u.v = 1")
    assert cursor.execute("select k, v from u order by k").fetchall() == [("a", 2), ("b", 30)]


def test_temporary_tables_are_the_sessions_own(warehouse: Warehouse, cursor: Any) -> None:
    cursor.execute("create or replace table shared (x int)")
    cursor.execute("insert into shared values (1)")
    with warehouse.connect(schema="DIALECT") as other:
        own = other.cursor()
        own.execute("create or replace temporary table MARS.DIALECT.shared as select 2 as x")
        assert own.execute("select x from shared").fetchall() == [(2,)]
        assert own.execute("with shared as (select 9 as x) select x from shared").fetchall() == [(9,)]
        own.execute("insert into MARS.DIALECT.shared values (3)")
        assert [row[0] for row in own.execute("describe table mars.dialect.shared").fetchall()] == ["X"]
        assert cursor.execute("select x from shared").fetchall() == [(1,)]
        own.execute("drop table MARS.DIALECT.shared")
        assert own.execute("select x from shared").fetchall() == [(1,)]
        own.execute("create temporary view MARS.DIALECT.v as select x from shared")
        assert own.execute("select x from dialect.v").fetchall() == [(1,)]
    with pytest.raises(ProgrammingError):
        cursor.execute("select * from v")


def test_comments_are_kept_and_may_hold_quotes(cursor: Any) -> None:
    cursor.execute("create or replace table c (k varchar, v int) comment = 'it''s'")
    cursor.execute("comment on table c is $$table's$$")
    cursor.execute('alter table MARS.DIALECT.c alter "K" comment $$key, "k"$$, "V" comment $$it\'s v$$\n/* tag; */;')
    cursor.execute("create or replace view cv (k comment $$first's$$) comment = $$a v$$ as select k from c")
    first = "select comment from information_schema.columns where table_name = 'CV'"
    assert cursor.execute(first).fetchall() == [("first's",)]
    cursor.execute('alter view cv alter "K" comment $$of a view$$')
    cursor.execute("comment on view cv is 'a view'")
    tables = "select table_name, table_type, comment from information_schema.tables where table_name in ('C', 'CV')"
    assert cursor.execute(tables + " order by 1").fetchall() == [
        ("C", "BASE TABLE", "table's"),
        ("CV", "VIEW", "a view"),
    ]
    columns = "select table_name, column_name, comment from information_schema.columns where table_schema = 'DIALECT'"
    assert cursor.execute(columns + " and table_name in ('C', 'CV') order by 1, 2").fetchall() == [
        ("C", "K", 'key, "k"'),
        ("C", "V", "it's v"),
        ("CV", "K", "of a view"),
    ]


def test_table_without_comment_has_none(cursor: Any) -> None:
    cursor.execute("create or replace table nc (k varchar)")
    found = cursor.execute("select comment from information_schema.tables where table_name = 'NC'").fetchall()
    assert found == [(None,)]


def test_column_types_are_snowflakes(cursor: Any) -> None:
    cursor.execute(
        "create or replace table ty as select sum(v) s, count(*) c, avg(v) a, max(ts) t, any_value(k) k from n"
    )
    described = {row[0]: row[1] for row in cursor.execute("describe table ty").fetchall()}
    assert described == {
        "S": "NUMBER(38,0)",
        "C": "NUMBER(38,0)",
        "A": "FLOAT",
        "T": "TIMESTAMP_NTZ(9)",
        "K": "VARCHAR(16777216)",
    }


@pytest.mark.parametrize(
    "statement",
    [
        "grant select on table n to role r",
        "use role r",
        "use warehouse w",
        "alter session set query_tag = 'x'",
        "alter session unset query_tag",
        "create warehouse if not exists w with warehouse_size = 'xsmall'",
        "create role if not exists r",
        "show grants on table n",
        "show parameters like 'query_tag' in session",
        "alter table n cluster by (v)",
        "truncate table if exists tr",
        "create or replace transient table tr cluster by (k) as select k from n",
    ],
)
def test_statements_without_a_counterpart_are_accepted(cursor: Any, statement: str) -> None:
    cursor.execute("create table if not exists tr (k varchar)")
    cursor.execute(statement)


CONTRACT = (
    "create or replace transient table ct (b timestamp_ntz not null, a integer, c varchar(10)) as (select * from "
    "(select b, a, c from (with x as (select 1.5 as s) select dateadd('millisecond', round(s * 1000)::integer, "
    "'1970-01-01'::timestamp_ntz) as b, 1 as a, {} as c from x) as model_subq) order by (a, b))"
)


def test_table_with_a_contract_from_a_query(cursor: Any) -> None:
    cursor.execute(CONTRACT.format("'x'"))
    assert cursor.execute("select * from ct").fetchall() == [(dt.datetime(1970, 1, 1, 0, 0, 1, 500000), 1, "x")]
    assert [(row[1], row[3]) for row in cursor.execute("describe table ct").fetchall()] == [
        ("TIMESTAMP_NTZ(9)", "N"),
        ("NUMBER(38,0)", "Y"),
        ("VARCHAR(10)", "Y"),
    ]
    with pytest.raises(DatabaseError, match="NOT NULL"):
        cursor.execute("insert into ct values (null, 1, 'y')")


def test_null_against_a_contract_fails_and_keeps_the_old_table(cursor: Any) -> None:
    cursor.execute("create or replace table nn (k varchar) as select 'old'")
    with pytest.raises(ProgrammingError, match="non-nullable column: K"):
        cursor.execute("create or replace table nn (k varchar not null) as select null::varchar")
    assert cursor.execute("select k from nn").fetchall() == [("old",)]


def test_contract_with_another_number_of_columns_is_refused(cursor: Any) -> None:
    with pytest.raises(ProgrammingError, match="the table has 1 columns, the query 2"):
        cursor.execute("create table wrong (a int) as select 1, 2")


def test_keys_are_declared_not_enforced(cursor: Any) -> None:
    cursor.execute(
        "create or replace table keyed (k varchar primary key, u int unique, r int references p (id), "
        "constraint f foreign key (r) references p (id), unique (u, r))"
    )
    cursor.execute("insert into keyed values ('a', 1, 1), ('a', 1, 99)")
    assert cursor.execute("select count(*) from keyed").fetchall() == [(2,)]
    with pytest.raises(DatabaseError, match="NOT NULL"):
        cursor.execute("insert into keyed values (null, 1, 1)")
    cursor.execute("create or replace table keyed (a int, b int, primary key (a, b))")
    with pytest.raises(DatabaseError, match="NOT NULL"):
        cursor.execute("insert into keyed values (1, null)")


def test_contract_over_a_union(cursor: Any) -> None:
    cursor.execute("create or replace table un (a int, b varchar) as select 1, 2 union all select 2, 3")
    assert cursor.execute("select * from un order by 1").fetchall() == [(1, "2"), (2, "3")]


def test_executemany_binds_rows(warehouse: Warehouse) -> None:
    with warehouse.connect(schema="DIALECT", paramstyle="qmark") as connection:
        cursor = connection.cursor()
        cursor.execute("create or replace table em (x int, s varchar, t timestamp_ntz)")
        rows = [
            (1, "a", dt.datetime(2024, 1, 2)),
            (2, None, dt.datetime(1969, 1, 2)),
            (3, "it's", dt.datetime(2024, 1, 2)),
        ]
        cursor.executemany("insert into em values (?, ?, ?)", rows)
        assert cursor.rowcount == 3
        assert cursor.execute("select * from em order by x").fetchall() == rows


def test_result_larger_than_one_batch(cursor: Any) -> None:
    cursor.execute("select seq4() as n, 'x' as s from table(generator(rowcount => 200000)) order by 1")
    rows = cursor.fetchall()
    assert len(rows) == 200_000
    assert rows[-1] == (199_999, "x")
