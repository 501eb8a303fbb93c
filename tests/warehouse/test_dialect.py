"""Snowflake's SQL means here what it means there: expressions with the answers that Snowflake documents."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

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


def test_haversine_measures_on_the_earth(cursor: Any) -> None:
    """As Snowflake's does, in km of a sphere of 6,371 km: a degree of the equator is 111 km there, 59 on Mars."""
    ((km,),) = cursor.execute("select haversine(0, 0, 0, 1)").fetchall()
    assert km == pytest.approx(6371 * math.pi / 180, abs=0.001)


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
        ("select hash('a')", "use MD5 or SHA2"),
        ("select hash_agg(v) from n", "hash_agg"),
        ("select to_varchar(d, 'DDD') from n", "TO_CHAR with the format 'DDD'"),
        ("select to_date('2024-032', 'YYYY-DDD')", "could not|Could not"),
        ("select v from n order by all", "ALL"),
        ("select object_insert(doc, 'a', 1) from p", "struct_insert"),
        ("select width_bucket(v, 0, 10, 5) from n", "width_bucket"),
        ("select ratio_to_report(v) over () from n", "ratio_to_report"),
        ("select as_integer(doc:f) from p", "as_integer"),
        ("select parse_url('http://a/b')", "PARSE_URL"),
        ("select to_geography('POINT(1 2)')", "GEOGRAPHY"),
        ("select ls from (select 1 as ls) where ls < 2", "Expecting >"),
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
