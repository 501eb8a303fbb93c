"""The readers on answers that sources really gave, where this machine has them: every file, field by field."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mm_contracts.photos import earth_date, image_id
from mm_contracts.source_kinds import KINDS
from mm_jobs.ingest import clean
from mm_jobs.ingest.manifests import read_manifest
from mm_jobs.ingest.sources import m20_raw, mmgis, msl_raw, nasa_v1
from mm_jobs.ingest.spec import SourceSettings

pytestmark = pytest.mark.shared
FEEDS = Path(os.environ.get("MARS_SHARED") or Path(__file__).parents[4] / "shared") / "data" / "feeds"
KIND = {name: SourceSettings("s", name, "http://x.example", sample_types=KINDS[name].sample_types) for name in KINDS}


def answer(name: str) -> Any:
    path = FEEDS / name
    if not path.exists():
        pytest.skip("no folder of real answers here: set MARS_SHARED to one that has data/feeds")
    body = path.read_bytes()
    value = clean.parse(body)
    assert value == json.loads(body), "a real answer is clean as it is"
    return value


@pytest.mark.parametrize(
    ("rover", "sols", "photos", "last"),
    [("Opportunity", 4811, 198_439, 5111), ("Spirit", 2115, 124_550, 2208), ("Curiosity", 3717, 695_670, 4102)],
)
def test_whole_manifests(rover: str, sols: int, photos: int, last: int) -> None:
    raw = answer(f"v1/manifest_{rover.lower()}_2024-10-06.json")
    manifest = read_manifest(raw.get("photo_manifest", raw), rover)
    assert (len(manifest.promises), sum(one.photos for one in manifest.promises.values())) == (sols, photos)
    assert (manifest.max_sol, manifest.set_aside, manifest.unusable) == (last, [], {})
    assert manifest.body["total_photos"] == photos
    assert all(one["earth_date"] == earth_date(rover, one["sol"]) for one in manifest.body["photos"])
    assert manifest.body["photos"] == (raw.get("photo_manifest", raw))["photos"]


@pytest.mark.parametrize(
    ("name", "root", "sol", "count"),
    [
        ("photos_opportunity_sol100_2023-05", "photos", 100, 51),
        ("photos_curiosity_sol10_2020-05", "photos", 10, 26),
        ("latest_photos_curiosity_sol2758_2020-05", "latest_photos", 2758, 14),
    ],
)
def test_photos_of_v1_pass_as_they_came(name: str, root: str, sol: int, count: int) -> None:
    photos = answer(f"v1/{name}.json")[root]
    assert [nasa_v1.read_photo(photo, sol) for photo in photos] == photos
    assert len({image_id(photo["img_src"]) for photo in photos}) == len(photos) == count


@pytest.mark.parametrize(
    ("name", "sol", "count"), [("page_sol888_13images", 888, 13), ("page_sol890_29images", 890, 29)]
)
def test_pages_of_the_m20_feed(name: str, sol: int, count: int) -> None:
    page = m20_raw.read_page(answer(f"m20_rss/{name}.json"))
    assert (len(page.items), page.total) == (count, count)
    for item in page.items:
        photo = m20_raw.read_photo(item, "Perseverance", sol, KIND["m20-raw"])
        assert photo is not None
        _like_the_item(photo, item)
        assert photo["earth_date"] == earth_date("Perseverance", sol)
        assert photo["taken_at"][:10] in (photo["earth_date"], _next(photo["earth_date"]))
        assert (photo["width"], photo["height"]) == tuple(
            int(part) for part in item["extended"]["dimension"].strip("()").split(",")
        )


def _next(day: str) -> str:
    from datetime import date, timedelta

    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _like_the_item(photo: dict[str, Any], item: dict[str, Any]) -> None:
    """Every canonical field against the item, read again in the test's own way."""
    assert photo["raw"] is item
    assert photo["image_id"].startswith(item["imageid"])
    assert photo["nasa_id"] == item["imageid"]
    assert photo["camera"]["name"] == item["camera"]["instrument"]
    assert photo["img_src"] == item["image_files"]["large"]
    assert photo["files"] == {
        "small": item["image_files"]["small"],
        "medium": item["image_files"]["medium"],
        "large": item["image_files"]["large"],
        "full": item["image_files"]["full_res"],
    }
    assert photo["taken_at"] == f"{item['date_taken_utc']}Z"
    assert photo["received_at"] == item["date_received"].replace("Z", ".000Z")
    assert photo["local_time"] == item["date_taken_mars"].partition("M")[2]
    assert photo["sclk"] == float(item["extended"]["sclk"])
    assert (photo["site"], photo["drive"]) == (item["site"], int(item["drive"]))
    assert photo["sample_type"] == item["sample_type"].lower()
    for ours, theirs in (("mast_azimuth", "mastAz"), ("mast_elevation", "mastEl")):
        assert photo[ours] == (None if item["extended"][theirs] == "UNK" else float(item["extended"][theirs]))
    assert photo["filter"] == (None if item["camera"]["filter_name"] == "UNK" else item["camera"]["filter_name"])
    assert (photo["title"], photo["credit"]) == (item["title"].strip(), item["credit"])
    assert photo["caption"] == item["caption"].strip()


def test_an_image_of_the_sky_of_which_much_is_unknown() -> None:
    item = answer("m20_rss/item_skycam_sol876.json")
    photo = m20_raw.read_photo(item, "Perseverance", 876, KIND["m20-raw"])
    assert photo is not None
    _like_the_item(photo, item)
    assert (photo["camera"]["name"], photo["mast_azimuth"], photo["filter"]) == ("SKYCAM", None, None)


@pytest.mark.parametrize("name", ["no_more_images", "no_more_images_1.1_2026"])
def test_the_ends_of_the_m20_feed(name: str) -> None:
    assert m20_raw.read_page(answer(f"m20_rss/{name}.json")) == ([], 0, None)


def test_the_newest_sol_of_the_m20_feed() -> None:
    assert answer("m20_rss/latest_2025-10-07.json")["latest_sol"] == 1646


def test_a_page_of_msl() -> None:
    body = answer("msl_raw/page_sol86.json")
    page = msl_raw.read_page(body)
    assert (len(page.items), page.total, page.more) == (16, 16, False)
    photos = [msl_raw.read_photo(item, "Curiosity", 86, KIND["msl-raw"]) for item in page.items]
    assert Counter(photo["sample_type"] for photo in photos if photo) == {"full": 8, "downsampled": 8}
    for photo, item in zip(photos, page.items, strict=True):
        assert photo is not None
        assert photo["raw"] is item
        assert (photo["id"], photo["image_id"], photo["nasa_id"]) == (item["id"], item["imageid"], item["imageid"])
        assert (photo["camera"]["name"], photo["img_src"]) == (item["instrument"], item["https_url"])
        assert photo["sclk"] == item["spacecraft_clock"]
        assert photo["taken_at"] == item["date_taken"]
        assert photo["received_at"] == item["date_received"]
        assert photo["local_time"] == item["extended"]["lmst"].partition("M")[2]
        assert (photo["site"], photo["drive"]) == (item["site"], item["drive"])
        assert photo["mast_azimuth"] == float(item["extended"]["mast_az"])
        assert photo["mast_elevation"] == float(item["extended"]["mast_el"])
        assert (photo["filter"], photo["is_thumbnail"]) == (item["extended"]["filter_name"], item["is_thumbnail"])
        assert (photo["title"], photo["caption"]) == (item["title"], item["description"])
        assert photo["earth_date"] == "2012-11-02"


LAYERS = {
    "msl_waypoints_full_2026-07-22": ("waypoints", "Curiosity", 1366, 4959, 37874.92),
    "msl_waypoints_current_2026-07-22": ("waypoints_current", "Curiosity", 1, 4959, 37874.92),
    "m20_waypoints_full_2021-06-14": ("waypoints", "Perseverance", 33, 110, 653.41),
    "m20_waypoints_full_2022-02-21": ("waypoints", "Perseverance", 98, 355, 4112.04),
    "m20_waypoints_full_2024-04-04": ("waypoints", "Perseverance", 380, 1110, 25287.851),
    "m20_waypoints_current_2021-06-06": ("waypoints_current", "Perseverance", 1, 104, 487.4024016),
    "m20_waypoints_current_2021-06-12": ("waypoints_current", "Perseverance", 1, 110, 653.41),
    "m20_heli_waypoints": ("helicopter_waypoints", "Perseverance", 73, 1036, 18138.776),
    "m20_heli_flight_path.trimmed": ("helicopter_path", "Perseverance", 70, 1036, None),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_layers_in_all_their_shapes(name: str) -> None:
    layer, rover, count, sol, total = LAYERS[name]
    body = answer(f"mmgis/{name}.json")
    read = mmgis.read_layer(body, layer, rover)
    assert (len(read.places), read.set_aside) == (count, [])
    west, east, south, north = (137.3, 137.5, -4.9, -4.5) if rover == "Curiosity" else (77.1, 77.6, 18.3, 18.6)
    for place, feature in zip(read.places, body["features"], strict=True):
        assert place["raw"] is feature
        said = {key.lower(): value for key, value in feature["properties"].items()}
        assert place["sol"] == int(said["sol"])
        if layer != "helicopter_path":
            assert place["lon"] is not None
            assert west < place["lon"] < east
            assert place["lat"] is not None
            assert south < place["lat"] < north
            assert place["easting_m"] == float(said["easting"])
            assert place["elevation_m"] == float(said["elev_geoid"])
        if "site" in said:
            assert (place["site"], place["drive"]) == (int(said["site"]), int(said["drive"]))
            assert place["rmc"] == said["rmc"]
    last = read.places[-1]
    assert last["sol"] == sol
    if total is not None:
        assert last["total_distance_m"] == total


def test_a_clock_that_says_minus_one_says_nothing() -> None:
    places = mmgis.read_layer(answer("mmgis/m20_heli_waypoints.json"), "helicopter_waypoints", "Perseverance").places
    assert (places[-1]["flight"], places[-1]["sclk_end"]) == (72, None)
    assert all(place["sclk_start"] for place in places[1:])
