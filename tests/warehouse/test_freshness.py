"""How old the sources' newest rows are, as dbt judges it in the loop."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mm_jobs.common.log import Log
from mm_jobs.transform.dbt import Dbt as OfTheJob

from tests.warehouse.dbt_runs import PROJECT, Dbt, running

MANIFESTS = "source_freshness_bronze_raw_manifest_response"


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        yield opened


def test_what_was_loaded_long_ago_is_told_as_too_old(dbt: Dbt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dbt.environment.items():
        monkeypatch.setenv(name, value)
    job = OfTheJob(PROJECT, tmp_path, {}, "MARS", Log("transform", stream=io.StringIO()), query_tag="test")
    told = {}
    for days in (0, 2, 9):
        loaded = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")
        dbt.clear()
        for table in ("RAW_MANIFEST_RESPONSE", "RAW_COORDINATE_RESPONSE"):
            dbt.cursor.execute(f"insert into BRONZE.{table} (OBJECT_KEY, LOADED_AT) values ('k', ?)", (loaded,))
        told[days] = {one.name: one.status for one in job.freshness()}
        assert set(told[days]) == {MANIFESTS, "source_freshness_bronze_raw_coordinate_response"}
    assert [told[days][MANIFESTS] for days in (0, 2, 9)] == ["pass", "warn", "error"]
    assert all(one.message.startswith("the newest row was loaded 20") for one in job.freshness())
    dbt.clear()
    assert job.freshness() == [], "what nobody has asked for is not old"
