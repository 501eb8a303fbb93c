"""Clients of the source kinds against a real server: pages, manifests, and what cannot be used."""

from collections.abc import Callable
from typing import Any

import pytest
from mm_contracts.reasons import Reason
from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.paging import Interrupted, Pulled, begin, pull
from mm_jobs.ingest.sources import mmgis, source_of
from mm_jobs.ingest.spec import SourceSettings, SpecError

from tests.unit.jobs.scripted_source import ScriptedSource, json_reply

PHOTOS = "/rovers/Curiosity/photos"


def _photo(number: int, sol: int = 5) -> dict[str, Any]:
    return {"id": number, "sol": sol, "camera": {"name": "FHAZ"}}


Make = Callable[..., Any]
Pull = Callable[..., Pulled]


@pytest.fixture
def client(log: Log) -> SourceClient:
    return SourceClient(OpenGate(), log, timeout=5, pause=lambda _: None)


@pytest.fixture
def nasa(source: ScriptedSource, client: SourceClient) -> Make:
    def make(page_size: int | None = None, kind: str = "nasa-v1") -> Any:
        return source_of(SourceSettings("nasa", kind, source.url, page_size=page_size), client)

    return make


@pytest.fixture
def pulled(nasa: Make) -> Pull:
    def go(page_size: int | None = None, promised: int | None = None, kind: str = "nasa-v1") -> Pulled:
        client = nasa(page_size, kind)
        return pull(client, "Curiosity", 5, promised, begin(client))

    return go


def ids(found: Pulled) -> list[int]:
    return [photo["id"] for photo in found.photos.values()]


def test_a_whole_sol_is_one_request(pulled: Pull, source: ScriptedSource) -> None:
    source.on(PHOTOS, json_reply({"photos": [_photo(1), _photo(2)]}))
    assert ids(pulled(promised=2)) == [1, 2]
    assert source.paths() == [f"{PHOTOS}?sol=5"]


def test_pages_are_asked_for_until_one_is_short_and_ids_count_once(pulled: Pull, source: ScriptedSource) -> None:
    # Pages of one real source overlapped: 677 unique photos in 856.
    source.on(f"{PHOTOS}?sol=5&page=1&per_page=2", json_reply({"photos": [_photo(1), _photo(2)]}))
    source.on(f"{PHOTOS}?sol=5&page=2&per_page=2", json_reply({"photos": [_photo(2), _photo(3)]}))
    source.on(f"{PHOTOS}?sol=5&page=3&per_page=2", json_reply({"photos": [_photo(4)]}))
    assert ids(pulled(2)) == [1, 2, 3, 4]
    assert len(source.seen) == 3


def test_a_full_last_page_is_followed_by_an_empty_one(pulled: Pull, source: ScriptedSource) -> None:
    source.on(f"{PHOTOS}?sol=5&page=1&per_page=1", json_reply({"photos": [_photo(1)]}))
    source.on(f"{PHOTOS}?sol=5&page=2&per_page=1", json_reply({"photos": []}))
    assert ids(pulled(1)) == [1]


def test_a_source_that_pages_unasked_is_followed(pulled: Pull, source: ScriptedSource) -> None:
    paging = {"total_count": 3, "page": 1, "per_page": 2, "total_pages": 2}
    source.on(f"{PHOTOS}?sol=5", json_reply({"photos": [_photo(1), _photo(2)], "pagination": paging}))
    source.on(f"{PHOTOS}?sol=5&page=2", json_reply({"photos": [_photo(3)], "pagination": paging}))
    assert ids(pulled()) == [1, 2, 3]
    assert len(source.seen) == 2


def test_a_source_that_pages_unasked_and_says_nothing_is_followed_as_far_as_is_promised(
    pulled: Pull, source: ScriptedSource
) -> None:
    source.on(f"{PHOTOS}?sol=5", json_reply({"photos": [_photo(1), _photo(2)]}))
    source.on(f"{PHOTOS}?sol=5&page=2", json_reply({"photos": [_photo(3), _photo(4)]}))
    source.on(f"{PHOTOS}?sol=5&page=3", json_reply({"photos": [_photo(5)]}))
    assert ids(pulled(promised=5)) == [1, 2, 3, 4, 5]


def test_a_source_that_does_not_heed_the_page_is_not_asked_for_ever(pulled: Pull, source: ScriptedSource) -> None:
    source.on(PHOTOS, json_reply({"photos": [_photo(1), _photo(2)]}))
    assert ids(pulled(2, promised=9)) == [1, 2]
    assert len(source.seen) == 3
    source.seen.clear()
    assert ids(pulled(promised=9)) == [1, 2]
    assert len(source.seen) == 2


@pytest.mark.parametrize("kind", ["nasa-v1", "marsvista-v1"])
@pytest.mark.parametrize("told", [True, False])
def test_a_page_size_above_the_sources_own_maximum_loses_nothing(
    pulled: Pull, source: ScriptedSource, kind: str, told: bool
) -> None:
    # The source gives at most 3, and counts its pages by what was asked for.
    def page(number: int, asked: int) -> dict[str, Any]:
        photos = [_photo(n) for n in range(1, 9)][(number - 1) * 3 : number * 3]
        paging = {"total_count": 8, "page": number, "per_page": asked, "total_pages": -(-8 // asked)}
        return {"photos": photos} | ({"pagination": paging} if told else {})

    source.on(f"{PHOTOS}?sol=5&page=1&per_page=100", json_reply(page(1, 100)))
    for number in (2, 3):
        source.on(f"{PHOTOS}?sol=5&page={number}&per_page=3", json_reply(page(number, 3)))
    assert ids(pulled(100, promised=8, kind=kind)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(source.seen) == 3


def test_pages_that_shift_while_photos_come_count_each_photo_once(pulled: Pull, source: ScriptedSource) -> None:
    # Photo 9 came between the two requests, and moved photo 2 to the second page.
    source.on(f"{PHOTOS}?sol=5&page=1&per_page=2", json_reply({"photos": [_photo(1), _photo(2)]}))
    source.on(f"{PHOTOS}?sol=5&page=2&per_page=2", json_reply({"photos": [_photo(2)]}))
    assert ids(pulled(2, promised=2)) == [1, 2]


def test_a_page_that_fails_leaves_those_before_it(nasa: Make, source: ScriptedSource) -> None:
    source.on(f"{PHOTOS}?sol=5&page=1&per_page=2", json_reply({"photos": [_photo(1), _photo(2)]}))
    source.on(f"{PHOTOS}?sol=5&page=2&per_page=2", json_reply({}, 429, **{"Retry-After": "9"}))
    client = nasa(2)
    with pytest.raises(Interrupted) as caught:
        pull(client, "Curiosity", 5, 4, begin(client))
    assert caught.value.failure.reason is Reason.RATE_LIMITED
    assert (ids(caught.value.so_far), caught.value.so_far.page) == ([1, 2], 2)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (_photo(1, sol=6), "OtherSol"),
        ({"sol": 5}, "NoIdentity"),
        ({"id": -1, "sol": 5}, "NoIdentity"),
        ("x", "NotAnObject"),
        (None, "NotAnObject"),
        ({"id": 1}, "NoSol"),
        ({"id": 1, "sol": 5.5}, "NoSol"),
    ],
)
def test_a_photo_that_cannot_be_used_is_set_aside_and_its_neighbours_stay(
    pulled: Pull, source: ScriptedSource, odd: Any, reason: str
) -> None:
    source.on(PHOTOS, json_reply({"photos": [_photo(7), odd, _photo(8)]}))
    found = pulled()
    assert ids(found) == [7, 8]
    (record,) = found.set_aside.values()
    assert (record["what"], record["reason"], record["raw"]) == ("photo", reason, odd)


def test_a_field_of_another_type_is_put_right_or_null(pulled: Pull, source: ScriptedSource) -> None:
    odd = {"id": "12", "sol": "5", "camera": "FHAZ", "img_src": 7, "earth_date": "soon", "note": "kept"}
    source.on(PHOTOS, json_reply({"photos": [odd, _photo(3)]}))
    first, second = pulled().photos.values()
    assert first == {
        "id": 12,
        "sol": 5,
        "camera": {"name": "FHAZ"},
        "img_src": None,
        "earth_date": None,
        "note": "kept",
    }
    assert second == _photo(3)


def test_what_is_no_list_of_photos_is_a_bad_response(pulled: Pull, source: ScriptedSource) -> None:
    source.on(PHOTOS, json_reply({"photos": "none"}))
    with pytest.raises(Interrupted) as caught:
        pulled()
    assert caught.value.failure.reason is Reason.BAD_RESPONSE


def _manifest(nasa: Make, source: ScriptedSource, manifest: Any) -> Any:
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": manifest}))
    return nasa().manifest("Curiosity")


ENTRY = {"sol": 5, "earth_date": "2012-08-11", "total_photos": 2, "cameras": ["FHAZ"]}


def test_a_manifest(nasa: Make, source: ScriptedSource) -> None:
    found = _manifest(nasa, source, {"name": "Curiosity", "max_sol": 5, "photos": [ENTRY], "extra": 1})
    assert found.promises == {5: (2, ["FHAZ"])}
    assert (found.max_sol, found.set_aside, found.unusable) == (5, [], {})
    assert (found.body["photos"], found.body["extra"], found.body["landing_date"]) == ([ENTRY], 1, "2012-08-06")


def test_a_sol_that_is_listed_twice_is_one_of_all_its_photos(nasa: Make, source: ScriptedSource) -> None:
    # A real source groups its photos by sol and date, and has some without a date.
    entries = [
        {"sol": 100, "earth_date": None, "total_photos": 5, "cameras": ["MAST"]},
        {"sol": 100, "earth_date": "2012-11-16", "total_photos": 60, "cameras": ["FHAZ"]},
    ]
    found = _manifest(nasa, source, {"name": "Curiosity", "photos": entries})
    assert found.promises == {100: (65, ["FHAZ", "MAST"])}
    assert [(one["sol"], one["earth_date"], one["total_photos"]) for one in found.body["photos"]] == [
        (100, "2012-11-16", 65)
    ]
    assert [one["reason"] for one in found.set_aside] == ["ListedTwice"]


def test_one_entry_given_twice_counts_once(nasa: Make, source: ScriptedSource) -> None:
    assert _manifest(nasa, source, {"name": "Curiosity", "photos": [ENTRY, ENTRY]}).promises == {5: (2, ["FHAZ"])}


@pytest.mark.parametrize(
    ("odd", "reason", "unusable"),
    [
        ({"sol": 9}, "NoCount", {9}),
        ({"sol": 9, "total_photos": "many"}, "NoCount", {9}),
        ({"sol": 9, "total_photos": -1}, "NoCount", {9}),
        ({"sol": "nine", "total_photos": 1}, "NoSol", set()),
        ({"sol": 10**7, "total_photos": 1}, "NoSol", {10**7}),
        (7, "NotAnObject", set()),
    ],
)
def test_an_entry_that_cannot_be_used_is_set_aside_and_is_no_empty_sol(
    nasa: Make, source: ScriptedSource, odd: Any, reason: str, unusable: set[int]
) -> None:
    found = _manifest(nasa, source, {"name": "Curiosity", "photos": [odd, ENTRY]})
    assert set(found.promises) == {5}
    assert ([one["reason"] for one in found.set_aside], set(found.unusable)) == ([reason], unusable)


@pytest.mark.parametrize(
    "manifest",
    [[], {"name": "Curiosity"}, {"name": "Spirit", "photos": []}, {"photos": {}}, {"total_photos": 9, "photos": []}],
)
def test_what_is_no_manifest_is_a_bad_response(nasa: Make, source: ScriptedSource, manifest: Any) -> None:
    with pytest.raises(SourceFailure) as caught:
        _manifest(nasa, source, manifest)
    assert caught.value.reason is Reason.BAD_RESPONSE


def test_a_kind_without_photos(nasa: Make) -> None:
    with pytest.raises(SpecError, match="kind 'mmgis', which has no photos: use nasa-v1"):
        nasa(kind="mmgis")


def test_drives_keep_their_properties_and_get_their_rover(source: ScriptedSource, client: SourceClient) -> None:
    features = [
        {"type": "Feature", "properties": {"sol": 14, "SCLK_START": 1}, "geometry": {"type": "LineString"}},
        {"type": "Feature", "properties": {"Length": 30.95}, "geometry": {"type": "MultiLineString"}},
        {"type": "Feature", "properties": None, "geometry": {"type": "LineString"}},
    ]
    source.on("/traverse.json", json_reply({"type": "FeatureCollection", "features": features}))
    settings = SourceSettings("nasa", "nasa-v1", source.url, {"Curiosity": f"{source.url}/traverse.json"})
    ((name, url),) = mmgis.layers_of(settings, "Curiosity").items()
    read = mmgis.ask(client, url, name, "Curiosity")
    assert read.features == [{**feature, "rover_name": "Curiosity"} for feature in features]
    with pytest.raises(SourceFailure, match="no traverse layer of Spirit") as caught:
        mmgis.layers_of(settings, "Spirit")
    assert caught.value.reason is Reason.BAD_ARGUMENTS


METRES = {"geometry": {"type": "LineString", "coordinates": [[4354492.8, 1093169.0], [4354493.0, 1093170.0]]}}
DEGREES = {"geometry": {"type": "LineString", "coordinates": [[77.45, 18.44, -2569.9], [77.46, 18.44, -2569.9]]}}


@pytest.mark.parametrize("odd", [{"type": "Feature"}, 7, {"geometry": None}, METRES])
def test_a_feature_that_cannot_be_used_is_set_aside(odd: Any) -> None:
    read = mmgis.read_layer({"features": [DEGREES, odd]}, mmgis.TRAVERSE, "Perseverance")
    assert (len(read.features), len(read.set_aside)) == (1, 1)


@pytest.mark.parametrize("features", [[{"type": "Feature"}], {}, None, [METRES]])
def test_a_layer_of_which_nothing_can_be_used_is_never_an_empty_traverse(features: Any) -> None:
    with pytest.raises(SourceFailure) as caught:
        mmgis.read_layer({"features": features}, mmgis.TRAVERSE, "Perseverance")
    assert caught.value.reason is Reason.BAD_RESPONSE


@pytest.mark.parametrize(
    ("properties", "coordinates"),
    [
        ({"sol": 104, "lon": 77.45, "lat": 18.44, "dist_total": 487.4}, [4354492.8, 1093169.0]),  # geometry in metres
        ({"sol": "104", "dist_total_m": "487.40"}, [77.45, 18.44]),  # texts, and no longitude
        ({"Sol": 104, "Lon": 77.45, "Lat": 18.44, "Total_m": 487.4}, None),  # capitals
    ],
)
def test_a_waypoint_is_the_same_in_every_shape(properties: dict[str, Any], coordinates: list[float] | None) -> None:
    feature = {"properties": properties, "geometry": {"type": "Point", "coordinates": coordinates}}
    place = mmgis.read_place(feature, "waypoints", "Perseverance")
    assert (place["sol"], place["lon"], place["lat"], place["total_distance_m"]) == (104, 77.45, 18.44, 487.4)
    assert place["raw"] is feature


def test_a_waypoint_in_metres_alone_has_no_place() -> None:
    feature = {
        "properties": {"sol": 1, "SCLK_END": -1.0},
        "geometry": {"type": "Point", "coordinates": [4354492, 1093169]},
    }
    place = mmgis.read_place(feature, "waypoints", "Perseverance")
    assert (place["lon"], place["lat"], place["sclk_end"]) == (None, None, None)
