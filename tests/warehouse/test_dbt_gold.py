"""gold.photos and what it stands on, over the simulator's small archive."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mm_jobs.ingest.sources.mmgis import read_layer

from tests.warehouse.bronze import Source, coordinates_batch, manifest_batch
from tests.warehouse.dbt_runs import Dbt, running
from tests.warehouse.test_dbt_project import SHARED, shared

AT, LATER, MUCH_LATER = "2025-10-07T12:00:00", "2025-10-08T12:00:00", "2025-10-09T12:00:00"
NEW = ("photo_frames", "photos", "fact_places", "fact_drives", "sol_drives", "stg_mmgis__places", "ref_traverse_places")


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    source = Source("tiny")
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        for rover, manifest in source.manifests.items():
            opened.put(manifest_batch(rover, manifest, AT), *source.batches(rover, AT))
        opened.put(*(coordinates_batch(rover, source.features(rover), AT) for rover in ("Perseverance", "Curiosity")))
        opened("run")
        yield opened


def test_new_models_pass_their_own_tests(dbt: Dbt) -> None:
    statuses = dbt("test", "--select", *NEW)
    assert set(statuses.values()) == {"pass"}
    assert len(statuses) > 25


def test_every_listed_photo_is_in_gold_once(dbt: Dbt) -> None:
    ((photos, listed, counted),) = dbt.rows(
        "select count(*), count_if(IS_LISTED), count_if(IS_COUNTED) from GOLD.PHOTOS"
    )
    ((expected,),) = dbt.rows("select count(*) from SILVER.FACT_PHOTOS where IS_LISTED")
    assert photos == listed == expected
    assert 0 < counted < listed


def test_drives_of_all_four_rovers_have_one_vocabulary(dbt: Dbt) -> None:
    """Layers measure Perseverance's, a traverse Spirit's; of Opportunity the names tell that it moved, not how far."""
    drives = dbt.rows(
        "select ROVER_NAME, EVIDENCE, IS_MEASURED, count(*), count(LENGTH_M), count(STARTED_AT), min(SOL), max(SOL)"
        " from SILVER.FACT_DRIVES group by 1, 2, 3 order by 1"
    )
    assert drives == [
        ("Opportunity", "counters", False, 2, 0, 0, 2, 3),
        ("Perseverance", "traverse layer", True, 4, 4, 4, 14, 52),
        ("Spirit", "traverse", True, 501, 501, 0, 7, 2165),
    ]
    ((no_drive,),) = dbt.rows("select count(*) from SILVER.SOL_DRIVES where ROVER_NAME = 'Curiosity' and DRIVES = 0")
    assert no_drive == 4, "its counters did not change on the four sols"


def test_places_of_pictures_are_measured_where_a_drive_ended(dbt: Dbt) -> None:
    rows = dbt.rows(
        "select ROVER_NAME, count(distinct PLACE_KEY), count(LONGITUDE) > 0, count(PLACE_KEY) = count(SITE)"
        " from GOLD.PHOTOS group by 1 order by 1"
    )
    assert rows == [
        ("Curiosity", 1, False, True), ("Opportunity", 3, False, True),
        ("Perseverance", 73, True, True), ("Spirit", 3, False, True),
    ]  # fmt: skip


def test_doubtful_is_a_phase_and_counts_nowhere_as_driving(dbt: Dbt) -> None:
    """The drive of sol 14 began, by its clock, before its sol."""
    doubtful = "select distinct SOL from GOLD.PHOTOS where TRAVEL_PHASE = 'doubtful'"
    assert dbt.rows(doubtful) == [(14,)]
    assert dbt.rows("select count(*) from GOLD.PHOTO_TRAVEL_CORRELATION where TAKEN_DURING_TRAVEL and IS_DOUBTFUL") == [
        (0,)
    ]
    phases = {phase for (phase,) in dbt.rows("select distinct TRAVEL_PHASE from GOLD.PHOTOS where SOL in (15, 16, 52)")}
    assert phases >= {"before", "during", "after"}


def test_frames_have_versions_tiles_and_two_eyes(dbt: Dbt) -> None:
    ((older, newer),) = dbt.rows(
        "select count_if(not IS_LATEST_VERSION), count(distinct iff(VERSIONS > 1, FRAME_KEY, null)) from GOLD.PHOTOS"
    )
    assert older == newer == 30, "the simulator repeats three frames of a hundred in a second version"
    lists = dbt.rows("select VERSIONS, VERSION_LIST, count(*) from GOLD.PHOTOS where VERSIONS > 1 group by 1, 2")
    assert lists == [(2, "J01, J02", 60)], "each of the two names both"
    ((single,),) = dbt.rows(
        "select count_if(VERSION_LIST is distinct from PRODUCT_VERSION) from GOLD.PHOTOS where VERSIONS = 1"
    )
    assert single == 0
    ((pairs,),) = dbt.rows(
        "select count(*) from (select PAIR_KEY from GOLD.PHOTOS where PAIR_KEY is not null and IS_COUNTED"
        " group by PAIR_KEY having count(distinct EYE) = 2)"
    )
    assert pairs > 400


def test_utc_date_is_that_of_the_clock_and_not_of_the_sol(dbt: Dbt) -> None:
    rows = dbt.rows("select UTC, UTC_DATE, EARTH_DATE from GOLD.PHOTOS where UTC is not null")
    assert all(utc.date() == utc_date for utc, utc_date, _ in rows)
    assert any(utc_date != earth_date for _, utc_date, earth_date in rows), "a sol lies in two days of Earth"
    assert dbt.rows("select count(UTC_DATE) from GOLD.PHOTOS where UTC is null") == [(0,)]


def test_addresses_of_other_sizes_follow_each_site(dbt: Dbt) -> None:
    rows = dbt.rows(
        "select ROVER_NAME, IMG_SRC, THUMBNAIL_SRC, SMALL_SRC, FULL_SRC from GOLD.PHOTOS"
        " where CAMERA_NAME in ('NAVCAM', 'NAVCAM_LEFT', 'PANCAM') and IS_COUNTED"
        " qualify row_number() over (partition by ROVER_NAME order by SORT_KEY) = 1 order by 1"
    )
    sizes = {rover: tuple(address[-12:] for address in addresses) for rover, *addresses in rows}
    assert sizes["Perseverance"][0].endswith("_1200.jpg")
    assert [size[-8:] for size in sizes["Perseverance"][1:3]] == ["_320.jpg", "_800.jpg"]
    assert sizes["Perseverance"][3].endswith("J01.png")
    assert sizes["Curiosity"][1].endswith("M_-thm.jpg")
    assert sizes["Spirit"][1].endswith("-THM.JPG")
    assert sizes["Spirit"][2].endswith("-BR.JPG")
    assert "-BR" not in sizes["Spirit"][3]


def waypoints(layer: dict[str, Any], rover: str) -> list[dict[str, Any]]:
    """A layer of waypoints as the ingest Job keeps it."""
    return [dict(place) for place in read_layer(layer, "waypoints", rover).places]


def test_waypoints_measure_what_counters_only_showed(dbt: Dbt) -> None:
    """They come after the pictures. A point without a distance is a new site there, one in mid-drive ends none."""

    def point(rmc: str, sol: int, metres: float, total: float, final: str = "y") -> dict[str, Any]:
        site, drive = (int(part) for part in rmc.split("_"))
        properties = {
            "RMC": rmc, "site": site, "drive": drive, "sol": sol, "lon": 137.4 + total / 1e6, "lat": -4.6,
            "elev_geoid": -4500.5, "dist_m": metres, "dist_total_m": total, "final": final,
        }  # fmt: skip
        geometry = {"type": "Point", "coordinates": [137.4, -4.6, -4500.5]}
        return {"type": "Feature", "properties": properties, "geometry": geometry}

    points = [
        point("0_0", 0, 0, 0), point("0_40", 16, 3.5, 3.5, "m"), point("0_78", 16, 7.01, 7.01),
        point("1_0", 16, 0, 7.01), point("1_22", 21, 4.9, 11.91),
    ]  # fmt: skip
    dbt.put(coordinates_batch("Curiosity", [], LATER, waypoints({"features": points}, "Curiosity")))
    dbt("run", "--select", "fact_path", "dim_coordinates", "fact_drives", "fact_places", "sol_drives")
    drives = dbt.rows(
        "select SOL, FROM_PLACE_KEY, TO_PLACE_KEY, LENGTH_M, EVIDENCE from GOLD.DRIVES"
        " where ROVER_NAME = 'Curiosity' order by 1"
    )
    assert drives == [
        (16, "Curiosity-0-0", "Curiosity-0-78", 7.01, "waypoints"),
        (21, "Curiosity-1-0", "Curiosity-1-22", 4.9, "waypoints"),
    ]
    ((longitude, elevation, odometer),) = dbt.rows(
        "select distinct LONGITUDE, ELEVATION_M, ODOMETER_M from GOLD.PHOTOS"
        " where ROVER_NAME = 'Curiosity' and PLACE_KEY is not null"
    )
    assert (longitude, elevation, odometer) == (137.4, -4500.5, 0)


@shared
def test_curiositys_history_gives_its_drives_and_odometer(dbt: Dbt) -> None:
    """1,366 points; five of them without a distance are no drives."""
    layer = json.loads((SHARED / "feeds" / "mmgis" / "msl_waypoints_full_2026-07-22.json").read_text())
    dbt.put(coordinates_batch("Curiosity", [], MUCH_LATER, waypoints(layer, "Curiosity")))
    dbt("run", "--select", "fact_path", "dim_coordinates", "fact_drives", "fact_places", "sol_drives")
    ((drives, metres, first, last),) = dbt.rows(
        "select count(*), sum(LENGTH_M), min(SOL), max(SOL) from SILVER.FACT_DRIVES where ROVER_NAME = 'Curiosity'"
    )
    moved = [f["properties"] for f in layer["features"] if f["properties"]["dist_m"] > 0]
    assert (drives, first, last) == (len(moved), moved[0]["sol"], moved[-1]["sol"])
    assert metres == pytest.approx(sum(p["dist_m"] for p in moved), abs=0.01)
    assert set(dbt("test", "--select", "fact_drives", "fact_places", "sol_drives").values()) == {"pass"}
