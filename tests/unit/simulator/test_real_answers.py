"""What real sources sent: served field for field where it is given, and the model of every other answer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.shared
SHARED = Path(os.environ.get("MARS_SHARED") or Path(__file__).parents[4] / "shared")
FEEDS = SHARED / "data" / "feeds"
M20, MSL = "/rss/api/", "/api/v1/raw_image_items/"
LAYERS = "/mmgis-maps/{}/Layers/json/{}.json"


def real(name: str) -> Any:
    path = FEEDS / name
    if not path.is_file():
        pytest.skip("no real answers here; set MARS_SHARED to a folder that has data/feeds")
    return json.loads(path.read_bytes())


def shapes(values: Iterable[Any]) -> dict[str, set[str]]:
    """Paths of all values in some JSON documents, and the types seen there; items of a list share a path."""
    found: dict[str, set[str]] = {}

    def walk(value: Any, path: str) -> None:
        kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
        found.setdefault(path, set()).add(kind)
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{path}.{name}")
        elif isinstance(value, list):
            for inner in value:
                walk(inner, f"{path}[]")

    for value in values:
        walk(value, "")
    return found


def like(served: Iterable[Any], recorded: Iterable[Any], but: Iterable[str] = ()) -> None:
    """Both have the same paths with the same types; ``but`` names paths that only one needs have."""
    ours, theirs = shapes(served), shapes(recorded)
    skip = tuple(but)
    assert {p for p in ours if not p.endswith(skip or ("\0",))} == {
        p for p in theirs if not p.endswith(skip or ("\0",))
    }
    for path in set(ours) & set(theirs):
        assert ours[path] & theirs[path], (path, ours[path], theirs[path])
        # Null where the real ones are always null, and never where they never are.
        assert ("NoneType" in ours[path]) == ("NoneType" in theirs[path]), path


@pytest.mark.parametrize("name", ["page_sol888_13images", "page_sol890_29images"])
def test_images_of_the_rss_feed(recorded: Any, demo: Any, name: str) -> None:
    page = real(f"m20_rss/{name}.json")
    sol = page["images"][0]["sol"]
    query = {"category": "mars2020,ingenuity", "sol": sol, "num": 100, "search": "NAVCAM_LEFT"}
    served = recorded.client.get(M20, params=query).json()
    assert served | {"total_images": 0} == page | {"total_images": 0}
    drawn = demo.client.get(M20, params=query | {"sol": 52, "extended": "sample_type::full,"}).json()
    like([drawn], [page])
    # The same pictures through v1, named as there.
    v1 = recorded.photos("perseverance", sol=sol)
    assert {p["img_src"] for p in v1} == {i["image_files"]["large"] for i in page["images"]}
    assert {p["camera"]["name"] for p in v1} == {"NAVCAM_LEFT"}


def test_sky_camera(recorded: Any, demo: Any) -> None:
    item = real("m20_rss/item_skycam_sol876.json")
    assert recorded.client.get(M20, params={"sol": 876}).json()["images"] == [item]
    drawn = demo.client.get(M20, params={"sol": 52, "search": "SKYCAM"}).json()["images"]
    like(drawn, [item])
    for image in drawn:
        assert {k for k, v in image["extended"].items() if v == "UNK"} == {"mastAz", "mastEl", "scaleFactor"}
        assert image["title"].endswith(" ") == item["title"].endswith(" ")
        name = float(image["imageid"].split("_")[2])
        assert 2.9 < float(image["extended"]["sclk"]) - name < 4.0


def test_end_pages_and_news_of_the_rss_feed(demo: Any) -> None:
    end = real("m20_rss/no_more_images_1.1_2026.json")
    assert demo.client.get(M20, params={"category": "mars2020", "num": 1, "page": 9999}).json()["type"] == end["type"]
    assert demo.client.get(M20, params={"sol": 99_999, "num": 1, "page": 9999}).json() == end
    newer = real("m20_rss/no_more_images.json")
    served = demo.client.get(M20, params={"category": "mars2020,ingenuity", "sol": 99_999}).json()
    assert served | {"total_images": 0} == newer | {"total_images": 0}
    like([demo.client.get(M20, params={"latest": "true"}).json()], [real("m20_rss/latest_2025-10-07.json")])


def test_raw_image_items(recorded: Any, demo: Any) -> None:
    page = real("msl_raw/page_sol86.json")
    query = {"condition_1": "msl:mission", "condition_2": "86:sol:in", "per_page": 100}
    assert recorded.client.get(MSL, params=query).json() == page
    drawn = demo.client.get(MSL, params=query | {"condition_2": "10:sol:in", "search": "NAV_LEFT_A|NAV_RIGHT_A"}).json()
    like([drawn], [page])
    assert len(drawn["items"][0]) == 30
    # Eyes and computer sides are folded in v1, as they were in those years.
    assert {p["camera"]["name"] for p in recorded.photos("curiosity", sol=86)} == {"NAVCAM"}
    assert len(recorded.photos("curiosity", sol=86)) == 16


@pytest.mark.parametrize(
    ("name", "rover", "sol"),
    [
        ("photos_opportunity_sol100_2023-05", "opportunity", 100), ("photos_curiosity_sol10_2020-05", "curiosity", 10),
        ("latest_photos_curiosity_sol2758_2020-05", "curiosity", 2758),
    ],
)  # fmt: skip
def test_photos_of_v1(recorded: Any, make: Callable[..., Any], name: str, rover: str, sol: int) -> None:
    document = real(f"v1/{name}.json")
    photos = document.get("photos") or document["latest_photos"]
    assert recorded.photos(rover, sol=sol) == sorted(photos, key=lambda p: (p["camera"]["id"], p["id"]))
    shape = "extended" if "max_sol" in photos[0]["rover"] else "short"
    api = make(profile="tiny", rover_shape=shape)
    like(api.photos("curiosity", sol=10), photos)


def test_manifests(demo: Any) -> None:
    for rover, name in (("opportunity", "opportunity"), ("spirit", "spirit"), ("curiosity", "curiosity")):
        document = real(f"v1/manifest_{name}_2024-10-06.json")
        like([demo.get(f"/manifests/{rover}")], [document])
        assert document["photo_manifest"]["total_photos"] == sum(
            entry["total_photos"] for entry in document["photo_manifest"]["photos"]
        )


def test_rovers(make: Callable[..., Any]) -> None:
    document = real("v1/rovers_2019-12.json")
    api = make(profile="tiny", rover_shape="extended")
    like([api.get("/rovers")], [document])


def test_real_manifests_become_the_history(make: Callable[..., Any], tmp_path: Path) -> None:
    """Manifests alone, without recorded photos: their sols and counts are what is served, sol by sol."""
    for rover in ("opportunity", "spirit", "curiosity"):
        name = f"manifest_{rover}_2024-10-06.json"
        (tmp_path / name).write_text(json.dumps(real(f"v1/{name}")))
    api = make(profile="full", captures_dir=str(tmp_path))
    for rover, newest in (("opportunity", 5111), ("spirit", 2208), ("curiosity", 4102)):
        told = real(f"v1/manifest_{rover}_2024-10-06.json")["photo_manifest"]["photos"]
        served = [entry for entry in api.manifest(rover)["photos"] if entry["sol"] <= newest]
        assert served == told
        if rover != "curiosity":  # which goes on
            assert api.manifest(rover) == real(f"v1/manifest_{rover}_2024-10-06.json")["photo_manifest"]
    for rover, sol in (("opportunity", 100), ("spirit", 500), ("curiosity", 3156)):
        entry = next(e for e in api.manifest(rover)["photos"] if e["sol"] == sol)
        photos = api.photos(rover, sol=sol)
        assert len(photos) == entry["total_photos"]
        assert sorted({p["camera"]["name"] for p in photos}) == entry["cameras"]
    assert len(api.photos("curiosity", sol=3156)) == 403


@pytest.mark.parametrize(
    ("name", "day", "layer"),
    [
        ("m20_waypoints_full_2021-06-14", "2021-06-15", ("M20", "M20_waypoints")),
        ("m20_waypoints_full_2022-02-21", "2022-03-01", ("M20", "M20_waypoints")),
        ("m20_waypoints_full_2024-04-04", "2025-01-01", ("M20", "M20_waypoints")),
        ("m20_waypoints_current_2021-06-06", "2021-06-07", ("M20", "M20_waypoints_current")),
        ("m20_waypoints_current_2021-06-12", "2021-06-13", ("M20", "M20_waypoints_current")),
        ("msl_waypoints_full_2026-07-22", "2026-08-01", ("MSL", "MSL_waypoints")),
        ("msl_waypoints_current_2026-07-22", "2026-08-01", ("MSL", "MSL_waypoints_current")),
        ("m20_heli_waypoints", "2025-01-01", ("M20", "m20_heli_waypoints")),
        ("m20_heli_flight_path.trimmed", "2025-01-01", ("M20", "m20_heli_flight_path")),
    ],
)
def test_map_layers_as_they_were_on_a_day(recorded: Any, name: str, day: str, layer: tuple[str, str]) -> None:
    recorded.client.post("/__sim/clock", json={"now": f"{day}T00:00:00Z"})
    assert recorded.client.get(LAYERS.format(*layer)).json() == real(f"mmgis/{name}.json")


def test_drawn_layers_have_the_shape_of_the_newest_real_ones(full: Any) -> None:
    for name, layer, but in (
        ("m20_waypoints_full_2024-04-04", ("M20", "M20_waypoints"), (".images[]", "elzero", "elmax", "elmin", "azmax",
         "azmin", "columns", "rows", ".url", ".isPanoramic", "[].name")),
        ("msl_waypoints_full_2026-07-22", ("MSL", "MSL_waypoints"), ()),
        ("m20_heli_waypoints", ("M20", "m20_heli_waypoints"), ()),
        ("m20_heli_flight_path.trimmed", ("M20", "m20_heli_flight_path"), ()),
    ):  # fmt: skip
        like([full.client.get(LAYERS.format(*layer)).json()], [real(f"mmgis/{name}.json")], but)


def test_drifts_are_those_that_were_captured(demo: Any) -> None:
    """Each shape that the switch makes was seen: the same types in the same places."""
    for shape, name, layer in (
        ("strings", "m20_waypoints_full_2021-06-14", "M20_waypoints"),
        ("strings", "m20_waypoints_current_2021-06-12", "M20_waypoints_current"),
    ):
        fault = demo.fault(kind="layer_drift", shape=shape)
        served = demo.client.get(LAYERS.format("M20", layer)).json()
        demo.client.delete(f"/__sim/faults/{fault}")
        ours, theirs = shapes([served]), shapes([real(f"mmgis/{name}.json")])
        for path in set(ours) & set(theirs):
            assert ours[path] == theirs[path], (shape, path)
    metres = real("mmgis/m20_waypoints_current_2021-06-06.json")["features"][0]
    assert metres["geometry"]["coordinates"][0] > 4_000_000
    ends = [f["properties"]["final"] for f in real("mmgis/m20_waypoints_full_2024-04-04.json")["features"]]
    assert ends.count("m") == 85
