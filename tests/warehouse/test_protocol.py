"""Logging in, long statements, repeated requests, cancelling: what the wire protocol promises."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

import pytest
import snowflake.connector

from tests.warehouse.rest import Rest
from tests.warehouse.server import PASSWORD, USER, Sql, Warehouse

SLOW = (
    "with r as (select seq4() as n from table(generator(rowcount => 40000))) "
    "select count(*) from r a, r b where a.n > b.n"
)


def test_wrong_password_is_refused_at_once(warehouse: Warehouse) -> None:
    started = time.monotonic()
    with pytest.raises(snowflake.connector.errors.DatabaseError, match="Incorrect username or password"):
        warehouse.connect(password="wrong", login_timeout=20)
    assert time.monotonic() - started < 15, "the connector took the refusal for an outage"


@pytest.mark.parametrize("user", ["", "someone"])
def test_wrong_or_missing_user_is_refused(warehouse: Warehouse, user: str) -> None:
    assert Rest(warehouse.port).login(user, PASSWORD)["code"] == "390100"


def test_user_is_compared_without_case(warehouse: Warehouse) -> None:
    assert Rest(warehouse.port).login(USER.upper(), PASSWORD)["success"]


def test_password_is_not_in_the_log(warehouse: Warehouse) -> None:
    warehouse.connect().close()
    assert PASSWORD not in warehouse.log.read_text()


def test_statement_without_session_is_refused(warehouse: Warehouse) -> None:
    answer = Rest(warehouse.port).query("select 1")
    assert (answer["success"], answer["code"]) == (False, "390104")


def test_session_ends_with_its_connection(warehouse: Warehouse) -> None:
    rest = Rest(warehouse.port)
    rest.login(USER, PASSWORD)
    assert rest.call("POST", "/session/heartbeat")["success"]
    assert rest.call("POST", "/session?delete=true")["success"]
    assert not rest.call("POST", "/session/heartbeat")["success"]


def test_unforeseen_error_is_an_sql_error_not_an_outage(sql: Sql) -> None:
    started = time.monotonic()
    with pytest.raises(snowflake.connector.errors.ProgrammingError):
        sql("select no_such_function(1)")
    assert time.monotonic() - started < 15, "the connector repeated what can only fail"


def test_body_that_is_not_json_is_an_error(warehouse: Warehouse) -> None:
    rest = Rest(warehouse.port)
    rest.login(USER, PASSWORD)
    assert rest.call("POST", "/queries/v1/query-request", ["no", "object"])["code"] == "390400"


def test_repeated_request_runs_once(warehouse: Warehouse, schema: str, sql: Sql) -> None:
    sql("create table t (x int)")
    rest = Rest(warehouse.port)
    rest.login(USER, PASSWORD)
    request_id = str(uuid.uuid4())
    first, second = (rest.query(f"insert into {schema}.t values (1)", request_id) for _ in range(2))
    assert first["success"]
    assert second["data"]["rowset"] == first["data"]["rowset"]
    assert sql("select count(*) from t") == [(1,)]


def test_request_id_of_another_session_gives_nothing_away(warehouse: Warehouse) -> None:
    one, other = Rest(warehouse.port), Rest(warehouse.port)
    one.login(USER, PASSWORD)
    other.login(USER, PASSWORD)
    one.query("select 'secret'", "shared-id")
    assert other.call("GET", "/queries/shared-id/result")["code"] == "000709"


def test_long_statement_is_polled(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse(statement_wait="0.05").start()
    rest = Rest(server.port)
    rest.login(USER, PASSWORD)
    answer = rest.query(SLOW)
    assert answer["code"] == "333334"
    polls = 0
    while answer["code"] == "333334":
        answer = rest.call("GET", answer["data"]["getResultUrl"])
        polls += 1
    assert answer["success"]
    assert polls > 1
    with server.connect() as connection:
        assert connection.cursor().execute(SLOW).fetchall() == [(40000 * 39999 // 2,)]


def test_cancelling_ends_the_statement(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        cursor = connection.cursor()
        very_slow = SLOW.replace("40000", "4000000")
        with pytest.raises(snowflake.connector.errors.ProgrammingError):
            cursor.execute(very_slow, timeout=1)
        assert connection.cursor().execute("select 1").fetchall() == [(1,)]


def test_sessions_run_side_by_side(warehouse: Warehouse) -> None:
    with warehouse.connect() as one, warehouse.connect() as other:
        slow = threading.Thread(target=lambda: one.cursor().execute(SLOW))
        slow.start()
        assert other.cursor().execute("select 1").fetchall() == [(1,)]
        slow.join()


def test_upload_needs_the_servers_signature(warehouse: Warehouse) -> None:
    rest = Rest(warehouse.port)
    assert rest.upload("/stages/MARS/BRONZE/S/x.json") == 401
    assert rest.upload("/stages/MARS/BRONZE/S/x.json?expires=99999999999&signature=00") == 401


def test_session_parameters_and_names(warehouse: Warehouse) -> None:
    with warehouse.connect(session_parameters={"QUERY_TAG": "test"}) as connection:
        cursor = connection.cursor()
        assert cursor.execute("select current_database(), current_schema()").fetchall() == [("MARS", "BRONZE")]
        cursor.execute("use schema silver")
        assert connection.schema == "SILVER"
