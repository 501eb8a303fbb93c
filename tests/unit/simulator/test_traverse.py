"""The map layers: geometry, the real drives, and photos that fit them."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any

import pytest
from mm_simulator.core.drive_frames import drive_readings
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.frames import role
from mm_simulator.core.photos import Photo, sol_photos
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import m20_drives
from mm_simulator.core.timebase import CLOCKS
from mm_simulator.core.world import World

LAYERS = "/mmgis-maps/{0}/Layers/json/{0}_{1}.json"
SHORT_OVERLAP = {668, 726, 897, 1055, 1154, 1279, 1343, 1699, 1700, 1829, 1830}


def layer(api: Any, site: str, name: str) -> Any:
    response = api.stranger.get(LAYERS.format(site, name))
    assert response.status_code == 200
    return response.json()


def metres(line: list[list[float]]) -> float:
    """Great-circle length on a sphere of 3,396,190 m, written down apart from the simulator's own."""
    length = 0.0
    for (lon1, lat1, _), (lon2, lat2, _) in pairwise(line):
        p1, p2, dl = math.radians(lat1), math.radians(lat2), math.radians(lon2 - lon1)
        h = math.sin((p2 - p1) / 2) ** 2 + math.cos(p1) * math.cos(p2) * math.sin(dl / 2) ** 2
        length += 2 * 3_396_190.0 * math.asin(math.sqrt(h))
    return length


def test_m20_traverse_is_the_real_drives(full: Any) -> None:
    traverse = layer(full, "M20", "traverse")
    assert {key: traverse[key] for key in ("type", "name", "crs")} == {
        "type": "FeatureCollection",
        "name": "M20_Traverse_Path_tosol1646",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
    }
    features = traverse["features"]
    assert len(features) == 476
    drives = m20_drives()
    for feature in features:
        properties, line = feature["properties"], feature["geometry"]["coordinates"]
        drive = drives[properties["sol"]]
        assert list(properties) == ["sol", "fromRMC", "toRMC", "length", "SCLK_START", "SCLK_END"]
        assert (properties["fromRMC"], properties["toRMC"]) == (drive.from_rmc, drive.to_rmc)
        assert (properties["SCLK_START"], properties["SCLK_END"]) == (drive.sclk_start, drive.sclk_end)
        assert (tuple(line[0]), len(line)) == (drive.start, drive.points)
        # Rounded to centimetres, so the shortest lines are off by more than a thousandth.
        assert metres(line) == pytest.approx(properties["length"], rel=0.001, abs=0.006)
    assert sum(f["properties"]["length"] for f in features) == pytest.approx(38_326.5, rel=0.001)
    assert [f["properties"]["sol"] for f in features] == sorted(f["properties"]["sol"] for f in features)


def test_m20_traverse_keeps_the_real_oddities(full: Any) -> None:
    rows = [feature["properties"] for feature in layer(full, "M20", "traverse")["features"]]
    assert sum(row["length"] == 0.0 for row in rows) >= 1
    assert sum(a["SCLK_START"] > b["SCLK_START"] for a, b in pairwise(rows)) == 1
    assert sum(a["toRMC"] != b["fromRMC"] for a, b in pairwise(rows)) >= 2


def test_layers_show_the_profiles_sols_only(demo: Any, tiny: Any) -> None:
    sols = [feature["properties"]["sol"] for feature in layer(demo, "M20", "traverse")["features"]]
    assert sols == [sol for sol in m20_drives() if sol <= 120]
    assert [f["properties"]["sol"] for f in layer(tiny, "M20", "traverse")["features"]] == [14, 15, 16, 52]
    assert layer(tiny, "MSL", "traverse")["features"] == []
    assert layer(tiny, "MSL", "waypoints_current")["features"] == []


def test_a_drive_is_alike_in_every_profile(demo: Any, full: Any) -> None:
    for site, name in (("M20", "traverse"), ("MSL", "waypoints")):
        some = layer(demo, site, name)["features"]
        every = {feature["properties"]["sol"]: feature for feature in layer(full, site, name)["features"]}
        assert len(some) > 5
        assert all(every[feature["properties"]["sol"]] == feature for feature in some)
    lines = layer(full, "MSL", "traverse")["features"]
    some = layer(demo, "MSL", "traverse")["features"]
    assert len(some) > 5
    assert all(feature in lines for feature in some)


def test_msl_traverse_tells_lengths_only(full: Any) -> None:
    traverse = layer(full, "MSL", "traverse")
    assert traverse["name"] == "SELECT"
    assert "crs" not in traverse
    kinds = [feature["geometry"]["type"] for feature in traverse["features"]]
    assert kinds.count("MultiLineString") == 1
    assert len(kinds) > 1000
    for feature in traverse["features"]:
        parts = feature["geometry"]["coordinates"]
        lines = parts if feature["geometry"]["type"] == "MultiLineString" else [parts]
        assert list(feature["properties"]) == ["Length"]
        assert sum(map(metres, lines)) == pytest.approx(feature["properties"]["Length"], rel=0.001, abs=0.006)


@pytest.mark.parametrize(("site", "keys"), [("M20", {"final", "Note", "images"}), ("MSL", {"drive_type"})])
def test_waypoints_follow_the_drives(full: Any, site: str, keys: set[str]) -> None:
    every = layer(full, site, "waypoints")["features"]
    current = layer(full, site, "waypoints_current")["features"]
    assert current == every[-1:]
    properties = [feature["properties"] for feature in every]
    assert keys <= set(properties[0])
    totals = [row["dist_total_m"] for row in properties]
    assert totals == sorted(totals)
    assert sum(row["dist_m"] for row in properties) == pytest.approx(totals[-1], abs=1.0)
    last = properties[-1]
    assert last["RMC"] == f"{last['site']}_{last['drive']}"
    parallel = math.cos(math.radians(18.4663)) if site == "M20" else 1.0
    assert last["easting"] == pytest.approx(3_396_190 * parallel * math.radians(last["lon"]), abs=0.01)
    assert last["northing"] == pytest.approx(3_396_190 * math.radians(last["lat"]), abs=0.01)


def test_other_layers_are_not_there(full: Any) -> None:
    for path in (
        "MERA/Layers/json/MERA_traverse.json",
        "M20/Layers/json/MSL_traverse.json",
        "M20/Layers/json/x.json",
    ):
        response = full.stranger.get(f"/mmgis-maps/{path}")
        assert response.status_code == 404
        assert response.headers["content-type"].startswith("text/html")


def engineering_photos(world: World, sol: int) -> list[Photo]:
    """Photos of the navigation and hazard cameras alone: if they differ in kind, so does the whole sol."""
    plan = world.plans["Perseverance"][sol]
    cells = tuple(cell for cell in plan.cells if role(cell[0])[0] in ("NAVCAM", "FHAZ", "RHAZ"))
    ids = world.ids.cells(ROVERS["Perseverance"].id, sol)
    return sol_photos(world.rand, "Perseverance", plan._replace(cells=cells), ids, world.tracks["Perseverance"])


def test_photos_are_taken_before_during_and_after_drives(world: World) -> None:
    kinds = dict.fromkeys(("before", "during", "after"), 0)
    exact: set[str] = set()
    drives = {sol: drive for sol, drive in m20_drives().items() if sol <= 1646}
    for sol, drive in drives.items():
        clocks = [
            int(match[1])
            for photo in engineering_photos(world, sol)
            if (match := re.search(r"_(\d{10})_", photo.img_src))
        ]
        during = [drive.sclk_start <= sclk <= drive.sclk_end for sclk in clocks]
        if sol not in SHORT_OVERLAP:
            assert set(during) == {True, False}, sol
        kinds["before"] += any(0 < drive.sclk_start - sclk <= 600 for sclk in clocks)
        kinds["during"] += any(during)
        kinds["after"] += any(0 < sclk - drive.sclk_end <= 1800 for sclk in clocks)
        exact |= {"start"} if drive.sclk_start in clocks else set()
        exact |= {"end"} if drive.sclk_end in clocks else set()
    assert min(kinds.values()) >= len(drives) - 12
    assert exact == {"start", "end"}


def test_every_25th_drive_has_photos_at_its_very_bounds(world: World) -> None:
    checked = 0
    for sol in list(m20_drives())[24:476:25]:
        drive = m20_drives()[sol]
        low, high = CLOCKS["Perseverance"].sol_sclk(sol)
        readings = {(photo.sclk, photo.ms) for photo in world.photos(ROVERS["Perseverance"], sol)}
        for bound in (drive.sclk_start, drive.sclk_end):
            if low < bound < high:
                assert (bound, 0) in readings
                checked += 1
    assert checked > 30


def test_drive_frames_stay_in_their_sol() -> None:
    rand = Rand("martian-moments-1")
    for sol, drive in m20_drives().items():
        low, high = CLOCKS["Perseverance"].sol_sclk(sol)
        assert all(low < sclk < high for sclk, _ in drive_readings(rand, drive))


def test_site_and_drive_in_file_names_follow_the_counter(world: World) -> None:
    drive = m20_drives()[15]  # 3_110 to 3_386
    for photo in world.photos(ROVERS["Perseverance"], 15):
        found = re.search(r"_N(\d{3})(\d{4})", photo.img_src)
        assert found is not None
        site, counter = int(found[1]), int(found[2])
        assert site == 3
        if photo.sclk < drive.sclk_start:
            assert counter == 110
        elif photo.sclk > drive.sclk_end:
            assert counter == 386
        else:
            assert 110 <= counter <= 386
