"""Recorded answers take the place of generated ones, in the photos and in the manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mm_simulator.captures import CaptureError, load_captures


def recorded(photo_id: int, sol: int = 2, camera: tuple[int, str] = (30, "PANCAM"), **other: Any) -> dict[str, Any]:
    return {
        "id": photo_id, "sol": sol,
        "camera": {"id": camera[0], "name": camera[1], "rover_id": 7, "full_name": "A camera"},
        "img_src": f"http://mars.nasa.gov/{photo_id}.JPG", "earth_date": "2004-01-06",
        "rover": {"id": 7, "name": "Spirit", "landing_date": "2004-01-04", "max_sol": 2208, "cameras": []},
    } | other  # fmt: skip


def write(folder: Path, name: str, *photos: Any) -> Path:
    (folder / name).write_text(json.dumps({"photos": list(photos)}))
    return folder


def test_a_captured_sol_replaces_the_generated_one(make: Callable[..., Any], tmp_path: Path) -> None:
    one, two = recorded(5, camera=(30, "PANCAM")), recorded(9, camera=(27, "FHAZ"))
    api = make(profile="tiny", captures_dir=str(write(tmp_path, "a.json", one, two)))
    assert api.photos("spirit", sol=2) == [two, one]  # by camera, then id
    assert api.photos("spirit", sol=2, camera="pancam") == [one]
    assert api.photos("spirit", earth_date="2004-01-06") == [two, one]
    assert api.get("/photos/5") == {"photo": one}
    manifest = api.manifest("spirit")
    assert manifest["photos"][1] == {
        "sol": 2, "earth_date": "2004-01-06", "total_photos": 2, "cameras": ["FHAZ", "PANCAM"],
    }  # fmt: skip
    assert manifest["total_photos"] == sum(entry["total_photos"] for entry in manifest["photos"])
    assert len(api.photos("spirit", sol=1)) == 77


def test_a_captured_sol_joins_a_profile_that_lacks_it(make: Callable[..., Any], tmp_path: Path) -> None:
    api = make(profile="tiny", captures_dir=str(write(tmp_path, "a.json", recorded(5, sol=77))))
    assert api.manifest("spirit")["max_sol"] == 77
    assert len(api.get("/rovers/spirit/latest_photos")["latest_photos"]) == 1


def test_a_generated_photo_gives_way_to_a_captured_id(make: Callable[..., Any], tmp_path: Path) -> None:
    taken = make(profile="tiny").photos("spirit", sol=1)[3]["id"]
    api = make(profile="tiny", captures_dir=str(write(tmp_path, "a.json", recorded(taken))))
    ids = [photo["id"] for photo in api.photos("spirit", sol=1)]
    assert taken not in ids
    assert taken + 10_000_000 in ids
    assert len(set(ids)) == 77
    assert api.get(f"/photos/{taken}")["photo"]["sol"] == 2
    assert api.get(f"/photos/{taken + 10_000_000}")["photo"]["sol"] == 1


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"photos": [1]}', '{"photos": [{"rover": {"name": "Spirit"}, "sol": 1}]}', '{"photo": []}'],
)
def test_a_file_that_is_no_capture_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.json").write_text(text)
    with pytest.raises(CaptureError, match=r"wrong\.json"):
        load_captures(tmp_path)


def test_what_the_simulator_shows_counts_captured_sols(make: Callable[..., Any], tmp_path: Path) -> None:
    """Tests of the loop compare the archive with this: it must promise what is served, after a reset too."""
    api = make(profile="tiny", captures_dir=str(write(tmp_path, "a.json", recorded(5), recorded(6, sol=77))))
    for _ in range(2):
        shown = api.client.get("/__sim/state").json()["rovers"]["Spirit"]
        sols = {sol: len(api.photos("spirit", sol=sol)) for sol in (1, 2, 3, 77)}
        assert (sols[2], sols[77]) == (1, 1)
        assert (shown["sols"], shown["photos"], shown["max_sol"]) == (4, sum(sols.values()), 77)
        assert api.client.post("/__sim/reset").is_success


def test_unknown_rover_and_missing_or_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no folder"):
        load_captures(tmp_path / "nope")
    with pytest.raises(CaptureError, match=r"no file of .* ends in \.json"):
        load_captures(tmp_path)
    write(tmp_path, "a.json", recorded(1, rover={"name": "Sojourner"}))
    with pytest.raises(CaptureError, match="Sojourner"):
        load_captures(tmp_path)


@pytest.mark.shared
def test_real_captures_are_served_as_they_are(make: Callable[..., Any]) -> None:
    shared = Path(os.environ.get("MARS_SHARED") or Path(__file__).parents[4] / "shared")
    folder = shared / "data" / "captures"
    if not folder.is_dir():
        pytest.skip("no folder of real captures here; set MARS_SHARED to one that has data/captures")
    api = make(profile="tiny", captures_dir=str(folder))
    for rover, count in (("spirit", 77), ("opportunity", 95)):
        real = json.loads((folder / f"v1_{rover}_sol1_photos.json").read_bytes())["photos"]
        served = api.photos(rover, sol=1)
        assert len(served) == count == api.manifest(rover)["photos"][0]["total_photos"]
        assert sorted(served, key=lambda p: p["id"]) == sorted(real, key=lambda p: p["id"])
        assert served == sorted(served, key=lambda p: (p["camera"]["id"], p["id"]))


def test_a_mounted_config_map_counts_once(tmp_path: Path) -> None:
    """Its files are links into a folder that is itself inside the folder."""
    inner = tmp_path / "..2026_01_01"
    inner.mkdir()
    layer = {"type": "FeatureCollection", "name": "M20_waypoints", "features": []}
    (inner / "m20_waypoints.json").write_text(json.dumps(layer))
    (tmp_path / "m20_waypoints.json").symlink_to(inner / "m20_waypoints.json")
    assert load_captures(tmp_path).layers == {("Perseverance", "waypoints"): ((0.0, layer),)}


def test_a_map_layer_must_say_which(tmp_path: Path) -> None:
    (tmp_path / "layer.json").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(CaptureError, match=r"layer\.json is a map layer, but its name does not say which"):
        load_captures(tmp_path)
