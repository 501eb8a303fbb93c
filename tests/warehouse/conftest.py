"""Fixtures for tests that talk to the real embedded warehouse as production code does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector

from tests.warehouse.server import Sql, Warehouse
from tests.warehouse.transforms import Published, publishing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder starts the server."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.warehouse)


def _end(server: Warehouse) -> None:
    if server._process is not None and server.process.poll() is None:
        server.kill()


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One server for all tests that only need a warehouse; they keep to schemas of their own."""
    server = Warehouse(tmp_path_factory.mktemp("warehouse"))
    try:
        yield server.start()
    finally:
        _end(server)


@pytest.fixture
def new_warehouse(tmp_path: Path) -> Iterator[Callable[..., Warehouse]]:
    """Makes servers (not started) of one's own, to stop, kill, fill up or configure."""
    servers: list[Warehouse] = []

    def make(**settings: str) -> Warehouse:
        servers.append(Warehouse(tmp_path / f"warehouse-{len(servers)}", **settings))
        return servers[-1]

    yield make
    for server in servers:
        _end(server)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A server for the tests of one file, which begin with nothing in it."""
    running = Warehouse(tmp_path_factory.mktemp("server")).start()
    yield running
    running.kill()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, server: Warehouse) -> Published:
    """Where the schedules of this file's transform runs go."""
    return publishing(monkeypatch, server)


@pytest.fixture
def schema(warehouse: Warehouse, request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of the test's own in database MARS, dropped afterwards."""
    name = "T_" + "".join(c if c.isalnum() else "_" for c in request.node.name).upper()[:60]
    with warehouse.connect() as connection:
        connection.cursor().execute(f"create or replace schema MARS.{name}")
        yield name
        connection.cursor().execute(f"drop schema if exists MARS.{name}")


@pytest.fixture
def connection(warehouse: Warehouse, schema: str) -> Iterator[snowflake.connector.SnowflakeConnection]:
    """A connection whose current schema is the test's own; values are bound by the server (qmark)."""
    with warehouse.connect(schema=schema, paramstyle="qmark") as opened:
        yield opened


@pytest.fixture
def sql(connection: snowflake.connector.SnowflakeConnection) -> Sql:
    """Runs a statement on `connection` and gives its rows."""

    def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return connection.cursor().execute(statement, values or None).fetchall()  # type: ignore[union-attr, return-value]

    return run


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
