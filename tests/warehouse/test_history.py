"""Records of ended work in the warehouse, and the tables that are made of them."""

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from mm_cli import logs, main
from mm_contracts.history import HISTORY_ENV, WorkRecord, pack
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import DataError
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.load import history
from pydantic import ValidationError

from tests.warehouse.dbt_runs import Dbt, running


def record(number: int, **more: object) -> WorkRecord:
    told = {
        "uid": f"uid-{number}", "kind": "ingest", "name": f"p-{number}-1", "plan": "p", "batch": number, "attempt": 1,
        "rover": "Spirit", "sols": "1-5", "outcome": "succeeded", "created_at": "2026-01-01T11:59:00Z",
        "ended_at": "2026-01-01T12:00:00Z", "run_seconds": 7.5, "cpu_seconds": 1.25, "requests": 6, "photos": 70,
    }  # fmt: skip
    return WorkRecord.model_validate(told | more)


class Keeper:
    """A Job that is given records."""

    def __init__(self, dbt: Dbt, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.lines = io.StringIO()
        self._log = Log("load", stream=self.lines)
        for name, value in dbt.environment.items():
            monkeypatch.setenv(name, value)

    def keep(self, *records: WorkRecord) -> int:
        return self.give(pack(records)[0])

    def give(self, package: str) -> int:
        self._patch.setenv(HISTORY_ENV, package)
        with Client(query_tag="test") as warehouse:
            return history.keep(warehouse, self._log)

    def forget(self, days: float) -> None:
        with Client(query_tag="test") as warehouse:
            history.forget(warehouse, days, self._log)


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        opened("run", "--select", "work_history", "work_cost")
        yield opened


@pytest.fixture
def keeper(dbt: Dbt, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    dbt.clear()
    return Keeper(dbt, monkeypatch)


def test_records_are_kept_once_however_often_they_come_and_the_last_word_counts(dbt: Dbt, keeper: Keeper) -> None:
    first, other = record(0, log_tail='it\'s\n"last" words', details={"a": [1, "'"]}), record(1, plan="", batch=None)
    assert keeper.keep(first, other) == 2
    before = dbt.rows("select * from GOLD.WORK_HISTORY order by uid")
    assert keeper.keep(first, other) == 2
    assert dbt.rows("select * from GOLD.WORK_HISTORY order by uid") == before
    row = dbt.rows(
        "select KIND, NAME, BATCH, to_varchar(CREATED_AT, 'HH24:MI'), TOTAL_SECONDS, RUN_SECONDS, CPU_SECONDS,"
        " LOG_TAIL, DETAILS:a[0]::integer, DETAILS:a[1]::varchar from GOLD.WORK_HISTORY where UID = 'uid-0'"
    )
    assert row == [
        ("ingest", "p-0-1", 0, "11:59", 60, 7.5, 1.25, 'it\'s\n"last" words', 1, "'"),
    ]
    keeper.keep(record(0, outcome="failed", reason="RateLimited"))
    assert dbt.rows("select OUTCOME, REASON, LOG_TAIL from GOLD.WORK_HISTORY where UID = 'uid-0'") == [
        ("failed", "RateLimited", ""),
    ]
    assert dbt.rows("select BATCH, PLAN from GOLD.WORK_HISTORY where UID = 'uid-1'") == [(None, "")]


def test_descriptions_are_in_the_warehouse(dbt: Dbt) -> None:
    where = "where TABLE_SCHEMA = 'GOLD' and TABLE_NAME in ('WORK_HISTORY', 'WORK_COST')"
    tables = dbt.rows(f"select COMMENT from INFORMATION_SCHEMA.TABLES {where}")
    assert [text[:7] for (text,) in tables] == ["One row"] * 2
    columns = dbt.rows(f"select COMMENT from INFORMATION_SCHEMA.COLUMNS {where}")
    assert len(columns) > 35
    assert all(text for (text,) in columns)


def test_many_records_come_in_one_package(dbt: Dbt, keeper: Keeper) -> None:
    assert keeper.keep(*(record(number) for number in range(450))) == 450
    assert dbt.rows("select count(*), count(distinct UID) from GOLD.WORK_HISTORY") == [(450, 450)]


def test_what_it_cost_is_told_by_day_and_kind_without_counting_plans_twice(dbt: Dbt, keeper: Keeper) -> None:
    keeper.keep(
        record(0), record(1, outcome="failed", photos=9, cpu_seconds=None, ended_at="2026-01-01T12:00:40Z"),
        record(2, kind="plan", photos=79), record(3, kind="load", ended_at="2026-01-02T00:00:00Z"),
    )  # fmt: skip
    assert dbt.rows(
        "select UTC_DATE::varchar, KIND, JOBS, JOBS_FAILED, REQUESTS, PHOTOS, RUN_SECONDS, CPU_SECONDS,"
        " MEDIAN_TOTAL_SECONDS, LONGEST_TOTAL_SECONDS from GOLD.WORK_COST order by 1, 2"
    ) == [
        ("2026-01-01", "ingest", 2, 1, 12, 70, 15.0, 1.25, 80.0, 100),
        ("2026-01-02", "load", 1, 0, 6, 70, 7.5, 1.25, 43260.0, 43260),
    ]
    statuses = dbt("test", "--select", "work_history", "work_cost")
    assert set(statuses.values()) == {"pass"}
    assert len(statuses) >= 8


def test_they_are_kept_for_so_many_days(dbt: Dbt, keeper: Keeper) -> None:
    keeper.keep(record(0), record(1, ended_at="2100-01-01T00:00:00Z"))
    keeper.forget(30)
    assert dbt.rows("select UID from GOLD.WORK_HISTORY") == [("uid-1",)]


def test_what_cannot_be_read_ends_nothing_and_does_not_come_again(keeper: Keeper) -> None:
    assert keeper.give("") == 0
    assert keeper.give("nonsense") == history.UNREADABLE
    assert "history.unreadable" in keeper.lines.getvalue()


def test_one_that_the_warehouse_cannot_take_costs_no_other(
    dbt: Dbt, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = history._merge

    def choosy(warehouse: Any, records: Sequence[WorkRecord]) -> None:
        if any(one.uid == "uid-1" for one in records):
            raise DataError("a value does not fit")
        merge(warehouse, records)

    monkeypatch.setattr(history, "_merge", choosy)
    assert keeper.keep(record(0), record(1), record(2)) == 3
    assert dbt.rows("select UID from BRONZE.WORK_LEDGER order by 1") == [("uid-0",), ("uid-2",)]
    assert keeper.lines.getvalue().count("history.unusable") == 1


@pytest.mark.parametrize("field", ["requests", "bytes", "photos", "sol_count"])
def test_a_count_that_no_column_holds_is_no_record(field: str) -> None:
    """Else the warehouse would refuse it, and what comes with it, for ever."""
    with pytest.raises(ValidationError):
        record(0, **{field: 10**40})


def test_a_warehouse_of_an_earlier_version_gets_the_table(dbt: Dbt, keeper: Keeper) -> None:
    dbt.cursor.execute("drop table BRONZE.WORK_LEDGER")
    assert keeper.keep(record(0)) == 1
    assert dbt.rows("select count(*) from BRONZE.WORK_LEDGER") == [(1,)]


def test_a_warehouse_that_does_not_take_them_is_a_word_in_the_log(dbt: Dbt, keeper: Keeper) -> None:
    dbt.cursor.execute("alter table BRONZE.WORK_LEDGER rename to AWAY")
    dbt.cursor.execute("create view BRONZE.WORK_LEDGER as select * from BRONZE.AWAY")
    try:
        assert keeper.keep(record(0)) == 0
        assert "history.not_kept" in keeper.lines.getvalue()
    finally:
        dbt.cursor.execute("drop view BRONZE.WORK_LEDGER")
        dbt.cursor.execute("alter table BRONZE.AWAY rename to WORK_LEDGER")


def test_the_command_line_tells_a_trace_with_its_jobs_and_the_lines_of_what_is_gone(
    keeper: Keeper, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    keeper.keep(
        record(1, trace_id=trace, log_tail="its last words", outcome="failed", reason="SourceError"),
        record(
            2,
            trace_id=trace,
            kind="load",
            name="mars-load-1",
            plan="",
            created_at="2026-01-01T12:00:01Z",
            ended_at="2026-01-01T12:00:09Z",
        ),
    )
    capsys.readouterr()
    assert main.run(["trace", trace, "-o", "json"]) == 0
    ingest, loaded = json.loads(capsys.readouterr().out)["jobs"]
    assert (ingest["name"], ingest["outcome"], ingest["created_at"]) == ("p-1-1", "failed", "2026-01-01T11:59:00Z")
    assert (ingest["waited_seconds"], ingest["run_seconds"]) == (52.5, 7.5)
    assert (loaded["kind"], loaded["name"]) == ("load", "mars-load-1")
    assert main.run(["trace", trace]) == 0
    said = capsys.readouterr().out
    for part in ("jobs:", "JOB", "RAN S", "mars-load-1", "SourceError"):
        assert part in said
    where = argparse.Namespace(timeout=30.0)
    assert logs.archived_lines(where, "p-1-1") == [("p-1-1", "its last words")]
    assert logs.archived_lines(where, "p-9-1") == []
