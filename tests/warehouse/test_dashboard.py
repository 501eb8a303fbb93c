"""The dashboard's questions and pages over a real archive: what the models make is what the pages ask for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mm_dashboard import past, queries
from mm_dashboard.app import build
from mm_dashboard.filters import Filters
from mm_dashboard.kube import Api
from mm_dashboard.settings import Settings
from mm_dashboard.solmap import bands, counts
from mm_dashboard.warehouse import Away, NotBuilt, Snowflake
from starlette.testclient import TestClient

from tests.unit.dashboard.scripted import MemoryStore
from tests.warehouse.bronze import Source, coordinates_batch, failed, manifest_batch, photo_batch
from tests.warehouse.dbt_runs import Dbt, running
from tests.warehouse.server import Warehouse
from tests.warehouse.transforms import VARIABLES

AT = "2025-10-07T12:00:00Z"
ROVER = "Perseverance"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """The tiny archive of one rover, built; the sols of one batch failed."""
    with running(tmp_path_factory.mktemp("dashboard")) as dbt:
        source = Source("tiny")
        dbt.put(manifest_batch(ROVER, source.manifests[ROVER], AT))
        dbt.put(coordinates_batch(ROVER, source.features(ROVER), AT))
        first, *rest = source.batches(ROVER, AT, max_sols=4)
        told = [failed(sol["sol"], "SourceError", AT) for sol in first.arrays["SOLS"]]
        told[0]["set_aside"] = [{"what": "photo", "reason": "NoIdentity", "message": "it has no number", "raw": {}}]
        dbt.put(photo_batch(ROVER, told, [], AT))
        dbt.put(*rest)
        dbt("run", "--vars", str(VARIABLES))
        yield dbt


@pytest.fixture(scope="module")
def environment(archive: Dbt) -> dict[str, str]:
    """How the warehouse is reached."""
    return {name: value for name, value in archive._environment.items() if name.startswith("SNOWFLAKE_")}


def _rows(environment: dict[str, str], sql: str, *binds: object) -> list[dict[str, Any]]:
    warehouse = Snowflake(environment)
    try:
        return asyncio.run(warehouse.rows(sql, binds))
    finally:
        warehouse.close()


@pytest.fixture(scope="module")
def photo(environment: dict[str, str]) -> dict[str, Any]:
    """The newest picture."""
    (row,) = _rows(environment, queries.NEWEST)
    return row


STATEMENTS = vars(queries) | {f"PAST_{name}": text for name, text in vars(past).items()}
QUESTIONS = sorted(
    name
    for name, text in STATEMENTS.items()
    if isinstance(text, str) and re.match(r"\s*(select|with)\b", text) and not name.startswith(("_", "PAST__"))
)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_understood(name: str, environment: dict[str, str], photo: dict[str, Any]) -> None:
    sql = str(STATEMENTS[name])
    given: dict[str, tuple[object, ...]] = {"OBJECTS_OF_PLAN": ("plan-test",), "PLACE": (ROVER, 3, 0)}
    known = (ROVER, photo["sol"], photo["image_id"])
    rows = _rows(environment, sql, *given.get(name, known[: sql.count("?")]))
    full = {"ROVERS", "GAPS", "NEWEST", "SOURCES", "SOLS", "PROMISE", "OUTCOMES", "PHOTOS_OF_SOL", "ADDRESSES_OF_SOL"}
    full |= {"PHOTO", "SAID", "CAMERAS", "ROUTE", "SPOTS", "OBJECTS", "OBJECTS_OF_PLAN", "ALL_GAPS", "SET_ASIDE"}
    assert rows or name not in full


def test_the_map_says_what_the_archive_has(archive: Dbt, environment: dict[str, str]) -> None:
    (band,) = [
        one
        for one in bands(_rows(environment, queries.SOLS), _rows(environment, queries.ROVERS))
        if one["rover"] == ROVER
    ]
    ((kept, gaps),) = archive.rows(
        f"select count_if(is_kept), count_if(not is_kept) from SILVER.SOL_PROMISES where ROVER_NAME = '{ROVER}'"
    )
    assert counts(band)["complete"] == kept > 0
    assert counts(band)["failed"] == gaps > 0
    assert band["states"].strip(" cf") == ""


@pytest.mark.parametrize("phase", ["", "before", "during", "after"])
def test_filters_find_what_they_say(phase: str, environment: dict[str, str]) -> None:
    filters = Filters(ROVER, first_sol=1, last_sol=999, from_hour=6, to_hour=18, phase=phase, order="oldest")
    sql, binds = filters.question(500, 0)
    rows = _rows(environment, sql, *binds)
    assert rows or phase
    assert all(6 <= row["lmst"] <= 18 and row["sol"] >= 1 and not row["is_thumbnail"] for row in rows)
    assert [row["sol"] for row in rows] == sorted(row["sol"] for row in rows)


def _settled(client: TestClient, path: str) -> httpx.Response:
    """Return a page once everything in it is read."""
    while True:
        answer = client.get(path)
        if "refresh" not in answer.headers:
            return answer


def test_every_page_is_made_of_a_real_archive(environment: dict[str, str], photo: dict[str, Any]) -> None:
    settings = Settings("mars", "mars", "", None)
    warehouse, api = Snowflake(environment), Api(settings)
    with TestClient(build(settings, warehouse, api, MemoryStore(), api.close)) as client:
        sol, name = photo["sol"], photo["image_id"]
        texts = {
            "/": "There is no Kubernetes API to ask.",
            "/sols": f'canvas class="solmap" data-rover="{ROVER}"',
            f"/sols/perseverance/{sol}": "Pictures by camera and Mars time",
            "/pictures?rover=perseverance": f"/pictures/perseverance/{sol}/",
            f"/pictures/perseverance/{sol}/{name}": name,
            "/route": 'class="route-line" d="M',
            "/work": "plan-test",
            "/work/plans/plan-test": "photos/perseverance/",
        }
        for path, text in texts.items():
            answer = _settled(client, path)
            assert answer.status_code == 200, path
            assert text in answer.text, path
            assert "The warehouse" not in answer.text, path
        assert "NoIdentity: it has no number" in _settled(client, "/work").text
    warehouse.close()


def test_a_warehouse_that_lacks_the_tables_is_told_from_one_that_is_away(new_warehouse: Any, tmp_path: Path) -> None:
    del tmp_path
    server: Warehouse = new_warehouse().start()
    with pytest.raises(NotBuilt):
        _rows(server.env(), queries.ROVERS)
    server.kill()
    with pytest.raises(Away, match=r"^The warehouse does not answer\.$"):
        _rows(server.env(), queries.ROVERS)
