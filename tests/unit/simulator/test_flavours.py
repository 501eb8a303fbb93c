"""The other sources: each with its own ways of paging, ending, refusing and naming, over the same pictures."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.records import image_id, sample_type, stem, thumbnail_name

NEBULUM, VISTA, V2 = "/nebulum/api/v1", "/marsvista/api/v1", "/marsvista/api/v2"
RSS, MSL, LAYERS = "/rss/api/", "/api/v1/raw_image_items/", "/mmgis-maps/M20/Layers/json"
FEED = {"feed": "raw_images", "category": "mars2020", "feedtype": "json"}


def ask(api: Any, path: str, status: int = 200, **query: Any) -> Any:
    response = api.client.get(path, params=query)
    assert response.status_code == status, response.text
    return response.json()


def m20(api: Any, **query: Any) -> Any:
    return ask(api, RSS, **(FEED | query))


def msl(api: Any, sol: int, **query: Any) -> Any:
    return ask(api, MSL, **({"condition_1": "msl:mission", "condition_2": f"{sol}:sol:in"} | query))


def all_pages(one: Any, key: str, **query: Any) -> list[dict[str, Any]]:
    """All items, page by page until one is empty."""
    found: list[dict[str, Any]] = []
    for page in range(100):
        items = one(page=page, **query)[key]
        if not items:
            return found
        found += items
    raise AssertionError("pages do not end")


def stems(rover: str, addresses: Any) -> set[str]:
    return {stem(rover, address) for address in addresses}


def test_every_source_shows_the_same_pictures_of_perseverance(tiny: Any) -> None:
    nasa = stems("Perseverance", (p["img_src"] for p in tiny.photos("perseverance", sol=52)))
    assert len(nasa) == 365
    images = all_pages(lambda **q: m20(tiny, sol=52, num=100, extended="sample_type::full,", **q), "images")
    assert stems("Perseverance", (i["image_files"]["large"] for i in images)) == nasa
    assert {i["imageid"] for i in images} == {image_id("Perseverance", name) for name in nasa}
    other = ask(tiny, f"{NEBULUM}/rovers/perseverance/photos", sol=52)["photos"]
    assert stems("Perseverance", (p["img_src"] for p in other)) == nasa
    one = {"sol": 52, "per_page": 100}
    vista = [ask(tiny, f"{VISTA}/rovers/perseverance/photos", page=n, **one)["photos"] for n in range(1, 5)]
    assert stems("Perseverance", (p["img_src"] for photos in vista for p in photos)) == nasa
    one = {"rovers": "perseverance", "sol_min": 52, "sol_max": 52, "per_page": 100}
    newer = [ask(tiny, f"{V2}/photos", page=n, **one)["data"] for n in range(1, 5)]
    assert stems("Perseverance", (p["attributes"]["images"]["large"] for data in newer for p in data)) == nasa


def test_both_sources_show_the_same_pictures_of_curiosity(tiny: Any) -> None:
    nasa = stems("Curiosity", (p["img_src"] for p in tiny.photos("curiosity", sol=10)))
    items = msl(tiny, 10, per_page=200)["items"]
    shown = stems("Curiosity", (i["url"] for i in items))
    assert nasa <= shown
    assert all(i["is_thumbnail"] for i in items if stem("Curiosity", i["url"]) not in nasa)
    assert {i["imageid"] for i in items} == shown


def test_nebulum_needs_no_key_and_has_numbers_of_its_own(tiny: Any) -> None:
    response = tiny.stranger.get(f"{NEBULUM}/rovers/spirit/photos", params={"sol": 1, "page": 1, "per_page": 3})
    assert response.status_code == 200
    assert "x-ratelimit-limit" not in response.headers
    photos = response.json()["photos"]
    nasa = tiny.photos("spirit", sol=1, page=1, per_page=3)
    assert [p | {"id": 0} for p in photos] == [p | {"id": 0} for p in nasa]
    assert not {p["id"] for p in photos} & {p["id"] for p in nasa}
    assert ask(tiny, f"{NEBULUM}/photos/{photos[0]['id']}") == {"photo": photos[0]}
    assert ask(tiny, f"{NEBULUM}/rovers/nope/photos", status=400, sol=1) == {"errors": "Invalid Rover Name"}


def test_marsvista_wants_a_key_in_its_header(tiny: Any) -> None:
    for query in ({}, {"api_key": "k" * 40}):
        refused = tiny.stranger.get(f"{VISTA}/rovers", params=query)
        assert refused.status_code == 401
        assert refused.json()["error"] == "Unauthorized"
        assert refused.json()["message"].startswith("API key required. Provide via X-API-Key header.")


def test_marsvista_counts_hours_and_days(make: Any) -> None:
    api = make(profile="tiny", vista_per_hour=2, vista_per_day=3)

    def get() -> Any:
        return api.client.get(f"{VISTA}/rovers/spirit/photos")

    first, second, third = get(), get(), get()
    assert [r.headers["x-ratelimit-remaining-hour"] for r in (first, second, third)] == ["1", "0", "0"]
    assert first.headers["x-ratelimit-remaining-day"] == "2"
    assert third.status_code == 429
    assert third.json()["error"] == "Too Many Requests"
    assert third.json()["hourlyLimit"] == 2
    assert third.headers["retry-after"] == "3600"
    api.wall.now += 3600
    assert [get().status_code, get().status_code] == [200, 429]
    assert "x-ratelimit-limit-hour" not in api.client.get("/nebulum/api/v1/rovers").headers


def test_marsvista_v1_always_pages_and_says_how_many(tiny: Any) -> None:
    first = ask(tiny, f"{VISTA}/rovers/Perseverance/photos", sol=52)
    assert first["pagination"] == {"total_count": 365, "page": 1, "per_page": 25, "total_pages": 15}
    assert len(first["photos"]) == 25
    clamped = ask(tiny, f"{VISTA}/rovers/perseverance/photos", sol=52, per_page=500)
    assert (clamped["pagination"]["per_page"], len(clamped["photos"])) == (100, 100)
    past = ask(tiny, f"{VISTA}/rovers/perseverance/photos", sol=52, page=16)
    assert past["photos"] == []
    assert past["pagination"]["total_pages"] == 15
    assert ask(tiny, f"{VISTA}/rovers/x/photos", status=404, sol=1) == {"error": "Rover 'x' not found"}
    wrong = ask(tiny, f"{VISTA}/rovers/spirit/photos", status=400, earth_date="2015/1/1")
    assert wrong == {"error": "Invalid earth_date format. Use YYYY-MM-DD."}


def test_marsvista_v1_photos_differ_from_nasas(tiny: Any) -> None:
    latest = ask(tiny, f"{VISTA}/rovers/perseverance/latest")
    assert set(latest) == {"photos", "pagination"}
    assert latest == ask(tiny, f"{VISTA}/rovers/perseverance/latest_photos")
    photo = latest["photos"][0]
    assert set(photo) == {"id", "sol", "camera", "img_src", "earth_date", "rover"}
    assert set(photo["camera"]) == {"id", "name", "full_name"}
    assert photo["rover"]["id"] == 1
    assert photo["img_src"].endswith("_800.jpg")
    days = {p["earth_date"] for p in ask(tiny, f"{VISTA}/rovers/curiosity/photos", sol=10)["photos"]}
    assert days == {"2012-08-16", "2012-08-17"} or len(days) == 1
    day = min(days)
    found = ask(tiny, f"{VISTA}/rovers/curiosity/photos", earth_date=day, per_page=100)["photos"]
    assert found
    assert {p["earth_date"] for p in found} == {day}
    assert ask(tiny, f"{VISTA}/photos/{photo['id']}") == {"photo": photo}


def test_marsvista_folds_the_eyes_of_curiosity(full: Any) -> None:
    names = {p["camera"]["name"] for p in ask(full, f"{VISTA}/rovers/curiosity/photos", sol=4300)["photos"]}
    assert names <= {"FHAZ", "RHAZ", "NAVCAM", "MAST", "CHEMCAM", "MAHLI", "MARDI"}
    assert len(names) > 1


def test_marsvista_v2_is_jsonapi(tiny: Any) -> None:
    body = ask(tiny, f"{V2}/photos", rovers="spirit,opportunity", sol_min=1, sol_max=2, per_page=2, page=2)
    assert set(body) == {"data", "meta", "pagination", "links"}
    assert set(body["meta"]) == {"total_count", "returned_count", "query", "timestamp"}
    total = sum(len(tiny.photos(rover, sol=sol)) for rover in ("spirit", "opportunity") for sol in (1, 2))
    assert (body["meta"]["total_count"], body["meta"]["returned_count"]) == (total, 2)
    assert body["links"]["next"].endswith("page=3")
    assert body["links"]["previous"].endswith("page=1")
    resource = body["data"][0]
    assert set(resource["relationships"]) == {"rover", "camera"}
    assert not resource["attributes"]["nasa_id"].endswith("-BR")
    wrong = ask(tiny, f"{V2}/photos", status=400, rovers="mars", per_page=101)
    assert {error["field"] for error in wrong["errors"]} == {"rovers", "per_page"}
    assert ask(tiny, f"{V2}/photos/{resource['id']}")["data"] == resource
    assert ask(tiny, f"{V2}/photos/1", status=404)["status"] == 404
    assert ask(tiny, f"{V2}/rovers/spirit/manifest")["data"]["attributes"] == tiny.manifest("spirit")


def test_the_rss_feed_pages_from_zero_and_clamps(tiny: Any) -> None:
    first = m20(tiny, sol=52, num=500)
    assert (first["per_page"], len(first["images"]), first["page"]) == ("100", 100, 0)
    assert first["total_results"] == 2 * 365
    assert first["type"] == "mars2020-images-list-1.1"
    samples = [i["sample_type"] for i in all_pages(lambda **q: m20(tiny, sol=52, **q), "images")]
    assert samples.count("Full") == samples.count("Thumbnail") == 365
    one = m20(tiny, sol=52, num=100, search="NAVCAM_LEFT|NAVCAM_RIGHT")
    assert {i["camera"]["instrument"] for i in one["images"]} == {"NAVCAM_LEFT", "NAVCAM_RIGHT"}
    bounds = {"condition_2": "15:sol:gte", "condition_3": "16:sol:lte", "order": "sol desc"}
    sols = [i["sol"] for i in all_pages(lambda **q: m20(tiny, **bounds, **q), "images")]
    assert set(sols) == {15, 16}
    assert sols == sorted(sols, reverse=True)


def test_the_rss_feed_ends_with_a_page_that_says_so(tiny: Any) -> None:
    assert m20(tiny, num=1, page=9999) == {
        "images": [], "per_page": "1", "error_message": "No more images.", "total_results": 0,
        "type": "mars2020-images-list-1.1", "page": 9999,
    }  # fmt: skip
    newer = m20(tiny, category="mars2020,ingenuity", sol=99_999)
    assert newer["type"] == "mars2020_ingenuity-images-list-1.2"
    assert newer["mission"] == "mars2020,ingenuity"
    assert newer["total_images"] > 0  # follows the archive, not the query
    assert m20(tiny, category="msl", sol=52)["images"] == []


def test_the_rss_feed_tells_its_newest_sol(tiny: Any) -> None:
    news = m20(tiny, latest="true")
    assert set(news) == {"latest", "new_count", "sol_count", "latest_sols", "total", "type", "latest_sol"}
    assert news["latest_sol"] == 52 == news["latest_sols"][-1]
    assert news["sol_count"] == 730
    one = m20(tiny, sol=52, num=1)["images"][0]
    assert m20(tiny, id=one["imageid"])["images"][0]["imageid"] == one["imageid"]


def test_quirks_of_the_rss_feed_are_switches(tiny: Any) -> None:
    assert m20(tiny, sol=3)["images"] == []
    tiny.fault(kind="fallback_images", flavour="m20-raw")
    assert {i["sol"] for i in m20(tiny, sol=3)["images"]} == {52}
    tiny.fault(kind="string_page", flavour="m20-raw")
    assert m20(tiny, sol=52, page=1)["page"] == "1"
    tiny.fault(kind="unk_fields", flavour="m20-raw")
    image = m20(tiny, sol=52)["images"][0]
    assert image["date_taken_mars"] == image["extended"]["xyz"] == "UNK"
    assert image["extended"]["sclk"] != "UNK"


def test_raw_image_items_page_from_zero_and_say_if_there_is_more(tiny: Any) -> None:
    first = msl(tiny, 10, per_page=20)
    assert (len(first["items"]), first["more"], first["page"], first["per_page"]) == (20, True, 0, 20)
    items = all_pages(lambda **q: msl(tiny, 10, per_page=20, **q), "items")
    assert len(items) == first["total"] == len({i["id"] for i in items})
    full = msl(tiny, 10, condition_3="full:sample_type:in", per_page=200)["items"]
    assert {i["extended"]["sample_type"] for i in full} == {"full"}
    assert 0 < len(full) < len(items)
    assert msl(tiny, 10, condition_1="mars2020:mission")["items"] == []
    navs = msl(tiny, 10, search="NAV_LEFT_A|NAV_RIGHT_A", per_page=200)["items"]
    assert {i["instrument"] for i in navs} <= {"NAV_LEFT_A", "NAV_RIGHT_A"}
    news = ask(tiny, f"{MSL}msl/latest/")
    assert news["success"]
    assert news["latest_data"]["latest_sol"] == 10


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NLA_405141307EDR_F0050104NCAM00534M_", "full"), ("NLA_405140605EDR_D0050104NCAM00531M_", "downsampled"),
        ("NLA_405140605EDR_T0050104NCAM00531M_", "thumbnail"), ("0086MR0005660140103679E01_DXXX", "full"),
        ("0086MR0005660140103679I01_DXXX", "thumbnail"), ("CR0_405141307PRC_F0050104CCAM00534L1", "chemcam prc"),
    ],
)  # fmt: skip
def test_kinds_of_sample_are_in_the_name(name: str, kind: str) -> None:
    assert sample_type("Curiosity", name) == kind
    small = thumbnail_name("Curiosity", name)
    assert small is None or sample_type("Curiosity", small) == "thumbnail"
    assert (small is None) == (kind in ("thumbnail", "chemcam prc"))


@pytest.mark.parametrize("path", ["/mars-photos/api/v1/rovers", f"{NEBULUM}/rovers", f"{V2}/rovers"])
def test_what_is_tagged_is_not_sent_twice(tiny: Any, path: str) -> None:
    first = tiny.client.get(path)
    tag = first.headers["etag"]
    again = tiny.client.get(path, headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert tiny.client.get(path, headers={"if-none-match": '"other"'}).content == first.content


def test_map_layers_have_dates(tiny: Any) -> None:
    path = f"{LAYERS}/M20_traverse.json"
    first = tiny.client.get(path)
    since = first.headers["last-modified"]
    assert parsedate_to_datetime(since).year == 2021  # when the newest drive that is shown came
    assert tiny.client.get(path, headers={"if-modified-since": since}).status_code == 304
    old = tiny.client.get(path, headers={"if-modified-since": "Thu, 18 Feb 2021 00:00:00 GMT"})
    assert (old.status_code, old.content) == (200, first.content)
    stale = tiny.client.get(path, headers={"if-none-match": '"x"', "if-modified-since": since})
    assert stale.status_code == 200  # If-None-Match decides alone


def test_sources_without_validators_send_none(tiny: Any) -> None:
    for path in (f"{RSS}?sol=52&num=1", f"{MSL}?condition_2=10:sol:in", f"{VISTA}/rovers"):
        assert "etag" not in tiny.client.get(path).headers


def test_helicopter_layers(demo: Any) -> None:
    points = ask(demo, f"{LAYERS}/m20_heli_waypoints.json")["features"]
    paths = ask(demo, f"{LAYERS}/m20_heli_flight_path.json")["features"]
    assert [f["properties"]["Flight"] for f in points] == list(range(len(points)))
    assert [f["properties"]["Flight"] for f in paths] == list(range(1, len(points)))
    assert max(f["properties"]["Sol"] for f in points) <= 120
    for point, path in zip(points[1:], paths, strict=True):
        assert path["geometry"]["coordinates"][-1] == point["geometry"]["coordinates"][:2]
        assert path["properties"]["SCLK_END"] == point["properties"]["SCLK_START"]
        assert path["properties"]["Length_m"] == pytest.approx(point["properties"]["Dist_m"], rel=0.05, abs=1.0)
    assert demo.client.get("/mmgis-maps/MSL/Layers/json/m20_heli_waypoints.json").status_code == 404


def test_drift_of_a_layer_is_a_switch(demo: Any) -> None:
    path = f"{LAYERS}/M20_waypoints.json"
    plain = ask(demo, path)

    def drifted(shape: str) -> Any:
        fault = demo.fault(kind="layer_drift", shape=shape)
        try:
            return ask(demo, path)
        finally:
            demo.client.delete(f"/__sim/faults/{fault}")

    assert drifted("empty")["features"] == []
    text = drifted("strings")["features"][0]
    assert isinstance(text["properties"]["dist_m"], str)
    assert not {"lon", "lat"} & set(text["properties"])
    assert len(text["geometry"]["coordinates"]) == 2
    metres = drifted("metres")["features"][0]
    assert metres["geometry"]["coordinates"][0] > 4_000_000
    assert all(len(name) <= 10 for name in drifted("cut_keys")["features"][0]["properties"])
    assert {f["properties"]["final"] for f in drifted("final_letters")["features"]} == {"y", "Y", "m"}
    assert {f["properties"]["dist_total_m"] for f in drifted("odometer_reset")["features"]} == {0.0}
    assert ask(demo, path) == plain


def test_addresses_lead_here_in_every_source(make: Any) -> None:
    base = "http://localhost:8000"
    api = make(profile="tiny", image_base=base)
    addresses = [
        m20(api, sol=52, num=1)["images"][0]["image_files"]["large"],
        msl(api, 10)["items"][0]["url"],
        msl(api, 10)["items"][0]["https_url"],
        ask(api, f"{VISTA}/rovers/spirit/photos", sol=1)["photos"][0]["img_src"],
        ask(api, f"{V2}/photos", rovers="curiosity", per_page=1)["data"][0]["attributes"]["img_src"],
        api.photos("opportunity", sol=1)[0]["img_src"],
    ]
    for address in addresses:
        assert address.startswith(base + "/")
        picture = api.client.get(urlsplit(address).path)
        assert picture.status_code == 200, address
        assert picture.headers["content-type"] == "image/jpeg"


def test_thumbnails_of_the_feeds_are_pictures_too(tiny: Any) -> None:
    small = next(i for i in m20(tiny, sol=15)["images"] if i["sample_type"] == "Thumbnail")
    assert tiny.client.get(urlsplit(small["image_files"]["large"]).path).status_code == 200
    items = [i for i in msl(tiny, 10, per_page=200)["items"] if i["is_thumbnail"]]
    assert tiny.client.get(urlsplit(items[0]["url"]).path).status_code == 200


def test_a_fault_strikes_the_source_it_names(tiny: Any) -> None:
    tiny.fault(kind="gone", flavour="nebulum")
    assert tiny.client.get(f"{NEBULUM}/rovers").status_code == 404
    assert tiny.get("/rovers")["rovers"]
    tiny.client.delete("/__sim/faults")
    tiny.fault(kind="status", status=503)  # without a name: NASA's
    assert tiny.client.get("/mars-photos/api/v1/rovers").status_code == 503
    assert tiny.client.get(f"{NEBULUM}/rovers").status_code == 200
    tiny.client.delete("/__sim/faults")
    tiny.fault(kind="status", flavour="any")
    for path in (RSS, MSL, f"{VISTA}/rovers", f"{NEBULUM}/rovers", f"{LAYERS}/M20_traverse.json"):
        assert tiny.client.get(path).status_code == 500
    answer = tiny.client.post("/__sim/faults", json={"kind": "gone", "flavour": "nope"})
    assert "flavour must be" in answer.json()["error"]


def test_a_fault_lasts_from_one_simulated_instant_to_another(tiny: Any) -> None:
    start = {"from": "2025-10-08T00:00:00Z", "until": "2025-10-09T00:00:00Z"}
    tiny.fault(kind="status", flavour="m20-raw", status=503, **start)

    def status() -> int:
        code: int = tiny.client.get(RSS, params=FEED).status_code
        return code

    seen = [status()]
    for _ in range(3):
        tiny.client.post("/__sim/clock", json={"advance_hours": 13})
        seen.append(status())
    assert seen == [200, 503, 503, 200]


def test_refusals_of_other_sources_and_both_forms_of_retry_after(tiny: Any) -> None:
    tiny.fault(kind="rate_limit", flavour="m20-raw", times=1, retry_after=60, retry_form="date")
    refused = tiny.client.get(RSS, params=FEED)
    assert refused.status_code == 429
    assert parsedate_to_datetime(refused.headers["retry-after"]).timestamp() == tiny.wall.now + 60
    assert tiny.client.get(RSS, params=FEED).headers["retry-after"] == "60"
    assert tiny.get("/rovers")["rovers"]  # another source is open
    tiny.wall.now += 60
    assert tiny.client.get(RSS, params=FEED).status_code == 200
    tiny.fault(kind="rate_limit", flavour="marsvista-v1", times=1, retry_after=5)
    assert tiny.client.get(f"{VISTA}/rovers").json()["error"] == "Too Many Requests"


def test_an_afternoon_of_refusals_ends_when_it_says(make: Any) -> None:
    api = make(profile="tiny", clock_rate=3600.0)
    api.fault(kind="rate_limit", until="2025-10-07T18:00:00Z", **{"from": "2025-10-07T12:00:00Z"})
    refused = api.client.get("/mars-photos/api/v1/rovers")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "6")  # six hours, an hour a second
    api.wall.now += 5
    assert api.client.get("/mars-photos/api/v1/rovers").status_code == 429
    api.wall.now += 1
    assert api.client.get("/mars-photos/api/v1/rovers").status_code == 200


def test_a_source_may_lag_behind_the_others(make: Any) -> None:
    api = make(profile="full")
    newest = api.manifest("perseverance")["max_sol"]

    def other() -> int:
        sol: int = ask(api, f"{NEBULUM}/manifests/perseverance")["photo_manifest"]["max_sol"]
        return sol

    assert other() == newest
    api.fault(kind="lag", hours=24 * 30, flavour="nebulum")
    assert 25 < newest - other() < 35


def test_the_log_tells_which_source_was_asked(tiny: Any) -> None:
    m20(tiny, sol=52)
    msl(tiny, 10)
    ask(tiny, f"{V2}/photos", rovers="spirit", sol_min=1, sol_max=1)
    log = tiny.client.get("/__sim/requests").json()["requests"]
    assert [(r["flavour"], r["kind"], r["rover"], r["sol"]) for r in log] == [
        ("m20-raw", "feed", "Perseverance", 52), ("msl-raw", "feed", "Curiosity", 10),
        ("marsvista-v2", "photos", "Spirit", 1),
    ]  # fmt: skip
    assert len(tiny.client.get("/__sim/requests", params={"flavour": "msl-raw"}).json()["requests"]) == 1
    assert tiny.client.get("/__sim/counters").json()["by_flavour"]["m20-raw"] == {"200": 1}


def test_answers_are_the_same_bytes_each_time(make: Any) -> None:
    paths = (
        f"{RSS}?sol=15&num=20", f"{MSL}?condition_2=10:sol:in", f"{VISTA}/rovers/spirit/photos?sol=1",
        f"{V2}/photos?rovers=curiosity&per_page=5", f"{LAYERS}/m20_heli_waypoints.json",
    )  # fmt: skip
    one, two = make(profile="tiny"), make(profile="tiny")
    for path in paths:
        assert one.client.get(path).content == two.client.get(path).content
        assert json.loads(one.client.get(path).content)
    assert set(ROVERS) == {"Curiosity", "Spirit", "Opportunity", "Perseverance"}
