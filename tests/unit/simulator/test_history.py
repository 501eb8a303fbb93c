"""The generated history against what is known of the real one."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import date
from typing import Any

import pytest
from mm_simulator.core import photos as photos_module
from mm_simulator.core.facts import CAMERA_BY_ID, ROVERS
from mm_simulator.core.ids import FIRST_ID
from mm_simulator.core.presence import conjunction_sols
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import (
    FIRST_SOLS,
    KNOWN_SPLITS,
    curiosity_manifest,
    m20_drives,
    missing_runs,
    quantile,
)
from mm_simulator.core.timebase import CLOCKS, earth_date, parse_instant
from mm_simulator.core.totals import scale_exact
from mm_simulator.core.world import World


def total(world: World, rover: str, last: int, first: int = 0) -> int:
    return sum(plan.total for sol, plan in world.plans[rover].items() if first <= sol <= last)


def test_draws_are_the_documented_hash() -> None:
    # printf 'martian-moments-1|Curiosity|1000|total|0' | b2sum -l 64 -> 2753e066cc6bef8d; its first 53 bits over 2**53.
    rand = Rand("martian-moments-1")
    assert rand.u("Curiosity", 1000, "total", 0) == (0x2753E066CC6BEF8D >> 11) / 2**53
    assert rand.u("Curiosity", 1000, "total", 1) != rand.u("Curiosity", 1000, "total", 0)
    assert Rand("other").u("Curiosity", 1000, "total", 0) != rand.u("Curiosity", 1000, "total", 0)


@pytest.mark.parametrize(
    ("rover", "last", "photos"),
    [
        ("Curiosity", 3156, 501_811), ("Curiosity", 4102, 695_670), ("Curiosity", 4592, 704_569),
        ("Opportunity", 5111, 198_439), ("Spirit", 2208, 124_550), ("Perseverance", 1558, 300_127),
        ("Curiosity", 60, 16_784),
    ],
)  # fmt: skip
def test_totals_are_those_the_api_told(world: World, rover: str, last: int, photos: int) -> None:
    assert total(world, rover, last) == photos


def test_curiosity_is_the_real_manifest(world: World) -> None:
    plans = world.plans["Curiosity"]
    rows = {row.sol: row for row in curiosity_manifest()}
    assert set(rows) == {sol for sol in plans if sol <= 3156}
    for sol, row in rows.items():
        assert plans[sol].total == row.total
        assert sorted(CAMERA_BY_ID[camera].name for camera, _ in plans[sol].cells) == sorted(row.cameras)


def test_known_splits_and_first_sols(world: World) -> None:
    for (rover, sol), cameras in KNOWN_SPLITS.items():
        found = {CAMERA_BY_ID[camera].name: count for camera, count in world.plans[rover][sol].cells}
        assert found == cameras
    for rover, counts in FIRST_SOLS.items():
        assert [world.plans[rover][sol].total for sol in range(1, len(counts) + 1)] == list(counts)
    assert world.plans["Perseverance"][1].total == 201
    assert 0 not in world.plans["Spirit"]


def test_conjunctions_are_empty_then_quiet(world: World) -> None:
    assert not [sol for sol in world.plans["Curiosity"] if 1005 <= sol <= 1026]
    empty, _ = conjunction_sols(ROVERS["Opportunity"])
    assert not empty & set(world.plans["Opportunity"])
    _, quiet = conjunction_sols(ROVERS["Perseverance"])
    shown = [world.plans["Perseverance"][sol] for sol in sorted(quiet) if sol in world.plans["Perseverance"]]
    assert len(shown) > 30
    assert all(4 <= plan.total <= 6 for plan in shown)


def test_gaps_are_like_the_real_ones(world: World) -> None:
    assert len(missing_runs()) == 83
    assert Counter(missing_runs())[1] == 41
    for rover, low, high in (
        ("Perseverance", 0.04, 0.2),
        ("Opportunity", 0.04, 0.15),
        ("Spirit", 0.04, 0.15),
    ):
        last = max(sol for sol in world.plans[rover] if sol <= 5111)
        share = 1 - len([sol for sol in world.plans[rover] if sol <= last]) / last
        assert low < share < high
    assert set(m20_drives()) - {sol for sol in m20_drives() if sol > 1700} <= set(world.plans["Perseverance"])


def test_generated_totals_spread_like_the_real_ones(world: World) -> None:
    logs = [math.log(plan.total) for sol, plan in world.plans["Curiosity"].items() if 3157 <= sol <= 4102]
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / len(logs))
    assert 0.9 < spread < 1.7  # 1.35 in the real years
    assert (quantile(0.0), quantile(0.5), quantile(1.0)) == (1, 124, 1500)


def test_stereo_cameras_are_even(world: World) -> None:
    for plan in world.plans["Perseverance"].values():
        counts = {CAMERA_BY_ID[camera].name: count for camera, count in plan.cells}
        if plan.sol > 1:
            assert counts.get("NAVCAM_LEFT") == counts.get("NAVCAM_RIGHT")
            assert counts.get("FRONT_HAZCAM_LEFT_A") == counts.get("FRONT_HAZCAM_RIGHT_A")
    for rover in ("Spirit", "Opportunity"):
        for plan in world.plans[rover].values():
            for camera, count in plan.cells:
                if plan.sol > 1 and CAMERA_BY_ID[camera].name in ("FHAZ", "RHAZ", "NAVCAM"):
                    assert count % 2 == 0


def test_scaling_is_exact_and_gives_the_rest_to_the_largest_fractions() -> None:
    totals, factor = scale_exact({1: 1, 2: 1, 3: 1}, {1: 1.0, 2: 1.0, 3: 2.0}, 9)
    assert totals == {1: 3, 2: 2, 3: 4}  # 1.5, 1.5 and 3.0 above the base: the lower sol wins the tie
    assert factor == 1.5
    with pytest.raises(ValueError, match="smallest totals"):
        scale_exact({1: 5}, {1: 1.0}, 4)


def test_ids_are_one_serial_without_holes(world: World) -> None:
    seen = bytearray(world.ids.last_id + 1)
    for rover in ROVERS.values():
        for plan in world.plans[rover.name].values():
            ids = world.ids.cells(rover.id, plan.sol)
            assert {camera: len(found) for camera, found in ids.items()} == dict(plan.cells)
            for camera, found in ids.items():
                assert found == sorted(found)
                assert world.ids.owner(found[0]) == (camera, plan.sol)
                for photo_id in found:
                    assert not seen[photo_id]
                    seen[photo_id] = 1
    assert seen[FIRST_ID:].count(1) == len(seen) - FIRST_ID
    assert world.ids.owner(FIRST_ID - 1) is None
    assert world.ids.owner(world.ids.last_id + 1) is None


def test_ids_lie_in_the_real_blocks(world: World) -> None:
    def span(rover: str, sols: range) -> tuple[int, int]:
        cells = [world.ids.cells(ROVERS[rover].id, sol) for sol in sols]
        found = [photo_id for cell in cells for ids in cell.values() for photo_id in ids]
        return min(found), max(found)

    assert span("Opportunity", range(1, 5112)) == (108_888, 307_326)
    assert span("Spirit", range(1, 2209)) == (307_327, 431_876)
    assert span("Perseverance", range(0, 1))[0] == 810_960
    assert span("Curiosity", range(0, 1))[0] == 727
    day = date(2025, 7, 7)
    newest = 0
    for rover in ("Curiosity", "Perseverance"):
        sols = [sol for sol in world.plans[rover] if earth_date(ROVERS[rover].landing_date, sol) <= day]
        newest = max(newest, span(rover, range(min(sols), max(sols) + 1))[1])
    assert newest == 1_328_411


def test_a_longer_history_keeps_the_shorter_one(world: World, longer: World) -> None:
    for rover, plans in world.plans.items():
        later = longer.plans[rover]
        assert {sol: later[sol] for sol in plans} == plans
    sols = {"Curiosity": (0, 3090, 4592, 4650), "Perseverance": (0, 1000, 1640)}
    for rover, wanted in sols.items():
        for sol in wanted:
            assert longer.ids.cells(ROVERS[rover].id, sol) == world.ids.cells(ROVERS[rover].id, sol)
    assert longer.photos(ROVERS["Perseverance"], 1640) == world.photos(ROVERS["Perseverance"], 1640)


def test_earth_dates_obey_the_rule(full: Any) -> None:
    rows = {row["sol"]: row["earth_date"] for row in full.manifest("curiosity")["photos"]}
    assert (rows[1], rows[30], rows[100], rows[829]) == (
        "2012-08-07",
        "2012-09-05",
        "2012-11-16",
        "2014-12-05",
    )
    for name, rover in ROVERS.items():
        for row in full.manifest(name)["photos"]:
            days = row["sol"] * 88775.244 // 86400
            assert (date.fromisoformat(row["earth_date"]) - rover.landing_date).days == days


@pytest.mark.parametrize(
    ("rover", "sclk", "utc", "tolerance"),
    [
        ("Perseverance", 675828717.752, "2021-06-01T14:14:37.984Z", 1.0),
        ("Perseverance", 744724219.997, "2023-08-08T00:02:03.332Z", 0.002),
        ("Perseverance", 745756689.0, "2023-08-19T22:50:00.475Z", 0.02),  # between two that NASA gave
        ("Perseverance", 798697310.734, "2025-04-23T16:40:44.575Z", 0.002),
        ("Perseverance", 841393387.640, "2026-08-30T20:47:41.638Z", 0.002),
        ("Curiosity", 405141307.148, "2012-11-02T15:18:29Z", 1.5),
        ("Curiosity", 813038955.646, "2025-10-06T17:16:46Z", 1.0),
        ("Spirit", 126468064, "2004-01-04T06:00:00Z", 600.0),
        ("Opportunity", 128285236, "2004-01-25T06:46:00Z", 600.0),
    ],
)
def test_clocks(rover: str, sclk: float, utc: str, tolerance: float) -> None:
    clock = CLOCKS[rover]
    assert abs(clock.unix_of_sclk(sclk) - parse_instant(utc)) <= tolerance
    assert clock.sclk(clock.unix_of_sclk(sclk)) == pytest.approx(sclk, abs=1e-3)


def test_a_night_that_was_counted_twice() -> None:
    clock = CLOCKS["Spirit"]
    assert clock.unix(2176, 0.0) - clock.unix(2175, 0.0) == pytest.approx(2 * 88775.244)
    for sol in (1, 2174, 2175, 2176, 2208):
        assert clock.sol_at(clock.unix(sol, 12.0)) == sol
    assert clock.sol_at(clock.unix(2175, 30.0)) == 2175


def test_local_time() -> None:
    unix = CLOCKS["Perseverance"].unix_of_sclk(675828717.752)
    assert CLOCKS["Perseverance"].lmst(unix) == pytest.approx(15.44, abs=0.01)
    assert CLOCKS["Perseverance"].sol_at(unix) == 100


NAMES = {
    "Perseverance": (
        r"https://mars\.nasa\.gov/mars2020-raw-images/pub/ods/surface/sol/(?P<sol>\d{5})/ids/edr/browse/"
        r"(ncam|fcam|rcam|zcam|edl|shrlc|scam|meda|lcam)/[A-Z]{2}[A-Z0-9]_(?P<sol4>\d{4})_(?P<sclk>\d{10})_\d{3}E[A-Z]{2}_"
        r"N\d{7}[A-Z_]{4}\d{5}_(\d\d_\d{3}|[0-9A-Z]{6})J0[12]_1200\.jpg"
    ),
    "Curiosity": (
        r"https?://mars\.(jpl\.)?nasa\.gov/msl-raw-images/(proj/msl/redops/ods/surface/sol/(?P<sol>\d{5})/(opgs/edr/"
        r"(fcam|rcam|ncam)/[FRN][LR][AB]_(?P<sclk>\d{9})EDR_[FSD]\d{7}(FHAZ|RHAZ|NCAM|TRAV)\d{5}M_\.JPG|"
        r"opgs/edr/ccam/CR0_\d{9}EDR_F\d{7}CCAM\d{5}M_\.JPG|soas/rdr/ccam/CR0_\d{9}PRC_F\d{7}CCAM\d{5}L1\.PNG)|"
        r"msss/\d{5}/(mcam|mhli|mrdi)/\d{4}(ML|MR|MH|MD)\d{10,16}[ECIRSUD]\d{1,2}_DXXX\.jpg)"
    ),
    "Opportunity": r"http://mars\.nasa\.gov/mer/gallery/all/1/[frnpme]/(?P<sol>\d{3,4})/1[FRNPME](?P<sclk>\d{9})(EFF|EDN|ESF)"
    r"[0-9A-Z]{4}[PF]\d{4}[LRNM]\dM\d-BR\.JPG",
    "Spirit": r"http://mars\.nasa\.gov/mer/gallery/all/2/[frnpme]/(?P<sol>\d{3,4})/2[FRNPME](?P<sclk>\d{9})(EFF|EDN|ESF)"
    r"[0-9A-Z]{4}[PF]\d{4}[LRNM]\dM\d-BR\.JPG",
}  # fmt: skip


@pytest.mark.parametrize(
    ("rover", "sols"),
    [
        ("Perseverance", [*range(0, 60), 500, 1200, 1558]),
        ("Curiosity", [0, 1, 10, 100, 1000, 2500, 3200, 4102, 4300, 4592]),
        ("Opportunity", [1, 2, 9, 500, 5111]), ("Spirit", [1, 2, 10, 1500, 2208]),
    ],
)  # fmt: skip
def test_file_names_and_their_clocks(world: World, rover: str, sols: list[int]) -> None:
    pattern, clock = re.compile(NAMES[rover]), CLOCKS[rover]
    addresses: set[str] = set()
    count = 0
    for sol in sols:
        for photo in world.photos(ROVERS[rover], sol):
            match = pattern.fullmatch(photo.img_src)
            assert match is not None, photo.img_src
            assert sol == clock.sol_at(clock.unix_of_sclk(photo.sclk))
            if match["sclk"]:
                assert int(match["sclk"]) == photo.sclk
                assert int(match["sol"]) == sol
            addresses.add(photo.img_src)
            count += 1
    assert len(addresses) == count > 200


def test_all_photos_of_the_demo_differ(demo_photos: dict[str, dict[int, list[dict[str, Any]]]]) -> None:
    photos = [photo for sols in demo_photos.values() for found in sols.values() for photo in found]
    assert len({photo["id"] for photo in photos}) == len(photos) == 50_704
    assert len({photo["img_src"] for photo in photos}) == len(photos)


def test_eyes_share_the_clock_and_tiles_too(world: World) -> None:
    photos = world.photos(ROVERS["Perseverance"], 52)
    by_camera: dict[str, Counter[tuple[int, int]]] = {}
    for photo in photos:
        by_camera.setdefault(CAMERA_BY_ID[photo.camera_id].name, Counter())[photo.sclk, photo.ms] += 1
    assert by_camera["NAVCAM_LEFT"] == by_camera["NAVCAM_RIGHT"]
    assert by_camera["FRONT_HAZCAM_LEFT_A"] == by_camera["FRONT_HAZCAM_RIGHT_A"]
    assert 4 in by_camera["NAVCAM_LEFT"].values()


def test_an_address_that_is_taken_is_drawn_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Names made of the time alone: both eyes and all tiles of a frame collide.
    monkeypatch.setattr(photos_module, "img_src", lambda *given: f"{given[6][0] // 10}")
    photos = world.photos(ROVERS["Perseverance"], 15)
    assert len({photo.img_src for photo in photos}) == len(photos) > 100


def test_cameras_of_the_older_rovers_are_there_as_often_as_they_were(world: World) -> None:
    for rover, shares in (
        ("Opportunity", {"PANCAM": 0.99, "NAVCAM": 0.57, "FHAZ": 0.49, "RHAZ": 0.32, "MINITES": 0.14}),
        ("Spirit", {"PANCAM": 0.99, "NAVCAM": 0.57, "FHAZ": 0.47, "RHAZ": 0.27, "MINITES": 0.16}),
    ):
        plans = world.plans[rover].values()
        found = Counter(CAMERA_BY_ID[camera].name for plan in plans for camera, _ in plan.cells)
        for camera, share in shares.items():
            assert found[camera] / len(plans) == pytest.approx(share, abs=0.05), (rover, camera)


def test_the_real_history_is_that_of_the_manifests(make: Any) -> None:
    api = make(profile="full", history="real")
    for rover, sols, photos in (("opportunity", 4811, 198_439), ("spirit", 2115, 124_550)):
        manifest = api.manifest(rover)
        assert (len(manifest["photos"]), manifest["total_photos"]) == (sols, photos)
    curiosity = {e["sol"]: e for e in api.manifest("curiosity")["photos"]}
    assert sum(e["total_photos"] for sol, e in curiosity.items() if sol <= 4102) == 695_670
    assert curiosity[3156]["total_photos"] == 403  # 181 when it was younger
    # A sol of Spirit within a conjunction: 15 photos on each.
    spirit = {e["sol"]: e["total_photos"] for e in api.manifest("spirit")["photos"]}
    assert 15 in spirit.values()
    for rover, sol in (("opportunity", 100), ("spirit", 1)):
        entry = next(e for e in api.manifest(rover)["photos"] if e["sol"] == sol)
        found = api.photos(rover, sol=sol)
        assert len(found) == entry["total_photos"]
        assert sorted({p["camera"]["name"] for p in found}) == entry["cameras"]
