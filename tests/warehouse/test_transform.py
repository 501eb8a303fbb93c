"""The transform Job with the real dbt project on the real server: gaps are found, asked for once, and closed."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from dbt.cli.main import dbtRunner
from mm_contracts.batch import CoveredSols, TransformSpec
from mm_contracts.keys import DOCS_PAGE
from mm_contracts.messages import Schedule, parse_schedule
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.load.ledger import Ledger
from mm_jobs.transform import planning
from mm_jobs.transform.dbt import PARSE_STATE, Dbt, DbtProblem
from mm_jobs.transform.docs import Docs
from mm_jobs.transform.job import Run
from mm_jobs.transform.planner import Budget

from tests.warehouse.loads import (
    TRACE,
    MemoryBucket,
    Topic,
    bronze,
    empty_bronze,
    key_of,
    load,
    manifest_key,
    photos_document,
)
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
    monkeypatch.setenv("SNOWFLAKE_QUERY_TAG", "nobody's")
    topic = Published()
    monkeypatch.setattr(planning, "publish", topic)
    return topic


def no_limit(_source: str) -> Budget:
    return Budget()


def _transform(
    work: Path,
    log: Log,
    docs: Docs | None = None,
    project: Path = DBT,
    covered: tuple[CoveredSols, ...] = (),
    **variables: int,
) -> dict[str, Any]:
    dbt = Dbt(project, work, VARIABLES | variables, "MARS", log, query_tag=f"martian-moments transform {work.name}")
    spec = TransformSpec(run_id="r", covered=covered, trace_id=TRACE)
    with Client(query_tag="test") as warehouse:
        return Run(spec, dbt, warehouse, no_limit, log, docs).run()


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

    load(bucket, topic, log, bucket.put(key_of("Spirit", 1, 2), _sols(1, 2)))
    details = _transform(tmp_path / "2", log)["details"]
    assert published.take() == []
    assert (details["gaps"], details["gaps_due"], details["gaps_waiting"], details["schedules"]) == (1, 0, 1, [])
    assert details["next_due_at"] is not None
    assert details["tests"] > 0
    assert details["seconds"]["loop"] > 0

    # Nothing was loaded since: the gaps are looked at, and dbt is not even started.
    details = _transform(tmp_path / "2b", log)["details"]
    assert (details["models"], details["tests"], details["gaps"]) == (0, 0, 1)
    assert "prepare" not in details["seconds"]

    load(bucket, topic, log, bucket.put(key_of("Spirit", 5, 5), _sols(5, 5)))
    details = _transform(tmp_path / "3", log)["details"]
    assert (details["gaps"], details["next_due_at"], published.take()) == (0, None, [])
    with Client(query_tag="test") as warehouse:
        assert warehouse.run("select count(*), count(distinct PHOTO_ID) from SILVER.FACT_PHOTOS") == [(9, 9)]


def test_what_a_live_plan_has_in_hand_is_left_alone_until_it_lets_go(published: Published, tmp_path: Path) -> None:
    log = Log("transform", stream=io.StringIO())
    empty_bronze()
    bucket = MemoryBucket()
    load(bucket, Topic(), log, bucket.put(manifest_key("Spirit"), _manifest()))
    covered = (
        CoveredSols(source="nasa", rover="Spirit", sols="1-2"),
        CoveredSols(source="x", rover="Spirit", sols="5"),
    )
    details = _transform(tmp_path / "1", log, covered=covered)["details"]
    assert published.take() == [("Spirit", 5)]
    assert (details["gaps_due"], details["gaps_held"], details["gaps_waiting"]) == (0, 2, 1)
    assert bronze("SCHEDULE_LEDGER", "SOL, ATTEMPT") == [(5, 1)], "what was not asked for is no attempt"
    details = _transform(tmp_path / "2", log)["details"]
    assert published.take() == [("Spirit", 1), ("Spirit", 2)]
    assert (details["gaps_due"], details["gaps_held"], details["gaps_waiting"]) == (0, 0, 3)


def test_only_what_a_load_touched_is_built_and_a_table_that_is_gone_comes_back(
    published: Published, tmp_path: Path
) -> None:
    lines = io.StringIO()
    log = Log("transform", stream=lines)
    empty_bronze()
    bucket = MemoryBucket()
    load(bucket, Topic(), log, bucket.put(manifest_key("Spirit"), _manifest()))
    everything = _transform(tmp_path / "1", log)["details"]
    published.take()

    load(bucket, Topic(), log, bucket.put(key_of("Spirit", 1, 2), _sols(1, 2)))
    details = _transform(tmp_path / "2", log)["details"]
    assert 0 < details["models"] < everything["models"]
    assert 0 < details["tests"] < everything["tests"]
    assert "fact_photos" in lines.getvalue()
    with Client(query_tag="test") as warehouse:
        # A view over what was built, which was not made anew.
        assert warehouse.run("select count(*) from GOLD.DAILY_ACTIVITY where ROVER_NAME = 'Spirit'") == [(2,)]
        warehouse.run("drop table SILVER.FACT_PATH")
    details = _transform(tmp_path / "3", log)["details"]
    assert details["models"] == everything["models"]
    with Client(query_tag="test") as warehouse:
        assert warehouse.run("select count(*) from SILVER.FACT_PATH") == [(0,)]


def test_a_lost_table_of_bronze_is_waited_for_and_its_photos_are_not_asked_for_again(
    published: Published, tmp_path: Path
) -> None:
    log = Log("transform", stream=io.StringIO())
    empty_bronze()
    bucket, topic = MemoryBucket(), Topic()
    load(bucket, topic, log, bucket.put(manifest_key("Spirit"), _manifest()))
    load(bucket, topic, log, bucket.put(key_of("Spirit", 1, 2), _sols(1, 2)))
    with Client(query_tag="test") as warehouse:
        warehouse.run("drop table BRONZE.RAW_PHOTO_RESPONSE")
        for name in ("1", "2"):
            with pytest.raises(JobError, match=r"not all loaded again \(1 missing\)") as caught:
                _transform(tmp_path / name, log)
            assert caught.value.code is ExitCode.TEMPORARY
        load(bucket, topic, log)
        # What the run would go by is again what it was.
        assert Ledger(warehouse).lost() == 0
        assert warehouse.run("select count(*) from BRONZE.RAW_PHOTO_RESPONSE") == [(1,)]
    assert published.take() == []


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
    empty_bronze()
    bucket = MemoryBucket()
    load(bucket, Topic(), log, bucket.put(manifest_key("Spirit"), _manifest()))
    load(bucket, Topic(), log, bucket.put(key_of("Spirit", 1, 2), _sols(1, 2)))
    _transform(tmp_path / "1", log)
    _transform(tmp_path / "2", log, project=_upgrade(tmp_path))
    with Client(query_tag="test") as warehouse:
        rows = warehouse.run("select SOL, PHOTOS, LAST_PHOTO_ID from SILVER.SOL_CAMERAS order by SOL")
        assert rows == [(1, 3, 1002), (2, 3, 2002)]
    published.take()


def test_a_roll_back_after_a_failed_upgrade_leaves_nothing_of_it(published: Published, tmp_path: Path) -> None:
    log = Log("transform", stream=io.StringIO())
    empty_bronze()
    bucket = MemoryBucket()
    load(bucket, Topic(), log, bucket.put(manifest_key("Spirit"), _manifest()))
    load(bucket, Topic(), log, bucket.put(key_of("Spirit", 1, 2), _sols(1, 2)))
    _transform(tmp_path / "1", log)
    upgrade = _upgrade(tmp_path)
    path = upgrade / "models/silver/fact_path.sql"
    path.write_text(path.read_text().replace("select", "selec", 1))
    columns = "select count(*) from INFORMATION_SCHEMA.COLUMNS where COLUMN_NAME = 'LAST_PHOTO_ID'"
    with Client(query_tag="test") as warehouse:
        with pytest.raises(JobError, match="1 model failed: fact_path") as caught:
            _transform(tmp_path / "2", log, project=upgrade)
        details = caught.value.counts["details"]
        assert (details["gaps"], details["tests"] > 0) == (1, True), "drives plan nothing, and keep nothing back"
        assert warehouse.run(columns) == [(1,)], "the upgrade got as far as this"
        _transform(tmp_path / "3", log)
        assert warehouse.run(columns) == [(0,)]
        assert warehouse.run("select SOL, PHOTOS from SILVER.SOL_CAMERAS order by SOL") == [(1, 3), (2, 3)]
    published.take()


class Pages:
    """Keeps what a run would put into the bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}

    def metadata(self, key: str) -> dict[str, str] | None:
        return self.objects[key][1] if key in self.objects else None

    def put(self, key: str, body: bytes, metadata: Mapping[str, str], content_type: str) -> str:
        assert content_type.startswith("text/html")
        self.objects[key] = (body, dict(metadata))
        return "etag"


def _inlined(page: str, name: str) -> dict[str, Any]:
    """Return a document that the page holds: dbt writes it into the place of its variable's value."""
    (start,) = [match.end() for match in re.finditer(rf'[{{,]{name}:(?={{"metadata")', page)]
    document: dict[str, Any] = json.JSONDecoder().raw_decode(page, start)[0]
    return document


def _parsed_project(directory: Path) -> Path:
    """The project with its parsed state, as the image holds it."""
    project = directory / "dbt"
    shutil.copytree(DBT, project, ignore=shutil.ignore_patterns("target", "logs", ".*"))
    answer = dbtRunner().invoke(
        [
            "parse",
            "--project-dir",
            str(project),
            "--profiles-dir",
            str(project),
            "--quiet",
            "--log-path",
            str(directory),
        ]
    )
    assert answer.success, answer.exception
    return project


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The query tags of the sessions that this process opens."""
    found: list[str] = []
    connect = snowflake.connector.connect

    def tagged(**arguments: Any) -> Any:
        found.append(arguments["session_parameters"]["QUERY_TAG"])
        return connect(**arguments)

    monkeypatch.setattr(snowflake.connector, "connect", tagged)
    return found


@pytest.mark.usefixtures("published")
def test_a_run_leaves_a_page_of_models_columns_and_lineage(tmp_path: Path, server: Warehouse, tags: list[str]) -> None:
    lines = io.StringIO()
    log = Log("transform", stream=lines)
    empty_bronze()
    bucket, topic, pages = MemoryBucket(), Topic(), Pages()
    load(bucket, topic, log, bucket.put(manifest_key("Spirit"), _manifest()))
    load(bucket, topic, log, bucket.put(key_of("Spirit", 1, 2), _sols(1, 2)))
    project = _parsed_project(tmp_path)
    docs = Docs(pages, timedelta(hours=1), log)
    tags.clear()
    assert _transform(tmp_path / "1", log, docs, project)["details"]["docs"] == "renewed"
    # The Job's own session (the test's) and dbt's; and the tag, which the profile reads, made dbt parse nothing.
    assert set(tags) == {"test", "martian-moments transform 1"}
    assert "parse_state_reused=True" in lines.getvalue()
    assert (tmp_path / "1" / PARSE_STATE).read_bytes() == (project / "target" / PARSE_STATE).read_bytes()

    page = pages.objects[DOCS_PAGE][0].decode()
    manifest, catalog = _inlined(page, "manifest"), _inlined(page, "catalog")
    models = {key for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert len(models) == len(list(DBT.rglob("models/**/*.sql")))
    assert set(catalog["nodes"]) == models
    for model in models:
        described = {name.upper() for name in manifest["nodes"][model]["columns"]}
        assert set(catalog["nodes"][model]["columns"]) == described
        assert manifest["nodes"][model]["compiled_code"]
    parents = manifest["parent_map"]
    assert "source.martian_moments.bronze.raw_photo_response" in parents["model.martian_moments.stg_nasa__photos"]
    assert "model.martian_moments.rover_summary" in parents["exposure.martian_moments.archive_progress"]

    # What the embedded warehouse does not know it does not say; what it says is so.
    stats = catalog["nodes"]["model.martian_moments.fact_photos"]["stats"]
    assert {name for name, one in stats.items() if one["include"]} == {"row_count"}
    with Client(query_tag="test") as warehouse:
        assert [(stats["row_count"]["value"],)] == warehouse.run("select count(*) from SILVER.FACT_PHOTOS")

    # dbt's page reports its readers to dbt's makers where this is true.
    assert manifest["metadata"]["send_anonymous_usage_stats"] is False
    assert server.env()["SNOWFLAKE_PASSWORD"] not in page

    # Another process finds the page that is there good enough.
    later = Dbt(project, tmp_path / "2", VARIABLES, "MARS", log, query_tag="later")
    assert Docs(pages, timedelta(hours=1), log).renew(later) == "fresh"

    read = later.reads("ingestion_planning")
    assert {"ingestion_planning", "sol_cameras", "fact_photos", "stg_nasa__manifests", "ref_cameras"} <= read
    assert read.isdisjoint({"fact_path", "rover_summary", "photo_counts"})


_QUIET = """
import sys
from pathlib import Path
from mm_jobs.common.log import Log
from mm_jobs.transform.dbt import Dbt
project, work = map(Path, sys.argv[1:])
dbt = Dbt(project, work, {}, "MARS", Log("transform"), query_tag="quiet")
assert dbt.prepare()
Path(work / "page.html").write_bytes(dbt.page())
"""


@pytest.mark.usefixtures("published")
def test_a_page_is_made_by_a_process_that_has_run_no_model(tmp_path: Path, server: Warehouse) -> None:
    """As in a quiet archive, where a page grows old and nothing is to be built."""
    empty_bronze()
    _transform(tmp_path / "1", Log("transform", stream=io.StringIO()))
    command = [sys.executable, "-c", _QUIET, str(_parsed_project(tmp_path)), str(tmp_path / "quiet")]
    ended = subprocess.run(command, env=os.environ | server.env(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    manifest = _inlined((tmp_path / "quiet" / "page.html").read_text(), "manifest")
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert len(models) == len(list(DBT.rglob("models/**/*.sql")))
    assert all(node["compiled_code"] for node in models)


@pytest.mark.usefixtures("published")
def test_a_page_is_made_of_a_project_without_parsed_state_too(tmp_path: Path) -> None:
    dbt = Dbt(DBT, tmp_path, {}, "MARS", Log("transform", stream=io.StringIO()), query_tag="by-hand")
    tmp_path.mkdir(exist_ok=True)
    page = dbt.page().decode()
    assert "model.martian_moments.fact_photos" in _inlined(page, "manifest")["nodes"]
    with pytest.raises(DbtProblem, match="no model fact_dust"):
        dbt.reads("fact_dust")
