"""The transform Job as the tests run it: Spirit's few sols, and a planner whose schedules are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mm_contracts.batch import CoveredSols, TransformSpec
from mm_contracts.messages import Schedule, parse_schedule
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.transform import planning
from mm_jobs.transform.dbt import Dbt
from mm_jobs.transform.docs import Docs
from mm_jobs.transform.job import Run
from mm_jobs.transform.planner import Budget

from tests.warehouse.loads import TRACE, photos_document
from tests.warehouse.server import Warehouse

DBT = Path(__file__).parents[2] / "dbt"
SOLS = {1: 3, 2: 3, 5: 3}
VARIABLES = {"planning_backoff_seconds": 300, "planning_backoff_max_seconds": 86_400, "planning_lease_seconds": 3_600}


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


def manifest_of_spirit() -> dict[str, Any]:
    """A manifest object that promises three sols of Spirit."""
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


def sols_of_spirit(first: int, last: int, **changes: Any) -> dict[str, Any]:
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


def publishing(monkeypatch: pytest.MonkeyPatch, server: Warehouse) -> Published:
    """Have this process use the server as a Job does, and return where its schedules go."""
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SNOWFLAKE_QUERY_TAG", "nobody's")
    topic = Published()
    monkeypatch.setattr(planning, "publish", topic)
    return topic


def no_limit(_source: str) -> Budget:
    """Schedules may be as large as they like."""
    return Budget()


def transform(
    work: Path,
    log: Log,
    docs: Docs | None = None,
    project: Path = DBT,
    covered: tuple[CoveredSols, ...] = (),
    **variables: int,
) -> dict[str, Any]:
    """Carry one run out and return the fields of its termination message; raises JobError as the Job does."""
    dbt = Dbt(project, work, VARIABLES | variables, "MARS", log, query_tag=f"martian-moments transform {work.name}")
    spec = TransformSpec(run_id="r", covered=covered, trace_id=TRACE)
    with Client(query_tag="test") as warehouse:
        return Run(spec, dbt, warehouse, no_limit, log, docs).run()
