"""The command line against the real embedded server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from mm_cli import main
from mm_cli.backup import add_rows, ledger_rows
from mm_cli.warehouse_session import session
from mm_contracts.connections import warehouse_arguments
from mm_jobs.common.log import Log

from tests.warehouse.loads import TRACE, MemoryBucket, Topic, key_of, load, photos_document
from tests.warehouse.server import READER, READER_PASSWORD, Warehouse


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    running = Warehouse(tmp_path_factory.mktemp("cli-warehouse")).start()
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def _reach(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)


def test_an_empty_warehouse_is_told_initialized_and_found_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["warehouse", "check"]) == 1
    assert "MISSING  bronze tables: run `mars warehouse init`" in capsys.readouterr().out
    assert main.run(["warehouse", "check", "-o", "json"]) == 1
    (found,) = [one for one in json.loads(capsys.readouterr().out) if one["what"] == "bronze tables"]
    assert (found["good"], found["advice"].partition(":")[0]) == (False, "run `mars warehouse init`")
    for _ in range(2):
        assert main.run(["warehouse", "init"]) == 0
    for wanted in ("MARS", ""):
        monkeypatch.setenv("SNOWFLAKE_WAREHOUSE", wanted)
        assert main.run(["warehouse", "check"]) == 0
        assert "MISSING" not in capsys.readouterr().out
    left = "select TABLE_NAME from INFORMATION_SCHEMA.TABLES where TABLE_NAME like 'MARS_CHECK%'"
    for query in (left, "list @BRONZE.LOAD_FILES"):
        assert main.run(["sql", query, "--json"]) == 0
        assert capsys.readouterr().out == ""


def test_a_wrong_password_is_told_at_login(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "not-the-password")
    assert main.run(["warehouse", "check"]) == 1
    out = capsys.readouterr().out
    assert "MISSING  login: cannot log in to the warehouse at 127.0.0.1:" in out
    assert "not-the-password" not in out


def test_rows_for_people_and_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["sql", "select 1 as ONE, 'x' as TEXT;"]) == 0
    assert capsys.readouterr().out.splitlines() == ["one  text", "---  ----", "  1  x"]
    assert main.run(["sql", "select 1 as ONE, null as NOTHING", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"one": 1, "nothing": None}
    assert main.run(["sql", "selec 1"]) == 64
    assert "the warehouse refused" in capsys.readouterr().err


def test_numbers_are_as_they_are_and_headers_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    statement = (
        "select 137.441635::float as LONGITUDE, -4.589466996::float, 0.0031::float as SHARE, 1228943 as ID, count(*), "
        "max_by('a', 1), '2026-01-02 03:04:05.6'::timestamp_ntz as AT"
    )
    assert main.run(["sql", statement]) == 0
    header, _, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["longitude", "column_2", "share", "id", "count", "max_by_a_1", "at"]
    assert row.split()[:5] == ["137.441635", "-4.589466996", "0.0031", "1228943", "1"]
    assert main.run(["sql", statement, "-o", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["longitude"], found["count"], found["at"]) == (137.441635, 1, "2026-01-02T03:04:05.6Z")


def test_each_of_several_statements_shows_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["sql", "select 1 as A; select 2 as B\\G select ';' as C"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == ["a", "-", "1"]
    assert out[3].startswith("-- row 1")
    assert out[4:] == ["b  2", "c", "-", ";"]
    assert main.run(["sql", "select 1 as A; selec 2; select 3"]) == 64
    told = capsys.readouterr()
    assert told.out.splitlines() == ["a", "-", "1"], "what came before the fault is shown"
    assert "the warehouse refused" in told.err


def test_names_are_found_in_gold_and_then_in_silver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = "create table GOLD.BOTH as select 1 as X; create table SILVER.BOTH as select 2 as X; "
    assert main.run(["sql", f"{made} create table SILVER.ONLY as select 3.25::float as X"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("SNOWFLAKE_USER", READER)
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", READER_PASSWORD)
    assert main.run(["sql", "select b.X, o.X from BOTH b, ONLY o", "-o", "csv"]) == 0
    assert capsys.readouterr().out == "x,x_2\n1,3.25\n"
    assert main.run(["sql", "select X from ONLY", "-o", str(tmp_path / "x.parquet")]) == 0
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == [{"x": 3.25}]
    assert main.run(["sql", "drop table GOLD.BOTH"]) == 64
    assert "may only read" in capsys.readouterr().err


def test_status_before_dbt_has_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["status"]) == 1
    assert "dbt has not run" in capsys.readouterr().err


def test_a_sols_way_is_found_by_rover_and_by_trace(capsys: pytest.CaptureFixture[str]) -> None:
    bucket = MemoryBucket()
    stored = bucket.put(key_of("Curiosity", 1, 2), photos_document("Curiosity", 1, 2))
    load(bucket, Topic(), Log("load", stream=io.StringIO()), stored, load_id="load-77")
    assert main.run(["trace", "curiosity/2"]) == 0
    out = capsys.readouterr().out
    for part in (stored.key, "load-77", "the-plan", "complete", TRACE):
        assert part in out
    assert main.run(["trace", TRACE]) == 0
    assert stored.key in capsys.readouterr().out
    assert main.run(["trace", "curiosity/3"]) == 1

    assert main.run(["sql", "drop table BRONZE.RAW_PHOTO_RESPONSE"]) == 0
    assert main.run(["warehouse", "init"]) == 0
    assert "a table was lost: the next sweep of the bucket loads its objects (1) again" in capsys.readouterr().out


def test_the_connector_takes_every_argument_that_is_given() -> None:
    from snowflake.connector.connection import DEFAULT_CONFIGURATION

    everything = {
        "SNOWFLAKE_ACCOUNT": "org-account",
        "SNOWFLAKE_USER": "MARS_LOADER",
        "SNOWFLAKE_PASSWORD": "p",
        "SNOWFLAKE_ROLE": "r",
        "SNOWFLAKE_WAREHOUSE": "w",
        "SNOWFLAKE_DATABASE": "d",
        "SNOWFLAKE_HOST": "h",
        "SNOWFLAKE_PORT": "8080",
        "SNOWFLAKE_PROTOCOL": "http",
    }
    key_pair = everything | {"SNOWFLAKE_PRIVATE_KEY_PATH": "/k", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "p"}
    for env in (everything, key_pair):
        for name, value in warehouse_arguments(env).items():
            assert name in DEFAULT_CONFIGURATION or name == "password"
            kinds: Any = DEFAULT_CONFIGURATION.get(name, (None, str))[1]
            assert isinstance(value, kinds)


def test_ledgers_go_to_a_backup_and_come_back_once() -> None:
    columns = "SCHEDULE_ID, DATASET, ROVER_NAME, SOL, ATTEMPT, REASON, SCHEDULED_AT, SOURCE"
    with session(30) as warehouse:
        main.run(["warehouse", "init"])
        warehouse.rows(
            f"insert into BRONZE.SCHEDULE_LEDGER ({columns}) select 'gap-1', 'photos', 'Spirit', 1, 2, null, "
            "'2026-01-02 03:04:05.678'::timestamp_ntz, 'it''s'"
        )
        before = ledger_rows(warehouse, "SCHEDULE_LEDGER")
        assert json.loads(before[-1])["SCHEDULED_AT"] == "2026-01-02T03:04:05.678000"
        assert add_rows(warehouse, "SCHEDULE_LEDGER", before) == 0
        warehouse.rows("drop table BRONZE.SCHEDULE_LEDGER")
        assert ledger_rows(warehouse, "SCHEDULE_LEDGER") == []
        assert add_rows(warehouse, "SCHEDULE_LEDGER", before) == len(before)
        assert ledger_rows(warehouse, "SCHEDULE_LEDGER") == before
        warehouse.rows(
            "insert into BRONZE.WORK_LEDGER (UID, KIND, RUN_SECONDS, ENDED_AT, DETAILS) select 'u-1', 'load', 1.25, "
            """'2026-01-02 03:04:05'::timestamp_ntz, parse_json('{"sols": {"b": 1,  "a": [true, null]}}')"""
        )
        work = ledger_rows(warehouse, "WORK_LEDGER")
        warehouse.rows("delete from BRONZE.WORK_LEDGER")
        assert add_rows(warehouse, "WORK_LEDGER", work) == 1
        assert ledger_rows(warehouse, "WORK_LEDGER") == work
        assert add_rows(warehouse, "WORK_LEDGER", work) == 0
        assert warehouse.rows("select DETAILS:sols.b::integer + 1 from BRONZE.WORK_LEDGER") == [(2,)]
        (row,) = warehouse.rows("select SOL + 1, SCHEDULED_AT < '2026-01-03' from BRONZE.SCHEDULE_LEDGER")
        assert row == (2, True)
