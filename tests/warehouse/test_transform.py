"""The transform Job with the real dbt project on the real server: gaps are found, asked for once, and closed."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from mm_contracts.batch import CoveredSols
from mm_contracts.reasons import ExitCode
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.load.ledger import Ledger
from mm_jobs.transform import planning

from tests.warehouse.loads import (
    TRACE,
    MemoryBucket,
    Topic,
    bronze,
    empty_bronze,
    key_of,
    load,
    manifest_key,
)
from tests.warehouse.transforms import (
    DBT,
    SOLS,
    Published,
    manifest_of_spirit,
    no_limit,
    sols_of_spirit,
    transform,
)


def test_gaps_are_asked_for_once_until_they_are_closed(published: Published, tmp_path: Path) -> None:
    lines = io.StringIO()
    log = Log("transform", stream=lines)
    bucket, topic = MemoryBucket(), Topic()
    load(bucket, topic, log, bucket.put(manifest_key("Spirit"), manifest_of_spirit()))

    # Kafka is away: nothing is recorded as asked for.
    published.refuses = True
    with pytest.raises(JobError, match="nobody acknowledged"):
        transform(tmp_path / "1", log)
    assert bronze("SCHEDULE_LEDGER") == []

    published.refuses = False
    with Client(query_tag="test") as warehouse:
        summary, ids = planning.schedule_gaps(warehouse, (), no_limit, TRACE, log)
        assert published.take() == [("Spirit", 1), ("Spirit", 2), ("Spirit", 5)]
        assert (summary.total, summary.due, summary.waiting) == (3, 0, 3)
        assert summary.next_due_at is not None
        recorded = bronze("SCHEDULE_LEDGER", "SOL, SCHEDULE_ID, DATASET, ROVER_NAME, ATTEMPT")
        assert recorded == [(sol, ids[0], "photos", "Spirit", 1) for sol in SOLS]

        # It dies after the publication and before the record: the same schedule under the same id comes again.
        warehouse.run("delete from BRONZE.SCHEDULE_LEDGER")
        assert planning.schedule_gaps(warehouse, (), no_limit, TRACE, log)[1] == ids
        assert len(published.take()) == 3
        assert planning.schedule_gaps(warehouse, (), no_limit, TRACE, log)[1] == []

    load(bucket, topic, log, bucket.put(key_of("Spirit", 1, 2), sols_of_spirit(1, 2)))
    details = transform(tmp_path / "2", log)["details"]
    assert published.take() == []
    assert (details["gaps"], details["gaps_due"], details["gaps_waiting"], details["schedules"]) == (1, 0, 1, [])
    assert details["next_due_at"] is not None
    assert details["tests"] > 0
    assert details["seconds"]["loop"] > 0

    # Nothing was loaded since: the gaps are looked at, and dbt is not even started.
    details = transform(tmp_path / "2b", log)["details"]
    assert (details["models"], details["tests"], details["gaps"]) == (0, 0, 1)
    assert "prepare" not in details["seconds"]

    load(bucket, topic, log, bucket.put(key_of("Spirit", 5, 5), sols_of_spirit(5, 5)))
    details = transform(tmp_path / "3", log)["details"]
    assert (details["gaps"], details["next_due_at"], published.take()) == (0, None, [])
    with Client(query_tag="test") as warehouse:
        assert warehouse.run("select count(*), count(distinct PHOTO_ID) from SILVER.FACT_PHOTOS") == [(9, 9)]


def test_what_a_live_plan_has_in_hand_is_left_alone_until_it_lets_go(published: Published, tmp_path: Path) -> None:
    log = Log("transform", stream=io.StringIO())
    empty_bronze()
    bucket = MemoryBucket()
    load(bucket, Topic(), log, bucket.put(manifest_key("Spirit"), manifest_of_spirit()))
    covered = (
        CoveredSols(source="nasa", rover="Spirit", sols="1-2"),
        CoveredSols(source="x", rover="Spirit", sols="5"),
    )
    details = transform(tmp_path / "1", log, covered=covered)["details"]
    assert published.take() == [("Spirit", 5)]
    assert (details["gaps_due"], details["gaps_held"], details["gaps_waiting"]) == (0, 2, 1)
    assert bronze("SCHEDULE_LEDGER", "SOL, ATTEMPT") == [(5, 1)], "what was not asked for is no attempt"
    details = transform(tmp_path / "2", log)["details"]
    assert published.take() == [("Spirit", 1), ("Spirit", 2)]
    assert (details["gaps_due"], details["gaps_held"], details["gaps_waiting"]) == (0, 0, 3)


def test_only_what_a_load_touched_is_built_and_a_table_that_is_gone_comes_back(
    published: Published, tmp_path: Path
) -> None:
    lines = io.StringIO()
    log = Log("transform", stream=lines)
    empty_bronze()
    bucket = MemoryBucket()
    load(bucket, Topic(), log, bucket.put(manifest_key("Spirit"), manifest_of_spirit()))
    everything = transform(tmp_path / "1", log)["details"]
    published.take()

    load(bucket, Topic(), log, bucket.put(key_of("Spirit", 1, 2), sols_of_spirit(1, 2)))
    details = transform(tmp_path / "2", log)["details"]
    assert 0 < details["models"] < everything["models"]
    assert 0 < details["tests"] < everything["tests"]
    assert "fact_photos" in lines.getvalue()
    with Client(query_tag="test") as warehouse:
        # A view over what was built, which was not made anew.
        assert warehouse.run("select count(*) from GOLD.DAILY_ACTIVITY where ROVER_NAME = 'Spirit' and PHOTOS > 0") == [
            (2,)
        ]
        warehouse.run("drop table SILVER.FACT_PATH")
    details = transform(tmp_path / "3", log)["details"]
    assert details["models"] == everything["models"]
    with Client(query_tag="test") as warehouse:
        assert warehouse.run("select count(*) from SILVER.FACT_PATH") == [(0,)]


def test_a_lost_table_of_bronze_is_waited_for_and_its_photos_are_not_asked_for_again(
    published: Published, tmp_path: Path
) -> None:
    log = Log("transform", stream=io.StringIO())
    empty_bronze()
    bucket, topic = MemoryBucket(), Topic()
    load(bucket, topic, log, bucket.put(manifest_key("Spirit"), manifest_of_spirit()))
    load(bucket, topic, log, bucket.put(key_of("Spirit", 1, 2), sols_of_spirit(1, 2)))
    with Client(query_tag="test") as warehouse:
        warehouse.run("drop table BRONZE.RAW_PHOTO_RESPONSE")
        for name in ("1", "2"):
            with pytest.raises(JobError, match=r"not all loaded again \(1 missing\)") as caught:
                transform(tmp_path / name, log)
            assert caught.value.code is ExitCode.TEMPORARY
        load(bucket, topic, log)
        # What the run would go by is again what it was.
        assert Ledger(warehouse).lost() == 0
        assert warehouse.run("select count(*) from BRONZE.RAW_PHOTO_RESPONSE") == [(1,)]
    assert published.take() == []


def _two_sols_built(work: Path, log: Log) -> None:
    """Two of the three promised sols, loaded and built."""
    empty_bronze()
    bucket = MemoryBucket()
    load(bucket, Topic(), log, bucket.put(manifest_key("Spirit"), manifest_of_spirit()))
    load(bucket, Topic(), log, bucket.put(key_of("Spirit", 1, 2), sols_of_spirit(1, 2)))
    transform(work, log)


def _replace(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def _upgrade(directory: Path) -> Path:
    """The project with one more column in SOL_CAMERAS."""
    project = directory / "dbt"
    shutil.copytree(DBT, project, ignore=shutil.ignore_patterns("target", "logs", ".*"))
    _replace(
        project / "models/silver/sol_cameras.sql",
        {"as thumbnails,": "as thumbnails, max(photo_id)::integer as last_photo_id,",
         "former.thumbnails,": "former.thumbnails, former.last_photo_id,"},
    )  # fmt: skip
    column = "      - name: {}\n        data_type: integer\n        description: New.\n"
    first = "      - name: first_taken_at\n"
    _replace(project / "models/silver/sol_cameras.yml", {first: column.format("last_photo_id") + first})
    return project


def test_an_upgrade_whose_models_have_other_columns_builds_them_anew(published: Published, tmp_path: Path) -> None:
    log = Log("transform", stream=io.StringIO())
    _two_sols_built(tmp_path / "1", log)
    transform(tmp_path / "2", log, project=_upgrade(tmp_path))
    with Client(query_tag="test") as warehouse:
        rows = warehouse.run("select SOL, PHOTOS, LAST_PHOTO_ID from SILVER.SOL_CAMERAS order by SOL")
        assert rows == [(1, 3, 1002), (2, 3, 2002)]
    published.take()


def test_a_roll_back_after_a_failed_upgrade_leaves_nothing_of_it(published: Published, tmp_path: Path) -> None:
    log = Log("transform", stream=io.StringIO())
    _two_sols_built(tmp_path / "1", log)
    upgrade = _upgrade(tmp_path)
    path = upgrade / "models/silver/fact_path.sql"
    path.write_text(path.read_text().replace("select", "selec", 1))
    columns = "select count(*) from INFORMATION_SCHEMA.COLUMNS where COLUMN_NAME = 'LAST_PHOTO_ID'"
    with Client(query_tag="test") as warehouse:
        with pytest.raises(JobError, match="1 model failed: fact_path") as caught:
            transform(tmp_path / "2", log, project=upgrade)
        details = caught.value.counts["details"]
        assert (details["gaps"], details["tests"] > 0) == (1, True), "drives plan nothing, and keep nothing back"
        assert warehouse.run(columns) == [(1,)], "the upgrade got as far as this"
        transform(tmp_path / "3", log)
        assert warehouse.run(columns) == [(0,)]
        assert warehouse.run("select SOL, PHOTOS from SILVER.SOL_CAMERAS order by SOL") == [(1, 3), (2, 3)]
    published.take()
