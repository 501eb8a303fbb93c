"""What the read-only user may run, decided by the parsed statement alone."""

import pytest
from fakesnow.dialect import parse_one
from mm_warehouse.errors import SqlError
from mm_warehouse.reader import check
from mm_warehouse.search_path import statement_of, value_of

FUNCTIONS = frozenset({"read_csv", "glob", "duckdb_settings", "unnest", "range", "query"})


@pytest.mark.parametrize(
    "statement",
    [
        "select * from GOLD.PHOTOS",
        "with a as (select 1 as x) select x from a union all select 2",
        "select f.value from t, lateral flatten(input => t.v) f",
        "select * from table(result_scan(last_query_id()))",
        "show tables in schema GOLD",
        "describe table GOLD.PHOTOS",
        "use schema GOLD",
        'select "odd name", read_at from T',
        "values (1), (2)",
    ],
)
def test_looking_passes(statement: str) -> None:
    check(parse_one(statement), FUNCTIONS)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into T values (1)",
        "select 1 into T",
        "create table T (X int)",
        "set x = 1",
        "call f()",
        "select * from read_csv('x')",
        "select * from table(read_csv('*'))",
        "with a as (select * from query('drop table t')) select * from a",
        "select (select max(value) from duckdb_settings())",
        "select * from 'x.csv'",
        'select * from "a/b"',
        'select * from "passwords.csv"',
        "select $1 from @STAGE/x",
    ],
)
def test_all_else_is_refused(statement: str) -> None:
    with pytest.raises(SqlError, match="may only read"):
        check(parse_one(statement), FUNCTIONS)


def test_a_search_path_is_read_as_snowflake_writes_it() -> None:
    assert value_of("$current, $public, gold, SILVER, gold") == ("GOLD", "SILVER")
    assert value_of("") == ()
    assert statement_of("alter session set search_path = '$current, gold';") == ("GOLD",)
    assert statement_of("alter session set query_tag = 'gold'") is None
    assert statement_of("select 'alter session set search_path = x'") is None
