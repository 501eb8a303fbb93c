"""Transactions as Snowflake's clients expect them, on a database with other rules."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError, ProgrammingError

from tests.warehouse.server import Sql, Warehouse


def test_rollback_undoes_and_commit_keeps(sql: Sql) -> None:
    sql("create table t (x int)")
    sql("begin")
    sql("insert into t values (1)")
    sql("rollback")
    sql("begin transaction")
    sql("insert into t values (2)")
    sql("commit")
    assert sql("select x from t") == [(2,)]


def test_commit_after_a_failed_statement_is_an_error(sql: Sql) -> None:
    sql("create table t (x int)")
    sql("begin")
    sql("insert into t values (1)")
    with pytest.raises(ProgrammingError):
        sql("select 1/0")
    with pytest.raises(DatabaseError, match="rolled back: nothing of it is stored"):
        sql("commit")
    assert sql("select count(*) from t") == [(0,)]


def test_statement_after_a_failed_one_says_what_to_do(sql: Sql) -> None:
    sql("begin")
    with pytest.raises(ProgrammingError):
        sql("select * from no_such_table")
    with pytest.raises(DatabaseError, match="send ROLLBACK first"):
        sql("select 1")
    sql("rollback")
    assert sql("select 1") == [(1,)]


def test_syntax_error_leaves_the_transaction_alive(sql: Sql) -> None:
    sql("create table t (x int)")
    sql("begin")
    sql("insert into t values (1)")
    with pytest.raises(ProgrammingError):
        sql("selec 1 frm")
    sql("commit")
    assert sql("select count(*) from t") == [(1,)]


def test_ddl_commits_what_is_open(sql: Sql) -> None:
    sql("create table t (x int)")
    sql("begin")
    sql("insert into t values (1)")
    sql("create table u (x int)")
    sql("rollback")
    assert sql("select count(*) from t") == [(1,)]
    assert sql("select count(*) from u") == [(0,)]


def test_begin_inside_a_transaction_changes_nothing(sql: Sql) -> None:
    sql("create table t (x int)")
    sql("begin")
    sql("insert into t values (1)")
    sql("begin")
    sql("rollback")
    assert sql("select count(*) from t") == [(0,)]


@pytest.mark.parametrize("statement", ["commit", "rollback"])
def test_ending_no_transaction_is_no_error(sql: Sql, statement: str) -> None:
    assert sql(statement) == [("Statement executed successfully.",)]


def test_connection_without_autocommit(warehouse: Warehouse, schema: str, sql: Sql) -> None:
    sql("create table t (x int)")
    with warehouse.connect(schema=schema, autocommit=False) as other:
        other.cursor().execute("insert into t values (1)")
        assert sql("select count(*) from t") == [(0,)]
        other.commit()
        assert sql("select count(*) from t") == [(1,)]
        other.cursor().execute("insert into t values (2)")
        other.rollback()
    assert sql("select count(*) from t") == [(1,)]


def test_closing_the_connection_rolls_back(warehouse: Warehouse, schema: str, sql: Sql) -> None:
    sql("create table t (x int)")
    other = warehouse.connect(schema=schema)
    other.cursor().execute("begin")
    other.cursor().execute("delete from t")
    other.cursor().execute("insert into t values (1)")
    other.close()
    sql("update t set x = 2")
    assert sql("select count(*) from t") == [(0,)]


def test_second_writer_waits_and_sees_the_first(warehouse: Warehouse, schema: str, sql: Sql) -> None:
    """Two loaders of the same object: with DuckDB's own rules both would see no row, and both insert one."""
    sql("create table ledger (k varchar, n int)")
    merge = (
        "merge into ledger using (select 'a' as k) s on ledger.k = s.k "
        "when matched then update set n = ledger.n + 1 when not matched then insert (k, n) values (s.k, 1)"
    )
    sql("begin")
    sql(merge)
    waiting, done = threading.Event(), threading.Event()

    def second() -> None:
        with warehouse.connect(schema=schema) as other:
            other.cursor().execute("begin")
            waiting.set()
            other.cursor().execute(merge)
            other.cursor().execute("commit")
            done.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert waiting.wait(10)
    assert not done.wait(0.5), "the second writer did not wait for the first"
    sql("commit")
    assert done.wait(20)
    thread.join()
    assert sql("select k, n from ledger") == [("a", 2)]


def test_readers_do_not_wait_for_writers(warehouse: Warehouse, schema: str, sql: Sql) -> None:
    sql("create table t (x int)")
    sql("begin")
    sql("insert into t values (1)")
    sql("delete from t where x = 2")
    with warehouse.connect(schema=schema) as other:
        assert other.cursor().execute("select count(*) from t").fetchall() == [(0,)]
    sql("commit")


def test_waiting_for_a_lock_ends(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse(lock_timeout="0.3").start()
    with server.connect() as one, server.connect() as other:
        one.cursor().execute("create table t (x int)")
        one.cursor().execute("begin")
        one.cursor().execute("delete from t")
        with pytest.raises(DatabaseError, match=r"has locked MARS\.BRONZE\.T"):
            other.cursor().execute("update t set x = 1")


def test_forgotten_transaction_is_rolled_back_and_its_client_told(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse(idle_transaction="1").start()
    with server.connect() as forgetful, server.connect() as other:
        forgetful.cursor().execute("create table t (x int)")
        forgetful.cursor().execute("begin")
        forgetful.cursor().execute("insert into t values (1)")
        forgetful.cursor().execute("delete from t where x = 2")
        other.cursor().execute("update t set x = 3")  # waits until the lock is given back
        with pytest.raises(DatabaseError, match="nothing of it is stored"):
            forgetful.cursor().execute("commit")
        assert other.cursor().execute("select count(*) from t").fetchall() == [(0,)]


def test_four_writers_lose_nothing(warehouse: Warehouse, schema: str, sql: Sql) -> None:
    sql("create table t (writer int, n int)")
    sql("create table counters (writer int, n int)")
    sql("insert into counters select column1, 0 from values (0), (1), (2), (3)")
    errors: list[BaseException] = []

    def write(writer: int, connection: SnowflakeConnection) -> None:
        try:
            for n in range(25):
                connection.cursor().execute(f"insert into t values ({writer}, {n})")
                connection.cursor().execute("update counters set n = n + 1")
        except BaseException as error:
            errors.append(error)

    connections = [warehouse.connect(schema=schema) for _ in range(4)]
    threads = [threading.Thread(target=write, args=(i, c)) for i, c in enumerate(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    assert not errors
    assert sql("select count(*), count(distinct writer, n) from t") == [(100, 100)]
    assert sql("select distinct n from counters") == [(100,)]
