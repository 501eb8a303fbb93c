"""The transform Job with the real dbt project on the real server: gaps are found, asked for once, and closed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mm_contracts.batch import TransformSpec
from mm_contracts.messages import Schedule, parse_schedule
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.transform import job, planning
from mm_jobs.transform.dbt import Dbt

from tests.warehouse.loads import TRACE, MemoryBucket, Topic, bronze, key_of, load, manifest_key, photos_document
from tests.warehouse.server import Warehouse

DBT = Path(__file__).parents[2] / "dbt"
SOLS = {1: 3, 2: 3, 5: 3}


class Published:
    """Takes what the planner publishes; can refuse, as Kafka does when it is away."""

    def __init__(self) -> None:
        self.schedules: list[Schedule] = []
        self.refuses = False

    def __call__(self, _topic: str, messages: list[tuple[str, bytes]], trace_id: str) -> None:
        assert trace_id == TRACE
        if self.refuses:
            raise JobError(ExitCode.TEMPORARY, Reason.KAFKA_ERROR, "nobody acknowledged")
        self.schedules += [parse_schedule(value) for _, value in messages]

    def take(self) -> list[tuple[str, int | None]]:
        """Return (rover, sol) of everything published since the last call."""
        tasks = [(task.rover_name, task.sol) for schedule in self.schedules for task in schedule.tasks]
        self.schedules = []
        return sorted(tasks)


def _manifest() -> dict[str, Any]:
    photos = [
        {"sol": sol, "earth_date": "2004-01-05", "total_photos": n, "cameras": ["FHAZ"]} for sol, n in SOLS.items()
    ]
    manifest = {
        "name": "Spirit",
        "landing_date": "2004-01-04",
        "launch_date": "2003-06-10",
        "status": "complete",
        "max_sol": 5,
        "max_date": "2004-01-10",
        "total_photos": sum(SOLS.values()),
        "photos": photos,
    }
    document = photos_document("Spirit", 0, 0)
    kept = {name: value for name, value in document.items() if not name.startswith(("sol", "photo"))}
    return kept | {"manifests": [manifest]}


def _sols(first: int, last: int, **changes: Any) -> dict[str, Any]:
    """Photos of Spirit's sols as its source serves them."""
    document = photos_document("Spirit", first, last)
    for photo in document["photos"]:
        photo["camera"] = {"id": 27, "name": "FHAZ", "rover_id": 7, "full_name": "Front Hazard Avoidance Camera"}
        photo["earth_date"] = "2004-01-05"
        photo["rover"] = {"id": 7, "name": "Spirit"}
        photo["img_src"] = (
            f"http://mars.nasa.gov/mer/gallery/all/2/f/001/2F1264680{photo['id'] % 90 + 10}EFF0000P1001L0M1-BR.JPG"
        )
    for sol in document["sols"]:
        sol |= {"promised_cameras": ["FHAZ"], "received_cameras": ["FHAZ"], "reason": None, "message": ""}
        sol["requested_at"] = document["ingestion_date"]
    return document | changes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    running = Warehouse(tmp_path_factory.mktemp("transform-warehouse")).start()
    yield running
    running.kill()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, server: Warehouse) -> Published:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    topic = Published()
    monkeypatch.setattr(planning, "publish", topic)
    return topic


def _transform(work: Path, log: Log, **variables: int) -> dict[str, Any]:
    given = {"planning_backoff_seconds": 300, "planning_backoff_max_seconds": 86_400, "planning_lease_seconds": 3_600}
    dbt = Dbt(DBT, work, given | variables, log)
    with Client(query_tag="test") as warehouse:
        return job.run(TransformSpec(run_id="r", trace_id=TRACE), dbt, warehouse, "MARS", log)


def test_gaps_are_asked_for_once_until_they_are_closed(published: Published, tmp_path: Path) -> None:
    lines = io.StringIO()
    log = Log("transform", stream=lines)
    bucket, topic = MemoryBucket(), Topic()
    load(bucket, topic, log, bucket.put(manifest_key("Spirit"), _manifest()))

    # Kafka is away: nothing is recorded as asked for.
    published.refuses = True
    with pytest.raises(JobError, match="nobody acknowledged"):
        _transform(tmp_path / "1", log)
    assert bronze("SCHEDULE_LEDGER") == []

    published.refuses = False
    with Client(query_tag="test") as warehouse:
        summary, ids = planning.schedule_gaps(warehouse, TRACE, log)
        assert published.take() == [("Spirit", 1), ("Spirit", 2), ("Spirit", 5)]
        assert (summary.total, summary.due, summary.waiting) == (3, 0, 3)
        assert summary.next_due_at is not None
        recorded = bronze("SCHEDULE_LEDGER", "SOL, SCHEDULE_ID, DATASET, ROVER_NAME, ATTEMPT")
        assert recorded == [(sol, ids[0], "photos", "Spirit", 1) for sol in SOLS]

        # It dies after the publication and before the record: the same schedule under the same id comes again.
        warehouse.run("delete from BRONZE.SCHEDULE_LEDGER")
        assert planning.schedule_gaps(warehouse, TRACE, log)[1] == ids
        assert len(published.take()) == 3
        assert planning.schedule_gaps(warehouse, TRACE, log)[1] == []

    load(bucket, topic, log, bucket.put(key_of("Spirit", 1, 2), _sols(1, 2)))
    details = _transform(tmp_path / "2", log)["details"]
    assert published.take() == []
    assert (details["gaps"], details["gaps_due"], details["gaps_waiting"], details["schedules"]) == (1, 0, 1, [])
    assert details["next_due_at"] is not None
    assert details["tests"] > 0

    load(bucket, topic, log, bucket.put(key_of("Spirit", 5, 5), _sols(5, 5)))
    details = _transform(tmp_path / "3", log)["details"]
    assert (details["gaps"], details["next_due_at"], published.take()) == (0, None, [])
    with Client(query_tag="test") as warehouse:
        assert warehouse.run("select count(*), count(distinct PHOTO_ID) from SILVER.FACT_PHOTOS") == [(9, 9)]
