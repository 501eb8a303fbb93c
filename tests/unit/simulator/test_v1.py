"""The photo API's semantics: what its clients lean on, oddities included."""

from __future__ import annotations

from typing import Any

import pytest

V1 = "/mars-photos/api/v1"
ROVERS = ("Curiosity", "Spirit", "Opportunity", "Perseverance")


@pytest.mark.parametrize(
    "path", ["/rovers/nope/photos?sol=1", "/rovers/nope/latest_photos", "/rovers/nope", "/manifests/nope"]
)
def test_unknown_rover_is_told_in_one_sentence(full: Any, path: str) -> None:
    response = full.client.get(V1 + path)
    assert (response.status_code, response.content) == (400, b'{"errors":"Invalid Rover Name"}')


def test_without_a_date_there_are_no_photos(full: Any) -> None:
    response = full.client.get(f"{V1}/rovers/curiosity/photos")
    assert (response.status_code, response.content) == (200, b'{"photos":[]}')


def test_unknown_camera_is_an_empty_answer(full: Any) -> None:
    assert full.photos("curiosity", sol=1000, camera="nope") == []
    assert full.photos("curiosity", sol=1000, camera="PANCAM") == []  # another rover's


def test_pages_only_when_asked_for(full: Any) -> None:
    counts = {page: len(full.photos("curiosity", sol=1000, page=page)) for page in (1, 35, 36)}
    assert counts == {1: 25, 35: 6, 36: 0}
    assert len(full.photos("curiosity", sol=1000)) == 856
    assert len(full.photos("curiosity", sol=1000, per_page=100)) == 856


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"page": 0}, 25), ({"page": -3}, 25), ({"page": "x"}, 25), ({"page": 1, "per_page": 0}, 0),
        ({"page": 1, "per_page": "abc"}, 25), ({"page": 1, "per_page": -1}, 25), ({"page": 9, "per_page": 100}, 56),
    ],
)  # fmt: skip
def test_odd_page_arguments(full: Any, query: dict[str, Any], count: int) -> None:
    assert len(full.photos("curiosity", sol=1000, **query)) == count


def test_pages_add_up_to_the_sol(full: Any) -> None:
    pages = [full.photos("curiosity", sol=1000, page=page, per_page=300) for page in (1, 2, 3, 4)]
    assert [photo for page in pages for photo in page] == full.photos("curiosity", sol=1000)


@pytest.mark.parametrize(("rover", "sol"), [("Curiosity", 1000), ("Perseverance", 15), ("Spirit", 5)])
def test_order_is_camera_then_id(full: Any, rover: str, sol: int) -> None:
    keys = [(photo["camera"]["id"], photo["id"]) for photo in full.photos(rover, sol=sol)]
    assert keys == sorted(keys)
    assert len({camera for camera, _ in keys}) > 1


def test_sol_beats_earth_date(full: Any) -> None:
    assert full.photos("curiosity", sol=1, earth_date="2015-05-30") == full.photos("curiosity", sol=1)


def test_earth_date_is_a_sol(full: Any) -> None:
    sol_1000 = full.photos("curiosity", sol=1000)
    assert full.photos("curiosity", earth_date="2015-05-30") == sol_1000
    assert full.photos("curiosity", earth_date="2015-5-30") == sol_1000
    assert full.photos("curiosity", earth_date="2012-08-05") == []


def test_a_date_between_two_sols_has_no_photos(full: Any) -> None:
    days = {entry["earth_date"]: entry["sol"] for entry in full.manifest("curiosity")["photos"]}
    # Sols 36 and 37 are on both sides of a date that the rule skips.
    assert {"2012-09-11", "2012-09-13"} <= set(days)
    assert "2012-09-12" not in days
    assert full.photos("curiosity", earth_date="2012-09-12") == []


def test_unreadable_date_is_an_error_of_the_application(full: Any) -> None:
    path = f"{V1}/rovers/curiosity/photos?earth_date=tomorrow"
    plain = full.client.get(path)
    assert (plain.status_code, plain.content) == (500, b"")
    assert plain.headers["content-type"].startswith("text/html")
    wanted = full.client.get(path, headers={"accept": "application/json"})
    assert (wanted.status_code, wanted.json()) == (500, {"status": 500, "error": "Internal Server Error"})


@pytest.mark.parametrize(("sol", "same_as"), [("abc", 0), ("12abc", 12), ("1_0", 10), ("-1", None), ("", None)])
def test_sols_that_are_no_numbers(full: Any, sol: str, same_as: int | None) -> None:
    assert full.photos("curiosity", sol=sol, camera="CHEMCAM") == (
        [] if same_as is None else full.photos("curiosity", sol=same_as, camera="CHEMCAM")
    )


def test_names_in_any_case(full: Any) -> None:
    wanted = full.photos("Curiosity", sol=1000, camera="NAVCAM")
    assert len(wanted) == 10
    assert full.photos("cUrIoSiTy", sol=1000, camera="navcam") == wanted
    assert full.get("/rovers/SPIRIT")["rover"]["name"] == "Spirit"
    assert full.manifest("opportunity")["name"] == "Opportunity"


@pytest.mark.parametrize("rover", ROVERS)
def test_latest_photos_are_of_the_manifests_last_sol(full: Any, rover: str) -> None:
    latest = full.get(f"/rovers/{rover}/latest_photos", sol=3)["latest_photos"]
    manifest = full.manifest(rover)
    assert {photo["sol"] for photo in latest} == {manifest["max_sol"]}
    assert len(latest) == manifest["photos"][-1]["total_photos"]


@pytest.mark.parametrize("rover", ROVERS)
def test_manifest_promises_what_is_served(demo: Any, demo_photos: dict[str, Any], rover: str) -> None:
    manifest = demo.manifest(rover)
    assert [entry["sol"] for entry in manifest["photos"]] == list(demo_photos[rover])
    for entry in manifest["photos"]:
        photos = demo_photos[rover][entry["sol"]]
        assert len(photos) == entry["total_photos"]
        assert sorted({photo["camera"]["name"] for photo in photos}) == entry["cameras"]
        assert {photo["earth_date"] for photo in photos} == {entry["earth_date"]}
    assert manifest["total_photos"] == sum(entry["total_photos"] for entry in manifest["photos"])
    assert manifest["max_sol"] == manifest["photos"][-1]["sol"]
    assert manifest["max_date"] == manifest["photos"][-1]["earth_date"]
    whole = demo.get(f"/rovers/{rover}")["rover"]
    assert (whole["max_sol"], whole["total_photos"]) == (manifest["max_sol"], manifest["total_photos"])


def test_no_sol_outside_the_manifest_has_photos(demo: Any, demo_photos: dict[str, Any]) -> None:
    silent = [sol for sol in range(125) if sol not in demo_photos["Perseverance"]]
    assert len(silent) > 10
    assert all(demo.photos("perseverance", sol=sol) == [] for sol in silent)


def test_manifest_omits_sols_without_photos(full: Any) -> None:
    sols = [entry["sol"] for entry in full.manifest("curiosity")["photos"]]
    assert sols[:6] == [0, 1, 2, 3, 10, 12]
    assert full.photos("curiosity", sol=4) == []
    assert full.manifest("spirit")["photos"][0]["sol"] == 1


def test_rovers_in_their_order(full: Any) -> None:
    rovers = full.get("/rovers")["rovers"]
    assert [rover["name"] for rover in rovers] == list(ROVERS)
    assert list(rovers[0]) == [
        "id", "name", "landing_date", "launch_date", "status", "max_sol", "max_date", "total_photos", "cameras",
    ]  # fmt: skip
    assert rovers[1] | {"cameras": []} == {
        "id": 7, "name": "Spirit", "landing_date": "2004-01-04", "launch_date": "2003-06-10", "status": "complete",
        "max_sol": 2208, "max_date": "2010-03-21", "total_photos": 124550, "cameras": [],
    }  # fmt: skip
    names = [camera["name"] for camera in rovers[0]["cameras"]]
    assert names[:7] == ["FHAZ", "NAVCAM", "MAST", "CHEMCAM", "MAHLI", "MARDI", "RHAZ"]


def test_a_photo_by_id(full: Any) -> None:
    photo = full.photos("perseverance", sol=0)[0]
    assert photo["id"] == 810960
    assert full.get("/photos/810960") == {"photo": photo}
    assert list(photo) == ["id", "sol", "camera", "img_src", "earth_date", "rover"]
    assert photo["rover"] == {
        "id": 8, "name": "Perseverance", "landing_date": "2021-02-18", "launch_date": "2020-07-30", "status": "active",
    }  # fmt: skip


def test_an_unknown_photo_is_an_empty_404(full: Any) -> None:
    for wrong in ("1", "999999999", "x"):
        response = full.client.get(f"{V1}/photos/{wrong}")
        assert (response.status_code, response.content) == (404, b"")


def test_tiny_caps_one_sol_and_says_so(tiny: Any, full: Any) -> None:
    capped = tiny.photos("curiosity", sol=0)
    assert len(capped) == 200 == tiny.manifest("curiosity")["photos"][0]["total_photos"]
    assert capped == full.photos("curiosity", sol=0)[:200]


@pytest.mark.parametrize(("rover", "sol"), [("Perseverance", 52), ("Curiosity", 10), ("Opportunity", 3), ("Spirit", 2)])
def test_a_sol_is_alike_in_every_profile(tiny: Any, demo: Any, full: Any, rover: str, sol: int) -> None:
    path = f"{V1}/rovers/{rover}/photos?sol={sol}"
    answers = {api.client.get(path).content for api in (tiny, demo, full)}
    assert len(answers) == 1
    assert len(answers.pop()) > 1000


def test_routes_that_are_not_there(full: Any) -> None:
    assert full.client.get(f"{V1}/rovers/curiosity/selfies").status_code == 404
    assert full.client.post(f"{V1}/rovers/curiosity/photos").status_code == 404
    head = full.client.head(f"{V1}/rovers/curiosity/photos?sol=1")
    assert head.status_code == 200
    assert int(head.headers["content-length"]) > 1000


def test_image_base_rewrites_the_host_only(make: Any) -> None:
    here = make(profile="tiny", image_base="http://sim:8000").photos("spirit", sol=1)[0]["img_src"]
    there = make(profile="tiny").photos("spirit", sol=1)[0]["img_src"]
    assert here == there.replace("http://mars.nasa.gov", "http://sim:8000") != there
