"""The page that describes the models, made by the real dbt of what the real server holds."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from dbt.cli.main import dbtRunner
from mm_contracts.keys import DOCS_PAGE
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.transform.dbt import PARSE_STATE, Dbt, DbtProblem
from mm_jobs.transform.docs import Content, Docs

from tests.warehouse.loads import (
    MemoryBucket,
    Topic,
    empty_bronze,
    key_of,
    load,
    manifest_key,
)
from tests.warehouse.server import Warehouse
from tests.warehouse.transforms import (
    DBT,
    VARIABLES,
    manifest_of_spirit,
    sols_of_spirit,
    transform,
)


class Pages:
    """Keeps what a run would put into the bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}

    def metadata(self, key: str) -> dict[str, str] | None:
        return self.objects[key][1] if key in self.objects else None

    def put(self, key: str, body: bytes, metadata: Mapping[str, str], content_type: str) -> str:
        assert content_type.startswith("text/html") == key.endswith(".html")
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
    load(bucket, topic, log, bucket.put(manifest_key("Spirit"), manifest_of_spirit()))
    load(bucket, topic, log, bucket.put(key_of("Spirit", 1, 2), sols_of_spirit(1, 2)))
    project = _parsed_project(tmp_path)
    docs = Docs(pages, timedelta(hours=1), log)
    tags.clear()
    assert transform(tmp_path / "1", log, docs, project)["details"]["docs"] == "renewed"
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
    assert "model.martian_moments.rover_summary" in parents["exposure.martian_moments.dashboard"]

    # How the tests went is a table.
    with Client(query_tag="test") as warehouse:
        results = warehouse.run("select count(*), count_if(IS_GOOD), count(LAST_PASSED_AT) from GOLD.TEST_RESULTS")
    assert results[0][0] > 100
    assert results[0][0] == results[0][1] >= results[0][2] > 100

    # What the embedded warehouse does not know it does not say; what it says is so.
    stats = catalog["nodes"]["model.martian_moments.fact_photos"]["stats"]
    assert {name for name, one in stats.items() if one["include"]} == {"row_count"}
    with Client(query_tag="test") as warehouse:
        assert [(stats["row_count"]["value"],)] == warehouse.run("select count(*) from SILVER.FACT_PHOTOS")

    # The graph shows what depends on what; tests would be half of its nodes.
    assert manifest["unit_tests"] == {}
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    assert tests
    assert all(test["test_metadata"] for test in tests)

    # dbt's page reports its readers to dbt's makers where this is true.
    assert manifest["metadata"]["send_anonymous_usage_stats"] is False
    assert server.env()["SNOWFLAKE_PASSWORD"] not in page

    # Another process finds the page that is there good enough.
    later = Dbt(project, tmp_path / "2", VARIABLES, "MARS", log, query_tag="later")
    assert Docs(pages, timedelta(hours=1), log).renew(later, Content("more", settled=False), dict) == "fresh"

    read = later.reads("ingestion_planning")
    assert {
        "ingestion_planning",
        "sol_promises",
        "source_sol_cameras",
        "photo_sightings",
        "stg_nasa__manifests",
    } <= read
    assert read.isdisjoint({"fact_path", "rover_summary", "photo_counts"})


_QUIET = """
import sys
from pathlib import Path
from mm_jobs.common.log import Log
from mm_jobs.transform.dbt import Dbt
project, work = map(Path, sys.argv[1:])
dbt = Dbt(project, work, {}, "MARS", Log("transform"), query_tag="quiet")
assert dbt.prepare()
Path(work / "page.html").write_bytes(dbt.page({}).page)
"""


@pytest.mark.usefixtures("published")
def test_a_page_is_made_by_a_process_that_has_run_no_model(tmp_path: Path, server: Warehouse) -> None:
    """As in a quiet archive, where a page grows old and nothing is to be built."""
    empty_bronze()
    transform(tmp_path / "1", Log("transform", stream=io.StringIO()))
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
    page = dbt.page({}).page.decode()
    assert "model.martian_moments.fact_photos" in _inlined(page, "manifest")["nodes"]
    with pytest.raises(DbtProblem, match="no model fact_dust"):
        dbt.reads("fact_dust")
