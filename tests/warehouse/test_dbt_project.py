"""The whole project on the real server: what the simulator and NASA served, and what it says of itself."""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.warehouse.bronze import Source, coordinates_batch, manifest_batch, outcome, photo_batch
from tests.warehouse.dbt_runs import PROJECT, Dbt, running

AT = "2025-10-07T12:00:00"
SHARED = Path(os.environ.get("MARS_SHARED", PROJECT.parents[1] / "shared")) / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="NASA's captured answers are not on this machine")


@pytest.fixture(scope="module")
def source() -> Source:
    return Source("tiny")


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory, source: Source) -> Iterator[Dbt]:
    """The tiny archive, built."""
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        for rover, manifest in source.manifests.items():
            opened.put(manifest_batch(rover, manifest, AT), *source.batches(rover, AT))
        opened.put(*(coordinates_batch(rover, source.features(rover), AT) for rover in ("Perseverance", "Curiosity")))
        opened("run")
        yield opened


def test_all_that_is_promised_is_archived_and_no_gap_is_left(dbt: Dbt, source: Source) -> None:
    summary = dbt.rows(
        "select ROVER_NAME, SOLS_PROMISED, SOLS_ARCHIVED, PHOTOS_PROMISED, PHOTOS_ARCHIVED, GAPS"
        " from GOLD.ROVER_SUMMARY"
    )
    expected = {
        (name, len(m["photos"]), len(m["photos"]), m["total_photos"], m["total_photos"], 0)
        for name, m in source.manifests.items()
    }
    assert set(summary) == expected


def test_data_tests_and_unit_tests_pass(dbt: Dbt) -> None:
    statuses = dbt("test")
    assert len(statuses) > 90
    assert set(statuses.values()) == {"pass"}


def test_failing_test_names_itself_and_harms_no_table(dbt: Dbt) -> None:
    damage = (
        "update SILVER.SOURCE_SOL_CAMERAS set PHOTOS = PHOTOS + ({})"
        " where ROVER_NAME = 'Spirit' and CAMERA_NAME = 'ENTRY'"
    )
    dbt.cursor.execute(damage.format(1))
    try:
        statuses = dbt("test", "--select", "every_photo_of_the_latest_answer_is_listed", fails=True)
        assert statuses == {"every_photo_of_the_latest_answer_is_listed": "fail"}
        dbt("run", "--select", "tag:loop")
        # What the damage did to the sol is seen as what it is: a disagreement with the manifest.
        gaps = dbt.rows("select ROVER_NAME, SOL, STATUS from SILVER.INGESTION_PLANNING")
        assert gaps == [("Spirit", 1, "PHOTO_COUNT_MISMATCH")]
    finally:
        dbt.cursor.execute(damage.format(-1))


def test_camera_of_another_rover_is_found_out(dbt: Dbt) -> None:
    columns = (
        "CAMERA_KEY, ROVER_ID, ROVER_NAME, CAMERA_NAME, CAMERA_FULL_NAME, CAMERA_CATEGORY, IS_DOCUMENTED, HAS_PHOTOS"
    )
    row = "'x', 7, 'Spirit', 'MAHLI', 'Mars Hand Lens Imager', 'other', false, true"
    dbt.cursor.execute(f"insert into SILVER.DIM_CAMERAS ({columns}) values ({row})")
    try:
        statuses = dbt("test", "--select", "cameras_belong_to_their_rovers", "dim_cameras__documented", fails=True)
        assert statuses == {"cameras_belong_to_their_rovers": "fail", "dim_cameras__documented": "warn"}
    finally:
        dbt.cursor.execute("delete from SILVER.DIM_CAMERAS where CAMERA_KEY = 'x'")


def test_photos_have_the_times_of_their_clocks(dbt: Dbt) -> None:
    """Spirit's and Opportunity's clocks count seconds; mean time is 52 and 57 minutes ahead of the missions'."""
    photos = dbt.rows(
        "select ROVER_NAME, SCLK + coalesce(SCLK_MS, 0) / 1000, UTC, LMST from SILVER.FACT_PHOTOS where SCLK > 0"
    )
    assert {row[0] for row in photos} == {"Perseverance", "Curiosity", "Spirit", "Opportunity"}
    missions = {"Spirit": (126320919, 52.47), "Opportunity": (128141378, 57.62)}
    for rover, sclk, utc, lmst in photos:
        if rover in missions:
            midnight, ahead = missions[rover]
            assert utc.replace(tzinfo=UTC).timestamp() == pytest.approx(946727935.816 + float(sclk), abs=0.001)
            mission = (float(sclk) - midnight) % 88775.244 / 88775.244 * 24
            assert (lmst - mission) % 24 * 60 == pytest.approx(ahead, abs=0.1)


def test_photos_of_a_drive_sol_lie_before_during_and_after_the_drive(dbt: Dbt) -> None:
    phases = dbt.rows("select distinct SOL, TRAVEL_PHASE from GOLD.PHOTO_TRAVEL_CORRELATION where not HAS_ODD_WINDOW")
    assert set(phases) >= {(sol, phase) for sol in (15, 16, 52) for phase in ("before", "during", "after")}
    doubtful = dbt.rows("select distinct SOL from GOLD.PHOTO_TRAVEL_CORRELATION where IS_DOUBTFUL")
    assert doubtful == [(14,)], "the drive of sol 14 began before its sol: every early photo seems taken on the way"


def test_catalog_holds_every_model_with_its_columns(dbt: Dbt) -> None:
    dbt("docs", "generate")
    catalog = json.loads((dbt.target / "catalog.json").read_text())
    manifest = json.loads((dbt.target / "manifest.json").read_text())
    models = {k: v for k, v in manifest["nodes"].items() if v["resource_type"] == "model"}
    assert set(models) <= set(catalog["nodes"])
    for name, model in models.items():
        assert {c.lower() for c in catalog["nodes"][name]["columns"]} == set(model["columns"]), name
    exposures = {exposure["name"] for exposure in manifest["exposures"].values()}
    assert exposures == {"dashboard", "command_line", "metrics", "planner"}


READERS = {
    "dashboard": ("dashboard/mm_dashboard/**/*.py",),
    "command_line": ("cli/mm_cli/*.py", "cli/mm_cli/questions/*.sql"),
    "metrics": ("jobs/mm_jobs/transform/standing.py",),
    "planner": ("jobs/mm_jobs/transform/planning.py",),
}
"""Where the statements of each exposure are."""


@pytest.mark.parametrize("name", READERS)
def test_an_exposure_names_the_tables_that_its_statements_read(name: str) -> None:
    exposures = yaml.safe_load((PROJECT / "models" / "exposures.yml").read_text())["exposures"]
    (told,) = [one["depends_on"] for one in exposures if one["name"] == name]
    files = [path for pattern in READERS[name] for path in PROJECT.parent.glob(pattern)]
    names = re.compile(r"\b(?:GOLD|SILVER)\.([A-Z_]+)|(?:from|join) (?:gold|silver)\.([a-z_]+)")
    found = {(upper or lower).lower() for path in files for upper, lower in names.findall(path.read_text())}
    assert sorted(told) == sorted(f"ref('{table}')" for table in found)


def described() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(PROJECT.glob("models/*/*.yml")):
        found += [(path.stem, model) for model in yaml.safe_load(path.read_text()).get("models", [])]
    return found


def test_every_model_says_its_grain_first_and_describes_every_column() -> None:
    models = dict(described())
    assert set(models) == {path.stem for path in PROJECT.glob("models/*/*.sql")}
    for name, model in models.items():
        assert model["description"].startswith("One row per "), name
        assert all(column.get("description") for column in model["columns"]), name
        tested = bool(model.get("data_tests")) or any(c.get("data_tests") for c in model["columns"])
        assert tested or name.startswith("stg_"), name


def test_every_stored_table_of_silver_declares_its_key(dbt: Dbt) -> None:
    """Views cannot have one. Of three tables an object tells a part of the key itself: a key takes no null, and an
    object that lacked that part would end the loop.
    """
    manifest = json.loads((dbt.target / "manifest.json").read_text())
    stored = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "silver" and node["config"]["materialized"] != "view"
    ]
    keys = {
        node["name"]: constraint["columns"]
        for node in stored
        for constraint in node["constraints"]
        if constraint["type"] == "primary_key"
    }
    without = {"sol_outcomes", "photo_sightings", "source_sol_cameras"}
    assert {node["name"] for node in stored} - set(keys) == without
    for node in stored:
        told = node["config"].get("unique_key")
        if told and node["name"] in keys:
            assert keys[node["name"]] == told, node["name"]


def test_descriptions_of_tables_and_columns_are_in_the_warehouse(dbt: Dbt) -> None:
    where = "where TABLE_SCHEMA in ('SILVER', 'GOLD')"
    tables = dbt.rows(f"select TABLE_NAME, COMMENT from INFORMATION_SCHEMA.TABLES {where}")
    assert {name.lower() for name, _ in tables} == set(dict(described()))
    assert [name for name, text in tables if not (text or "").startswith("One row per ")] == []
    columns = dbt.rows(f"select TABLE_NAME, COLUMN_NAME, COMMENT from INFORMATION_SCHEMA.COLUMNS {where}")
    assert len(columns) > 500
    assert [(table, column) for table, column, text in columns if not text] == []


@shared
def test_captured_photos_arrive_field_by_field(dbt: Dbt) -> None:
    """Real answers of the API, under a source of their own: everything they say is in fact_photos unchanged."""
    captured: list[dict[str, Any]] = []
    for path in sorted((SHARED / "captures").glob("v1_*_photos.json")):
        photos = json.loads(path.read_text())["photos"]
        rover, sol = photos[0]["rover"]["name"], photos[0]["sol"]
        told = outcome(sol, None, photos, AT) | {"status": "complete"}
        dbt.put(photo_batch(rover, [told], photos, AT, "captured", "capture"))
        captured += photos
    dbt("run", "--select", "tag:loop")
    found = dbt.rows(
        "select PHOTO_ID, ROVER_ID, ROVER_NAME, SOL, EARTH_DATE, CAMERA_KEY, SERVED_CAMERA_ID, CAMERA_NAME,"
        " CAMERA_FULL_NAME, IMG_SRC, IS_LISTED from SILVER.SOURCE_PHOTOS where SOURCE = 'capture'"
    )
    expected = {
        (
            p["id"], p["rover"]["id"], p["rover"]["name"], p["sol"], p["earth_date"],
            str(p["camera"]["id"]), p["camera"]["id"], p["camera"]["name"],
            p["camera"]["full_name"], p["img_src"], True,
        )
        for p in captured
    }  # fmt: skip
    assert {(*row[:4], str(row[4]), *row[5:]) for row in found} == expected
    assert len(found) == len(captured) > 150
    times = dbt.rows(
        "select count(UTC), min(UTC)::date::varchar, max(UTC)::date::varchar from SILVER.SOURCE_PHOTOS"
        " where SOURCE = 'capture'"
    )
    assert times[0][0] == len(captured)
    assert "2004-01-03" < times[0][1] < times[0][2] < "2004-01-27"


@shared
def test_real_layers_show_the_odd_drives_that_are_known(dbt: Dbt) -> None:
    """Eight drives begin before their sol, eleven overlap it by less than a minute; Curiosity's tell lengths only."""
    layers = {"Perseverance": "M20_traverse.json", "Curiosity": "MSL_traverse.json"}
    for rover, name in layers.items():
        features = json.loads((SHARED / "mmgis" / name).read_text())["features"]
        dbt.put(coordinates_batch(rover, [f | {"rover_name": rover} for f in features], "2025-10-08T12:00:00"))
    dbt("run", "--select", "fact_path", "dim_coordinates")
    early = {sol for (sol,) in dbt.rows("select SOL from SILVER.FACT_PATH where STARTS_BEFORE_SOL")}
    barely = {sol for (sol,) in dbt.rows("select SOL from SILVER.FACT_PATH where BARELY_TOUCHES_SOL")}
    assert early == {14, 351, 352, 359, 381, 394, 668, 909}
    assert barely == {668, 726, 897, 1055, 1154, 1279, 1343, 1699, 1700, 1829, 1830}
    totals = dbt.rows(
        "select ROVER_NAME, count(*), round(sum(LENGTH_M), 1), count(SOL), count_if(HAS_BROKEN_CHAIN)"
        " from SILVER.FACT_PATH group by 1 order by 1"
    )
    assert totals == [("Curiosity", 1273, 36835.2, 0, 0), ("Perseverance", 522, 42541.7, 522, 5)]
    assert set(dbt("test", "--select", "fact_path", "dim_coordinates", "--exclude", "test_type:unit").values()) == {
        "pass"
    }
    ((parts,),) = dbt.rows("select max(PART_NUMBER) from SILVER.DIM_COORDINATES where ROVER_NAME = 'Curiosity'")
    assert parts > 0, "the one drive in several lines is kept as such"
