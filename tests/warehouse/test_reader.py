"""The read-only user of the embedded warehouse: what it may do, and all that it may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import snowflake.connector
from snowflake.connector.errors import ProgrammingError

from tests.warehouse.server import PASSWORD, READER, READER_PASSWORD, Warehouse


@pytest.fixture(scope="module")
def tables(server: Warehouse) -> Warehouse:
    with server.connect() as owner:
        cursor = owner.cursor()
        cursor.execute("create table GOLD.T as select 1 as X, parse_json('[1,2]') as V")
        cursor.execute("create table SILVER.S as select 2 as X")
        cursor.execute("create table SILVER.T as select 9 as X")
        cursor.execute("create view GOLD.W as select X from GOLD.T")
        cursor.execute("create table BRONZE.B as select 3 as X")
    return server


@pytest.fixture
def reader(tables: Warehouse) -> Iterator[snowflake.connector.SnowflakeConnection]:
    with tables.connect(user=READER.upper(), password=READER_PASSWORD) as connection:
        yield connection


def test_it_reads_tables_views_and_the_catalog(reader: snowflake.connector.SnowflakeConnection) -> None:
    cursor = reader.cursor()
    for statement in (
        "select X from GOLD.T",
        "select * from GOLD.W",
        "with A as (select X from GOLD.T) select X from A union all select X from SILVER.S order by 1 limit 1",
        "select distinct T.X from GOLD.T, lateral flatten(input => T.V) F",
        "select 1 from table(generator(rowcount => 1))",
    ):
        assert cursor.execute(statement).fetchall() == [(1,)], statement
    assert cursor.execute("select count(*) from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = 'GOLD'").fetchone() == (
        2,
    )
    for statement in ("show tables in schema GOLD", "describe table GOLD.T", "explain select X from GOLD.T"):
        assert cursor.execute(statement).fetchall(), statement
    for statement in ("use schema SILVER", "use role MARS", "begin", "select X from S", "rollback"):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into GOLD.T (X) values (2)",
        "update GOLD.T set X = 2",
        "delete from GOLD.T",
        "merge into GOLD.T using SILVER.S on T.X = S.X when matched then delete",
        "truncate table GOLD.T",
        "create table GOLD.NEW (X int)",
        "create or replace view GOLD.W as select 7 as X",
        "create temporary table TEMP_T (X int)",
        "alter table GOLD.T add column Y int",
        "drop table GOLD.T",
        "drop schema GOLD",
        "create database OTHER",
        "comment on table GOLD.T is 'mine'",
        "alter table GOLD.T alter column X comment 'mine'",
        "copy into GOLD.T from @BRONZE.LOAD_FILES",
        "put file:///etc/hostname @BRONZE.LOAD_FILES",
        "list @BRONZE.LOAD_FILES",
        "remove @BRONZE.LOAD_FILES/x",
        "select $1 from @BRONZE.LOAD_FILES/x",
        "set MINE = 1",
        "call SYSTEM$WAIT(1)",
        "select * from read_text('/proc/self/environ')",
        "select * from read_csv('x.csv')",
        "select * from table(read_json('x.json'))",
        "select * from '/proc/self/environ'",
        'select * from "/data/databases/MARS.db"',
        "select * from duckdb_settings()",
        "select * from query('drop table GOLD.T')",
        "with A as (select * from glob('*')) select * from A",
        "explain select * from read_text('x')",
        "select * from identifier('read_text(lower(''/proc/self/environ''))')",
        "select * from identifier('glob(''*'')')",
        "select * from identifier('duckdb_settings()')",
        "select * from identifier('GOLD.T')",
        "select * from table(identifier('duckdb_databases')())",
        "select * from identifier('enable_logging()')",
        "select * from pg_settings",
        "select * from pg_catalog.pg_settings",
        "select * from duckdb_settings",
        "select current_setting('secret_directory')",
        "pragma database_list",
        "begin; drop table GOLD.T",
    ],
)
def test_it_may_do_nothing_else(reader: snowflake.connector.SnowflakeConnection, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused:
        reader.cursor().execute(statement)
    assert PASSWORD not in str(refused.value)
    assert reader.cursor().execute("select X from GOLD.T").fetchall() == [(1,)], "the session goes on"


def test_a_write_is_told_in_a_sentence(reader: snowflake.connector.SnowflakeConnection) -> None:
    for statement in ("delete from GOLD.T", "drop table GOLD.T", "create table GOLD.NEW (X int)"):
        with pytest.raises(ProgrammingError, match=r"may only read.*--owner"):
            reader.cursor().execute(statement)


def test_the_engine_itself_refuses_what_the_reader_writes() -> None:
    """Were a statement taken for harmless that is not, its transaction would still be one that only reads."""
    import duckdb
    from mm_warehouse.transaction import TransactionalConnection

    connection = TransactionalConnection(duckdb.connect(), on_end=lambda: None)
    connection.execute("create table t (x int)")
    with pytest.raises(duckdb.TransactionException, match="read-only"), connection.reading():
        connection.execute("insert into t values (1)")
    assert connection.execute("select count(*) from t").fetchone() == (0,)


@pytest.mark.parametrize(("user", "password"), [(READER, PASSWORD), (READER, ""), ("", ""), ("mars", READER_PASSWORD)])
def test_it_has_a_password_of_its_own(tables: Warehouse, user: str, password: str) -> None:
    from tests.warehouse.rest import Rest

    assert Rest(tables.port).login(user, password)["code"] == "390100"


def test_without_a_reader_nobody_logs_in_with_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.warehouse.rest import Rest

    server = Warehouse(tmp_path_factory.mktemp("alone"), reader_user="", reader_password="").start()
    try:
        assert Rest(server.port).login("", "")["code"] == "390100"
    finally:
        server.kill()


def test_names_are_looked_up_along_the_search_path(tables: Warehouse) -> None:
    told = {"session_parameters": {"SEARCH_PATH": "$current, GOLD, SILVER"}}
    for options in (told, told | {"schema": "NOWHERE"}, told | {"user": READER, "password": READER_PASSWORD}):
        with tables.connect(**options) as connection:
            cursor = connection.cursor()
            assert cursor.execute("select X from T").fetchall() == [(1,)], "gold comes before silver"
            assert cursor.execute("select X from s").fetchall() == [(2,)]
            cursor.execute("use schema SILVER")
            assert cursor.execute("select X from T").fetchall() == [(9,)], "the current schema comes first"
            assert cursor.execute("select X from W").fetchall() == [(1,)]
    with tables.connect() as connection:
        cursor = connection.cursor()
        with pytest.raises(ProgrammingError):
            cursor.execute("select X from S")
        cursor.execute("alter session set search_path = '$current, silver'")
        assert cursor.execute("select X from S").fetchall() == [(2,)]
