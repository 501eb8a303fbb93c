"""Snowflake's SQL means here what it means there: expressions with the answers that Snowflake documents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

from tests.warehouse.server import Warehouse

DOCUMENT = (
    '{"a":[{"b":1,"c":"x"},{"b":2}],"n":null,"s":"text","d":"2024-01-02","t":"2024-01-02T03:04:05Z",'
    '"o":{"k":1,"l":[]},"f":1.5}'
)


@pytest.fixture(scope="module")
def cursor(warehouse: Warehouse) -> Iterator[snowflake.connector.cursor.SnowflakeCursor]:
    """A cursor in a schema with two small tables: `p` (id, doc) and `n` (k, v, f, d, ts, dec)."""
    with warehouse.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create or replace schema MARS.DIALECT")
        cursor.execute("create table p as select 1 as id, parse_json(%s) as doc union all select 2, null", (DOCUMENT,))
        cursor.execute(
            "create table n (k varchar, v int, f float, d date, ts timestamp_ntz, dec number(10, 2)) cluster by (k)"
        )
        cursor.execute(
            "insert into n values ('a', 1, 1.5, '2024-01-01', '2024-01-01 00:00:00', 1.25), "
            "('a', 2, 2.5, '2024-01-31', '2024-01-31 12:00:00', 2.50), ('b', 3, null, null, null, null)"
        )
        yield cursor
        cursor.execute("drop schema MARS.DIALECT")


SEMI_STRUCTURED = [
    ("select doc['a'][0]['b']::int, doc['a'][1]['b']::int from p where id = 1", [(1, 2)]),
    ("select doc:a[0].b::int, doc:a[1]:b::int, doc:o.k::varchar from p where id = 1", [(1, 2, "1")]),
    ("select doc:s::string, get(doc, 's')::string, doc['s']::varchar from p where id = 1", [("text",) * 3]),
    ("select get_path(doc, 'o.k')::int, get(get(doc, 'a'), 1):b::int from p where id = 1", [(1, 2)]),
    ("select doc:n::string is null, doc:nope is null, doc:o is null from p where id = 1", [(True, True, False)]),
    ("select doc:d::date, doc:f::float from p where id = 1", [(dt.date(2024, 1, 2), 1.5)]),
    ("select doc:t::timestamp_ntz from p where id = 1", [(dt.datetime(2024, 1, 2, 3, 4, 5),)]),
    (
        "select typeof(doc:a), typeof(doc:o), typeof(doc:s), typeof(doc:n) from p where id = 1",
        [("ARRAY", "OBJECT", "VARCHAR", "NULL_VALUE")],
    ),
    ("select is_array(doc:a), is_object(doc:o), is_object(doc:a) from p where id = 1", [(True, True, False)]),
    (
        "select array_size(doc:a), array_size(doc:o.l), array_size(array_construct(1, null)) from p where id = 1",
        [(2, 0, 2)],
    ),
    (
        "select array_contains('x'::variant, array_construct('x', 'y')), "
        "array_contains(3::variant, parse_json('[1,2]'))",
        [(True, False)],
    ),
    ("select array_to_string(array_construct('a', 'b'), ','), array_construct(1, 2, 3)[1]::int", [("a,b", 2)]),
    (
        "select array_to_string(parse_json('[\"a\", 1, null]'), '-'), "
        "array_to_string(doc:o.l, ',') from p where id = 1",
        [("a-1-", "")],
    ),
    ("select object_construct('a', 1, 'b', null):a::int, object_construct('b', null)", [(1, "{}")]),
    (
        "select k, array_agg(v) within group (order by v desc) from n group by k order by k",
        [("a", "[2,1]"), ("b", "[3]")],
    ),
    ("select array_agg(distinct k) within group (order by k) from n", [('["a","b"]',)]),
    (
        "with d as (select doc:s as s, doc:n as n, doc:f as f from p where id = 1) "
        "select s::string, n::varchar, f::text from d",
        [("text", None, "1.5")],
    ),
    (
        "select to_varchar(v), v::string, d::varchar, dec::varchar from n where v = 1",
        [("1", "1", "2024-01-01", "1.25")],
    ),
    ("select 'x'::variant::string, 1::variant::int, null::variant is null", [("x", 1, True)]),
    ("select try_parse_json('{bad') is null, try_parse_json('{\"a\":1}'):a::int", [(True, 1)]),
]

FLATTEN = [
    (
        "select f.index, f.key, f.value:b::int, f.value:c::string from p, lateral flatten(input => doc:a) f "
        "where id = 1 "
        "order by 1",
        [(0, None, 1, "x"), (1, None, 2, None)],
    ),
    ("select id, f.value:b::int from p, lateral flatten(input => doc:a) f order by 1, 2", [(1, 1), (1, 2)]),
    (
        "select id, f.value:b::int from p, lateral flatten(input => doc:a, outer => true) f order by 1, 2",
        [(1, 1), (1, 2), (2, None)],
    ),
    (
        "select id, f.index from p, lateral flatten(input => doc:o.l, outer => true) f order by 1",
        [(1, None), (2, None)],
    ),
    ("select f.value:b::int from p, lateral flatten(input => doc, path => 'a') f order by 1", [(1,), (2,)]),
    ("select f.key, f.value::string from p, lateral flatten(input => doc:o) f order by 1", [("k", "1"), ("l", "[]")]),
    ("select f.value:b::int from p, table(flatten(input => doc:a)) f order by 1", [(1,), (2,)]),
    (
        "select f.index, f.value is null, f.value::string, f.path "
        "from (select parse_json(' [1, null, \"x\"]') as v) t, lateral flatten(input => t.v) f order by 1",
        [(0, False, "1", "[0]"), (1, False, None, "[1]"), (2, False, "x", "[2]")],
    ),
    ("select f.value from (select parse_json('7') as v) t, lateral flatten(input => t.v) f", []),
    (
        "select f.index, f.key from (select parse_json('7') as v) t, lateral flatten(t.v, outer => true) f",
        [(None, None)],
    ),
    ("select count(*) from p, lateral flatten(doc:a) f, lateral flatten(doc:a) g", [(4,)]),
]

NUMBERS = [
    ("select 7 / 2, 1.0 / 4, 7 % 3, mod(7, 3)", [(3.5, 0.25, 1, 1)]),
    ("select div0(1, 0), div0(v, v), div0null(1, null) from n where v = 2", [(0, 1, 0)]),
    ("select iff(v = 1, 0, 10 / (v - 1)) from n order by v", [(0,), (10,), (5,)]),
    ("select sum(v), sum(dec), count(*), count_if(v > 1) from n", [(6, Decimal("3.75"), 3, 2)]),
    ("select sum(9007199254740993::int)", [(9007199254740993,)]),
    ("select try_to_number('12'), try_to_number('x'), try_to_number('12.345', 10, 2)", [(12, None, Decimal("12.35"))]),
    (
        "select zeroifnull(null), nvl(null, 1), coalesce(null, 2), nullif(1, 1), greatest(1, 2), least(1, 2)",
        [(0, 1, 2, None, 2, 1)],
    ),
    ("select round(2.5), round(-2.5), floor(1.5), ceil(1.2), abs(-1)", [(3, -3, 1, 2, 1)]),
    ("select greatest(1, null), least(1, null)", [(None, None)]),
    ("select 1.555::number(10, 2), '5.5'::int, 5.5::int", [(Decimal("1.56"), 6, 6)]),
]

NESTED = [
    ("select trim(ltrim('0 a ', '0')) || '|', md5(trim(' a '))", [("a|", "0cc175b9c0f1b6a831c399e269772661")]),
    ("select object_construct('a', object_construct('b', null)):a", [("{}",)]),
    ("select regexp_substr(regexp_substr('xab12', '[a-z]+[0-9]+', 2), '[0-9]')", [("1",)]),
    ("select array_size(array_construct(array_construct(1, 2), array_construct()))", [(2,)]),
    ("select split(split('a;b,c', ',')[0]::string, ';')[1]::string", [("b",)]),
    ("select array_agg(object_construct('n', a)) from (select count(*) as a from n where k = 'a')", [('[{"n":2}]',)]),
    (
        "select typeof(get(doc, 'a')), try_to_timestamp(trim(' 2024-01-01 ')) from p where id = 1",
        [("ARRAY", dt.datetime(2024, 1, 1))],
    ),
]

TEXT = [
    (
        "select ltrim('00a0', '0'), rtrim('0a00', '0'), trim('xax', 'x'), ltrim(' a ') || '|'",
        [("a0", "0a", "a", "a |")],
    ),
    (
        "select split_part('a/b/c', '/', -1), split_part('a/b/c', '/', 2), split('a,b', ',')[1]::string",
        [("c", "b", "b")],
    ),
    (
        "select regexp_substr('ab12cd34', '([a-z]+)([0-9]+)', 1, 2, 'e', 2), regexp_substr('NLB_123', '[0-9]+')",
        [("34", "123")],
    ),
    (
        r"select regexp_substr('F123', '^F([0-9]{3})$', 1, 1, 'e'), regexp_substr('a.b', '\\w+\\.\\w+')",
        [("123", "a.b")],
    ),
    (
        "select regexp_like('abc', 'a.c'), regexp_like('xabc', 'a.c'), regexp_replace('a1b2', '[0-9]', '')",
        [(True, False, "ab")],
    ),
    ("select listagg(k, ',') within group (order by v), listagg(distinct k, '|') from n", [("a,a,b", "a|b")]),
    (
        "select md5('a'), md5(1), sha2('a', 256)",
        [
            (
                "0cc175b9c0f1b6a831c399e269772661",
                "c4ca4238a0b923820dcc509a6f75849b",
                "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
            )
        ],
    ),
    ("select concat('a', null), 'a' || null, 'abc' ilike 'A%', startswith('abc', 'a')", [(None, None, True, True)]),
    (
        "select lpad('7', 3, '0'), charindex('b', 'abc'), initcap('ab cd'), substr('abcdef', 2, 3)",
        [("007", 2, "Ab Cd", "bcd")],
    ),
]

TIME = [
    (
        "select datediff(day, '2024-01-01'::date, '2024-01-31'::date), dateadd(day, 1, '2024-01-01'::date)",
        [(30, dt.date(2024, 1, 2))],
    ),
    (
        "select datediff(month, '2024-01-31'::date, '2024-02-01'::date), datediff('second', ts, ts) from n where v = 1",
        [(1, 0)],
    ),
    ("select dateadd('hour', -1, '2024-01-01'::timestamp_ntz)", [(dt.datetime(2023, 12, 31, 23),)]),
    ("select dateadd(second, v, ts) from n where v = 2", [(dt.datetime(2024, 1, 31, 12, 0, 2),)]),
    (
        "select try_to_date('2024-01-02'), try_to_date('x'), try_to_timestamp('x'), "
        "try_cast(k as timestamp_ntz) from n limit 1",
        [(dt.date(2024, 1, 2), None, None, None)],
    ),
    (
        "select to_timestamp_ntz('2024-01-02T03:04:05'), to_timestamp_ntz(1700000000)",
        [(dt.datetime(2024, 1, 2, 3, 4, 5), dt.datetime(2023, 11, 14, 22, 13, 20))],
    ),
    ("select to_timestamp(1700000000123, 3)", [(dt.datetime(2023, 11, 14, 22, 13, 20, 123000),)]),
    ("select null::timestamp_ntz, ts from n where v = 3", [(None, None)]),
    ("select '1969-12-31 23:59:59.250'::timestamp_ntz", [(dt.datetime(1969, 12, 31, 23, 59, 59, 250000),)]),
    ("select to_varchar(d, 'YYYYMMDD'), dayofyear(d), year(d) from n where v = 2", [("20240131", 31, 2024)]),
    (
        "select convert_timezone('UTC', current_timestamp())::timestamp_ntz > '2020-01-01', sysdate() > '2020-01-01'",
        [(True, True)],
    ),
    (
        "select date_from_parts(2024, 1, 2), timestamp_from_parts(2024, 1, 2, 3, 4, 5)",
        [(dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5))],
    ),
]

QUERIES = [
    (
        "select k, v from n qualify row_number() over (partition by k order by v desc) = 1 order by k",
        [("a", 2), ("b", 3)],
    ),
    (
        "select v, lag(v) over (order by v), sum(v) over (order by v rows between unbounded preceding and current row) "
        "from n order by v",
        [(1, None, 1), (2, 1, 3), (3, 2, 6)],
    ),
    (
        "select last_value(v) ignore nulls over (partition by k order by v rows between "
        "unbounded preceding and unbounded "
        "following) from n order by v",
        [(2,), (2,), (3,)],
    ),
    ("select v as x, x + 1 as y from n where y > 2 order by y", [(2, 3), (3, 4)]),
    ("select k, sum(v) from n group by all order by k", [("a", 3), ("b", 3)]),
    ("with recursive r as (select 1 as i union all select i + 1 from r where i < 5) select count(*) from r", [(5,)]),
    (
        "select row_number() over (order by seq4()) - 1 from table(generator(rowcount => 3)) order by 1",
        [(0,), (1,), (2,)],
    ),
    ("select * exclude (f, d, ts, dec) from n where v = 3", [("b", 3)]),
    ("select min_by(k, v), max_by(k, v), any_value(1), median(v), boolor_agg(v > 2) from n", [("a", "b", 1, 2, True)]),
    ("select column1 from values (1), (2) order by 1", [(1,), (2,)]),
    ("select 1 -- comment\n", [(1,)]),
    ("/* tag */ select 1;", [(1,)]),
]


@pytest.mark.parametrize(("statement", "rows"), [*SEMI_STRUCTURED, *FLATTEN, *NUMBERS, *NESTED, *TEXT, *TIME, *QUERIES])
def test_answer(cursor: Any, statement: str, rows: list[tuple[Any, ...]]) -> None:
    assert cursor.execute(statement).fetchall() == rows


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("select 1 / 0", "Division by zero"),
        ("select v / (v - 1) from n", "Division by zero"),
        ("select mod(v, 0) from n", "Division by zero"),
        ("select * from p, lateral flatten(input => doc, recursive => true)", "RECURSIVE"),
        ("create function f(x int) returns int as 'x + 1'", "CREATE FUNCTION"),
        ("select 'x'::int", "Could not convert"),
        ("select * from no_such_table", "NO_SUCH_TABLE"),
        ("select to_char(v, '999') from n", "TO_CHAR with the format '999'"),
        ("select regexp_instr('a1', '[0-9]', 1, 1, 0, 'c', 1)", "not support"),
        ("remove @s pattern = '.*'", "without PATTERN"),
    ],
)
def test_what_is_refused_says_why(cursor: Any, statement: str, words: str) -> None:
    with pytest.raises(ProgrammingError, match=words):
        cursor.execute(statement)


def test_paths_of_one_column_share_a_parse(cursor: Any) -> None:
    """Also where the same column is used in other clauses, with other tables, and as text and as value."""
    cursor.execute(
        "select p.doc:s::string, p.doc:o.k, p.doc:a[0].b::int + p.doc:a[1].b::int, upper(p.doc:s), "
        "row_number() over (order by p.doc:f::float, p.doc:s) from p join n on n.v = p.doc:o.k "
        "where p.doc:s::string = 'text' and p.doc:f > 1 order by p.doc:d"
    )
    assert cursor.fetchall() == [("text", "1", 3, "TEXT", 1)]
    cursor.execute("select doc:s::string s, doc:o.k::int k, count(*) from p where id = 1 group by doc:s::string, k")
    assert cursor.fetchall() == [("text", 1, 1)]
    cursor.execute("select distinct doc:s::string, doc:d::string from p order by doc:s::string nulls last limit 1")
    assert cursor.fetchall() == [("text", "2024-01-02")]


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


def test_flatten_over_ctes_does_not_copy_the_array_per_element(cursor: Any) -> None:
    """10 documents of 2,000 elements and 300 KB: a copy per element would take 6 GB of the 1 GB that there is."""
    cursor.execute(
        "create or replace table big as select d.n, parse_json('[' || listagg('{\"e\":' || e.n || ',\"pad\":\"' || "
        "repeat('x', 120) || '\"}', ',') || ']') as doc from "
        "(select seq4() as n from table(generator(rowcount => 10))) d, "
        "(select seq4() as n from table(generator(rowcount => 2000))) e group by d.n"
    )
    cursor.execute(
        "with source as (select * from big), filtered as (select n, doc from source where n >= 0), "
        "flat as (select f.n, x.value:e::int as e, x.index from filtered f, lateral flatten(input => f.doc) x) "
        "select count(*), sum(flat.e), count(distinct source.n) from flat join source on source.n = flat.n"
    )
    assert cursor.fetchall() == [(20_000, 10 * 1999 * 2000 // 2, 10)]


@pytest.mark.parametrize(
    "condition",
    [
        "where f.index > 3",
        "where f.value:id::int > 0 and r.id = 1",
        "where f.value:id::string = '5'",
        "where contains(r.k, f.value:id::string)",
        "outer id = '5'",
        "outer contains(k, id)",
        "outer i > 3",
        "outer i is not null",
        "outer k = 'k1'",
        "outer number > 5",
    ],
)
@pytest.mark.parametrize("source", ["src", "(select s.* from src s join p on p.id = s.id)"])
def test_conditions_do_not_turn_flatten_into_a_join_by_document(cursor: Any, source: str, condition: str) -> None:
    cursor.execute(
        "create or replace table src as select 'k' || seq4() as k, seq4() as id, "
        'parse_json(\'[{"id":1},{"id":2}]\') as doc from table(generator(rowcount => 60))'
    )
    where = condition if condition.startswith("where") else ""
    flat = (
        "select r.k, r.id as number, f.index::int as i, f.value:id::string as id, f.value:x::int as x "
        f"from {source} r, lateral flatten(input => r.doc) f {where}"
    )
    sql = flat if where else f"select * from ({flat}) where {condition.removeprefix('outer ')}"
    plan = str(cursor.execute("explain " + sql).fetchall())
    assert "Unnest" in plan
    assert "delim" not in plan


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
