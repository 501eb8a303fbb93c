"""Faults strike what they are meant for, as often as they are meant to, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mm_simulator.shell.fault_spec import FAULT_KINDS

V1 = "/mars-photos/api/v1"


def statuses(api: Any, rover: str, sol: int, times: int) -> list[int]:
    return [api.client.get(f"{V1}/rovers/{rover}/photos?sol={sol}").status_code for _ in range(times)]


def test_three_errors_and_then_well_again(tiny: Any) -> None:
    tiny.fault(kind="status", status=500, path="photos", rover="curiosity", sol=10, times=3)
    assert statuses(tiny, "curiosity", 1, 1) == [200]
    assert statuses(tiny, "spirit", 1, 1) == [200]
    assert statuses(tiny, "curiosity", 10, 5) == [500, 500, 500, 200, 200]


@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        ({"kind": "gone"}, 404, "No such app"),
        ({"kind": "status"}, 500, "went wrong"),
        ({"kind": "status", "status": 502, "body": "empty"}, 502, ""),
        ({"kind": "status", "body": "heroku"}, 503, "Application error"),
        ({"kind": "status", "status": 403, "body": "json"}, 403, '{"status":403,"error":"Error"}'),
    ],
)
def test_error_pages(tiny: Any, given: dict[str, Any], status: int, text: str) -> None:
    tiny.fault(**given, path="photos")
    response = tiny.client.get(f"{V1}/rovers/spirit/photos?sol=1")
    assert response.status_code == status
    assert text in response.text if text else response.content == b""
    assert response.headers["content-type"].startswith(
        "application/json" if given.get("body") == "json" else "text/html"
    )


def test_gone_for_one_sol_leaves_the_others(tiny: Any) -> None:
    tiny.fault(kind="gone", path="photos", rover="Spirit", sols=["2-3"])
    assert [statuses(tiny, "spirit", sol, 1)[0] for sol in (1, 2, 3)] == [200, 404, 404]


def test_rate_limit_closes_the_whole_gateway_for_its_time(tiny: Any) -> None:
    tiny.fault(kind="rate_limit", path="photos", rover="Curiosity", retry_after=20, times=1)
    assert statuses(tiny, "spirit", 1, 1) == [200]
    first = tiny.client.get(f"{V1}/rovers/curiosity/photos?sol=1")
    assert (first.status_code, first.headers["retry-after"]) == (429, "20")
    tiny.wall.now += 12.5
    second = tiny.client.get(f"{V1}/manifests/spirit")
    assert (second.status_code, second.headers["retry-after"]) == (429, "8")
    assert second.json()["error"]["code"] == "OVER_RATE_LIMIT"
    assert tiny.client.get("/mmgis-maps/M20/Layers/json/M20_traverse.json").status_code == 200
    tiny.wall.now += 7.5
    assert statuses(tiny, "curiosity", 1, 2) == [200, 200]


def test_removing_a_rate_limit_opens_the_gateway(tiny: Any) -> None:
    fault_id = tiny.fault(kind="rate_limit", retry_after=3600)
    assert statuses(tiny, "spirit", 1, 1) == [429]
    assert tiny.client.delete(f"/__sim/faults/{fault_id}").status_code == 200
    assert statuses(tiny, "spirit", 1, 1) == [200]


def test_truncated_json_is_complete_http(tiny: Any) -> None:
    whole = tiny.client.get(f"{V1}/rovers/spirit/photos?sol=1").content
    tiny.fault(kind="truncated", path="photos", fraction=0.25)
    response = tiny.client.get(f"{V1}/rovers/spirit/photos?sol=1")
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(response.content) == len(whole) // 4
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_chance_is_fair_and_repeats(make: Any) -> None:
    def run() -> list[int]:
        api = make(profile="tiny")
        api.fault(kind="status", probability=0.3, path="photos")
        return [status for sol in (1, 2, 3) for status in statuses(api, "spirit", sol, 20)]

    first, second = run(), run()
    assert first == second
    assert 8 <= first.count(500) <= 28  # 18 expected of 60


def test_chance_of_one_sol_does_not_depend_on_others(make: Any) -> None:
    alone, together = make(profile="tiny"), make(profile="tiny")
    for api in (alone, together):
        api.fault(kind="status", probability=0.5, path="photos")
    mixed = [(statuses(together, "spirit", 2, 1), statuses(together, "spirit", 3, 1))[1][0] for _ in range(16)]
    assert statuses(alone, "spirit", 3, 16) == mixed
    assert len(set(mixed)) == 2


def test_manifest_500_leaves_rovers_working(tiny: Any) -> None:
    tiny.fault(kind="manifest_500")
    assert tiny.client.get(f"{V1}/manifests/spirit").status_code == 500
    assert tiny.client.get(f"{V1}/rovers/spirit").status_code == 200


def test_stale_manifest_misses_the_newest_sols(tiny: Any) -> None:
    before = tiny.manifest("spirit")
    tiny.fault(kind="stale_manifest", rover="spirit", count=2)
    after = tiny.manifest("spirit")
    assert after["photos"] == before["photos"][:-2]
    assert after["max_sol"] == 1
    assert after["total_photos"] == before["photos"][0]["total_photos"]
    assert len(tiny.photos("spirit", sol=3)) == 125


def test_manifest_count_delta_in_its_sols_only(tiny: Any) -> None:
    before = tiny.manifest("spirit")
    tiny.fault(kind="manifest_count_delta", rover="spirit", sol=2, delta=7)
    after = tiny.manifest("spirit")
    changes = [b["total_photos"] - a["total_photos"] for a, b in zip(before["photos"], after["photos"], strict=True)]
    assert changes == [0, 7, 0]
    assert after["total_photos"] == before["total_photos"] + 7
    assert tiny.manifest("opportunity")["total_photos"] == 696


def test_duplicate_pages_repeat_photos_and_lose_others(tiny: Any) -> None:
    tiny.fault(kind="duplicate_pages", count=5)
    pages = [tiny.photos("spirit", sol=2, page=page) for page in range(1, 8)]
    ids = [photo["id"] for page in pages for photo in page]
    assert len(ids) == 125
    assert len(set(ids)) == 120


def test_extended_rover(tiny: Any) -> None:
    short = tiny.photos("spirit", sol=1)[0]["rover"]
    tiny.fault(kind="extended_rover")
    longer = tiny.photos("spirit", sol=1)[0]["rover"]
    assert longer | short == longer
    assert longer["max_sol"] == 3
    assert longer["cameras"][0] == {"name": "FHAZ", "full_name": "Front Hazard Avoidance Camera"}


def test_missing_earth_date(tiny: Any) -> None:
    tiny.fault(kind="missing_earth_date", rover="Spirit", sol=2)
    assert all("earth_date" not in photo for photo in tiny.photos("spirit", sol=2))
    assert all("earth_date" in photo for photo in tiny.photos("spirit", sol=1))
    assert ["earth_date" in entry for entry in tiny.manifest("spirit")["photos"]] == [True, False, True]


def test_unknown_camera_in_photos_and_manifest(tiny: Any) -> None:
    tiny.fault(kind="unknown_camera", rover="Spirit", sol=2, count=3)
    cameras = [photo["camera"]["name"] for photo in tiny.photos("spirit", sol=2)]
    assert cameras.count("NEW_CAMERA") == 3
    assert len(cameras) == 125
    assert "NEW_CAMERA" in tiny.manifest("spirit")["photos"][1]["cameras"]
    assert "NEW_CAMERA" not in tiny.manifest("spirit")["photos"][0]["cameras"]


def test_slow_and_an_error_go_together(tiny: Any) -> None:
    tiny.fault(kind="slow", delay_seconds=0)
    tiny.fault(kind="status", status=503, times=1)
    assert statuses(tiny, "spirit", 1, 2) == [503, 200]
    log = tiny.client.get("/__sim/requests").json()["requests"]
    assert [record["faults"] for record in log] == [["f1", "f2"], ["f1"]]


def test_reset_ends_the_request_without_an_answer(tiny: Any) -> None:
    tiny.fault(kind="reset", path="photos", times=1)
    with pytest.raises(ConnectionResetError):
        tiny.client.get(f"{V1}/rovers/spirit/photos?sol=1")
    assert statuses(tiny, "spirit", 1, 1) == [200]
    assert tiny.client.get("/__sim/requests").json()["requests"][0]["status"] == 0


def test_map_layers_fail_only_if_named(tiny: Any) -> None:
    tiny.fault(kind="gone")
    layer = "/mmgis-maps/M20/Layers/json/M20_traverse.json"
    assert tiny.client.get(layer).status_code == 200
    tiny.fault(kind="status", path="traverse", rover="Perseverance")
    assert tiny.client.get(layer).status_code == 500
    assert tiny.client.get(layer.replace("M20", "MSL")).status_code == 200


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "kind must be one of"),
        ({"kind": "nope"}, "kind must be one of"),
        ({"kind": "gone", "colour": 1}, "unknown fields: colour"),
        ({"kind": "gone", "path": "x"}, "path must be one of"),
        ({"kind": "gone", "rover": "Sojourner"}, "there is no rover"),
        ({"kind": "gone", "sols": ["a-b"]}, "sol must be a number"),
        ({"kind": "gone", "sols": ["0-999999999"]}, "sol must be a number"),
        ({"kind": "gone", "times": 0}, "times must be"),
        ({"kind": "gone", "probability": 2}, "probability must be"),
        ({"kind": "gone", "status": 404}, "status does not go with gone"),
        ({"kind": "status", "status": 200}, "status must be a whole number"),
        ({"kind": "status", "body": "png"}, "body goes with status"),
        ({"kind": "rate_limit", "path": "traverse"}, "gateway"),
        ({"kind": "moved_photos", "sols": ["1-3"]}, "moved_photos needs sol"),
    ],
)
def test_bad_faults_are_refused_with_a_reason(tiny: Any, given: dict[str, Any], word: str) -> None:
    response = tiny.client.post("/__sim/faults", json=given)
    assert response.status_code == 400
    assert word in response.json()["error"]
    assert tiny.client.get("/__sim/faults").json() == {"faults": []}


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_can_be_set_and_shown(tiny: Any, kind: str) -> None:
    fault_id = tiny.fault(kind=kind, sol=2)
    shown = tiny.client.get("/__sim/faults").json()["faults"]
    assert [(fault["id"], fault["kind"]) for fault in shown] == [(fault_id, kind)]


def test_a_camera_gets_another_name_everywhere(tiny: Any) -> None:
    before = tiny.photos("perseverance", sol=52)
    tiny.fault(kind="unknown_camera", camera="SKYCAM", sols=["50-60"])
    tiny.fault(kind="unknown_camera", camera="SKYCAM", sols=["50-60"], flavour="m20-raw")
    after = tiny.photos("perseverance", sol=52)
    renamed = [photo["id"] for photo in after if photo["camera"]["name"] == "NEW_CAMERA"]
    assert renamed == [photo["id"] for photo in before if photo["camera"]["name"] == "SKYCAM"]
    entries = {entry["sol"]: entry for entry in tiny.manifest("perseverance")["photos"]}
    assert entries[52]["cameras"] == sorted({photo["camera"]["name"] for photo in after})
    assert entries[52]["total_photos"] == len(after) == len(before)
    assert "NEW_CAMERA" not in entries[16]["cameras"]
    images = tiny.client.get("/rss/api/", params={"sol": 52, "num": 100}).json()["images"]
    names = {image["camera"]["instrument"] for image in images}
    assert "SKYCAM" not in names
    answer = tiny.client.post("/__sim/faults", json={"kind": "unknown_camera", "camera": "nope"})
    assert "camera goes with" in answer.json()["error"]


def test_half_a_character_ends_some_titles(tiny: Any) -> None:
    tiny.fault(kind="half_character", rover="Spirit", sol=2, count=2)
    photos = tiny.photos("spirit", sol=2)
    assert [photo.get("title") for photo in photos[:3]] == ["dust devil \ud83c"] * 2 + [None]
    assert "title" not in tiny.photos("spirit", sol=1)[0]


def test_a_sol_is_listed_twice_and_adds_up(tiny: Any) -> None:
    before = tiny.manifest("spirit")
    tiny.fault(kind="sol_twice", rover="Spirit", sol=2)
    after = tiny.manifest("spirit")
    assert [entry["sol"] for entry in after["photos"]] == [1, 2, 2, 3]
    assert after["photos"][1]["earth_date"] is None
    assert sum(e["total_photos"] for e in after["photos"]) == sum(e["total_photos"] for e in before["photos"])


def test_pages_are_shorter_than_asked_for_and_told_by_what_was_asked(tiny: Any) -> None:
    whole = [photo["id"] for photo in tiny.photos("spirit", sol=2)]
    tiny.fault(kind="page_limit", rover="Spirit", sol=2, count=50)
    found = []
    for page in (1, 2, 3):
        answer = tiny.client.get(f"{V1}/rovers/spirit/photos?sol=2&page={page}&per_page=200").json()
        found += [photo["id"] for photo in answer["photos"]]
        assert answer["pagination"] == {"total_count": 125, "page": page, "per_page": 200, "total_pages": 1}
    assert found == whole
    assert len(tiny.client.get(f"{V1}/rovers/spirit/photos?sol=2").json()["photos"]) == 25


def test_corrected_photos_are_in_the_next_sol_by_photos_and_manifest(tiny: Any) -> None:
    before, total = tiny.photos("spirit", sol=2), tiny.manifest("spirit")["total_photos"]
    tiny.fault(kind="moved_photos", rover="Spirit", sol=2, count=3)
    left, moved = tiny.photos("spirit", sol=2), tiny.photos("spirit", sol=3)
    assert [photo["id"] for photo in left] == [photo["id"] for photo in before[3:]]
    assert [photo["id"] for photo in moved[:3]] == [photo["id"] for photo in before[:3]]
    assert {photo["sol"] for photo in moved} == {3}
    assert len({photo["earth_date"] for photo in moved}) == 1
    manifest = tiny.manifest("spirit")
    assert [entry["total_photos"] for entry in manifest["photos"][1:]] == [len(left), len(moved)]
    assert manifest["total_photos"] == total
