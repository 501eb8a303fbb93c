"""What is committed stays, whatever happens to the process or the volume."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from snowflake.connector.errors import Error

from tests.warehouse.server import PASSWORD, USER, Warehouse


def test_committed_rows_survive_sigkill_and_uncommitted_do_not(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    connection = server.connect()
    cursor = connection.cursor()
    cursor.execute("create table t (x int, doc variant)")
    cursor.execute("begin")
    cursor.execute("insert into t select 1, parse_json('{\"a\": 1}')")
    cursor.execute("commit")
    cursor.execute("begin")
    cursor.execute("insert into t select 2, null")
    server.kill()
    server.start()
    with server.connect() as again:
        assert again.cursor().execute("select x, doc:a::int from t").fetchall() == [(1, 1)]


def test_kills_in_a_row_while_writing_lose_nothing_committed(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    with server.connect() as connection:
        connection.cursor().execute("create table t (x int)")
    committed = 0
    for _ in range(3):
        cursor = server.connect().cursor()
        for _ in range(10):
            cursor.execute(f"insert into t values ({committed})")
            committed += 1
        server.kill()
        server.start()
    with server.connect() as connection:
        rows = connection.cursor().execute("select count(*), count(distinct x) from t").fetchall()
        assert rows == [(committed, committed)]


def test_client_of_a_killed_server_is_told_to_connect_again(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    connection = server.connect()
    server.kill()
    server.start()
    with pytest.raises(Error, match="Connect again"):
        connection.cursor().execute("select 1")


def test_sigterm_writes_everything_into_the_database_file(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    with server.connect() as connection:
        connection.cursor().execute("create table t (x int)")
        connection.cursor().execute("insert into t values (1)")
    assert server.stop() == 0
    assert list((server.directory / "data" / "databases").iterdir()) == [server.directory / "data/databases/MARS.db"]
    server.start()
    with server.connect() as connection:
        assert connection.cursor().execute("select x from t").fetchall() == [(1,)]


def test_sigterm_with_an_open_transaction_and_a_client(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    cursor = server.connect().cursor()
    cursor.execute("create table t (x int)")
    cursor.execute("begin")
    cursor.execute("insert into t values (1)")
    assert server.stop() == 0
    server.start()
    with server.connect() as connection:
        assert connection.cursor().execute("select count(*) from t").fetchall() == [(0,)]


def test_stages_comments_and_load_history_survive(new_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text('{"x": 1}\n{"x": 2}\n')
    server = new_warehouse().start()
    with server.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table t (doc variant) comment = 'kept'")
        cursor.execute("create stage s")
        cursor.execute(f"put file://{file} @s auto_compress=false")
        cursor.execute("copy into t from @s file_format=(type=json)")
    server.kill()
    server.start()
    with server.connect() as connection:
        cursor = connection.cursor()
        assert [row[0] for row in cursor.execute("list @s").fetchall()] == ["s/a.ndjson"]
        skipped = cursor.execute("copy into t from @s file_format=(type=json)").fetchall()
        assert skipped[0][1] == "LOAD_SKIPPED"
        assert cursor.execute("select count(*) from t").fetchall() == [(2,)]
        comment = "select comment from information_schema.tables where table_name = 'T'"
        assert cursor.execute(comment).fetchall() == [("kept",)]


def test_temporary_tables_of_a_killed_server_are_gone(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    cursor = server.connect().cursor()
    cursor.execute("create temporary table mars.bronze.t (x int)")
    server.kill()
    server.start()
    with server.connect() as connection:
        rows = connection.cursor().execute("show terse schemas in database mars").fetchall()
        assert sorted(row[1] for row in rows) == ["BRONZE", "GOLD", "SILVER", "information_schema"]


def test_half_an_upload_and_spilled_files_of_a_killed_server_are_gone(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    data = server.directory / "data"
    server.kill()
    garbage = [data / "stages" / ".upload-abc", data / "spill" / "duckdb_temp_storage-0.tmp"]
    for file in garbage:
        file.write_bytes(b"half")
    server.start()
    assert not any(file.exists() for file in garbage)


def test_second_server_on_the_same_files_is_refused_with_a_sentence(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse().start()
    environment = {
        **os.environ,
        "WAREHOUSE_DIR": str(server.directory / "data"),
        "WAREHOUSE_PORT": "0",
        "WAREHOUSE_USER": USER,
        "WAREHOUSE_PASSWORD": PASSWORD,
    }
    upload = server.directory / "data" / "stages" / ".upload-abc"
    upload.write_bytes(b"half")
    second = subprocess.run(
        [sys.executable, "-m", "mm_warehouse.main"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 74
    assert upload.exists()
    assert "One server at a time may use a directory" in second.stderr
    assert server.healthy()


def test_statement_beyond_memory_and_spill_fails_alone(new_warehouse: Callable[..., Warehouse]) -> None:
    """The nearest to a full disk that needs no disk of its own: nothing left to spill to."""
    server = new_warehouse(memory_limit="60MB", spill_limit="1MB").start()
    with server.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table t (x int)")
        cursor.execute("insert into t values (1)")
        with pytest.raises(Error, match=r"(?i)memory|temp"):
            cursor.execute(
                "create table big as select seq4() as n, md5(seq4()) as m "
                "from table(generator(rowcount => 5000000)) order by m"
            )
        assert cursor.execute("select x from t").fetchall() == [(1,)]
        cursor.execute("insert into t values (2)")
    server.kill()
    server.start()
    with server.connect() as connection:
        assert connection.cursor().execute("select count(*) from t").fetchall() == [(2,)]


def test_result_that_would_not_fit_is_refused_and_the_session_goes_on(new_warehouse: Callable[..., Warehouse]) -> None:
    server = new_warehouse(result_limit="1MB").start()
    with server.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table t (x int)")
        cursor.execute("begin")
        cursor.execute("insert into t values (1)")
        with pytest.raises(Error, match=r"larger than 1 MB\. Select fewer"):
            cursor.execute("select seq4(), seq4()::varchar from table(generator(rowcount => 1000000))")
        cursor.execute("commit")
        assert cursor.execute("select x from t").fetchall() == [(1,)]


def test_full_volume_is_an_sql_error_and_corrupts_nothing(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(volume)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small volume can be mounted here (that takes root)")
    server = Warehouse(volume)
    try:
        server.start()
        with server.connect(paramstyle="qmark") as connection:
            cursor = connection.cursor()
            cursor.execute("create table t (x int, doc variant)")
            stored = 0
            failure: Error | None = None
            while failure is None and stored < 100:
                document = json.dumps({"noise": base64.b64encode(os.urandom(800_000)).decode()})
                try:
                    cursor.execute("insert into t select ?, parse_json(?)", (stored, document))
                    stored += 1
                except Error as error:
                    failure = error
            assert failure is not None, "the volume never filled up"
            assert stored > 0
            assert cursor.execute("select count(*) from t").fetchall() == [(stored,)]
        server.kill()
        server.start()
        with server.connect() as connection:
            rows = connection.cursor().execute("select count(*), count(doc:noise) from t").fetchall()
            assert rows == [(stored, stored)]
    finally:
        if server.process.poll() is None:
            server.kill()
        subprocess.run(["umount", "-l", str(volume)], check=True)
