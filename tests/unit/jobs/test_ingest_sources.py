"""Clients of the source kinds against a real server."""

from collections.abc import Callable
from typing import Any

import pytest
from mm_contracts.reasons import Reason
from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.sources import source_of
from mm_jobs.ingest.sources.traverse import drives
from mm_jobs.ingest.spec import SourceSettings

from tests.unit.jobs.scripted_source import ScriptedSource, json_reply

PHOTOS = "/rovers/Curiosity/photos"


def _photo(number: int, sol: int = 5) -> dict[str, Any]:
    return {"id": number, "sol": sol, "camera": {"name": "FHAZ"}}


Make = Callable[..., Any]


@pytest.fixture
def client(log: Log) -> SourceClient:
    return SourceClient(OpenGate(), log, timeout=5, pause=lambda _: None)


@pytest.fixture
def nasa(source: ScriptedSource, client: SourceClient) -> Make:
    def make(page_size: int | None = None, kind: str = "nasa-v1") -> Any:
        return source_of(SourceSettings("nasa", kind, source.url, page_size=page_size), client)

    return make


def test_a_whole_sol_is_one_request(nasa: Make, source: ScriptedSource) -> None:
    source.on(PHOTOS, json_reply({"photos": [_photo(1), _photo(2)]}))
    assert [photo["id"] for photo in nasa().photos("Curiosity", 5)] == [1, 2]
    assert source.paths() == [f"{PHOTOS}?sol=5"]


def test_pages_are_asked_for_until_one_is_short_and_ids_count_once(nasa: Make, source: ScriptedSource) -> None:
    # Pages of one real source overlapped: 677 unique photos in 856.
    source.on(f"{PHOTOS}?sol=5&page=1&per_page=2", json_reply({"photos": [_photo(1), _photo(2)]}))
    source.on(f"{PHOTOS}?sol=5&page=2&per_page=2", json_reply({"photos": [_photo(2), _photo(3)]}))
    source.on(f"{PHOTOS}?sol=5&page=3&per_page=2", json_reply({"photos": [_photo(4)]}))
    assert [photo["id"] for photo in nasa(2).photos("Curiosity", 5)] == [1, 2, 3, 4]
    assert len(source.seen) == 3


def test_a_full_last_page_is_followed_by_an_empty_one(nasa: Make, source: ScriptedSource) -> None:
    source.on(f"{PHOTOS}?sol=5&page=1&per_page=1", json_reply({"photos": [_photo(1)]}))
    source.on(f"{PHOTOS}?sol=5&page=2&per_page=1", json_reply({"photos": []}))
    assert len(nasa(1).photos("Curiosity", 5)) == 1


def test_a_source_that_pages_unasked_is_followed(nasa: Make, source: ScriptedSource) -> None:
    paging = {"total_count": 3, "page": 1, "per_page": 2, "total_pages": 2}
    source.on(f"{PHOTOS}?sol=5", json_reply({"photos": [_photo(1), _photo(2)], "pagination": paging}))
    source.on(f"{PHOTOS}?sol=5&page=2", json_reply({"photos": [_photo(3)], "pagination": paging}))
    assert len(nasa().photos("Curiosity", 5)) == 3


@pytest.mark.parametrize("photos", [[_photo(1, sol=6)], [{"sol": 5}], ["x"], "none", [{"id": "1", "sol": 5}]])
def test_photos_that_are_none_of_the_sol_are_a_bad_response(nasa: Make, source: ScriptedSource, photos: Any) -> None:
    source.on(PHOTOS, json_reply({"photos": photos}))
    with pytest.raises(SourceFailure) as caught:
        nasa().photos("Curiosity", 5)
    assert caught.value.reason is Reason.BAD_RESPONSE


def test_a_manifest(nasa: Make, source: ScriptedSource) -> None:
    manifest = {"name": "Curiosity", "max_sol": 5, "photos": [{"sol": 5, "total_photos": 2, "cameras": ["FHAZ"]}]}
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": manifest}))
    assert nasa().manifest("Curiosity") == manifest


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        {"name": "Curiosity"},
        {"name": "Spirit", "photos": []},
        {"name": "Curiosity", "photos": [{"sol": 5}]},
        {"name": "Curiosity", "photos": [{"sol": "5", "total_photos": 1}]},
    ],
)
def test_what_is_no_manifest_is_a_bad_response(nasa: Make, source: ScriptedSource, manifest: Any) -> None:
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": manifest}))
    with pytest.raises(SourceFailure) as caught:
        nasa().manifest("Curiosity")
    assert caught.value.reason is Reason.BAD_RESPONSE


def test_an_unknown_kind(nasa: Make) -> None:
    with pytest.raises(ValueError, match="unknown kind 'rss': use nasa-v1"):
        nasa(kind="rss")


def test_drives_keep_their_properties_and_get_their_rover(source: ScriptedSource, client: SourceClient) -> None:
    features = [
        {"type": "Feature", "properties": {"sol": 14, "SCLK_START": 1}, "geometry": {"type": "LineString"}},
        {"type": "Feature", "properties": {"Length": 30.95}, "geometry": {"type": "MultiLineString"}},
        {"type": "Feature", "properties": None, "geometry": {"type": "LineString"}},
    ]
    source.on("/traverse.json", json_reply({"type": "FeatureCollection", "features": features}))
    settings = SourceSettings("nasa", "nasa-v1", source.url, {"Curiosity": f"{source.url}/traverse.json"})
    assert drives(settings, client, "Curiosity") == [{**feature, "rover_name": "Curiosity"} for feature in features]
    with pytest.raises(SourceFailure, match="no traverse layer of Spirit") as caught:
        drives(settings, client, "Spirit")
    assert caught.value.reason is Reason.BAD_ARGUMENTS


def test_a_layer_without_geometry_is_a_bad_response(source: ScriptedSource, client: SourceClient) -> None:
    source.on("/traverse.json", json_reply({"features": [{"type": "Feature"}]}))
    settings = SourceSettings("nasa", "nasa-v1", source.url, {"Curiosity": f"{source.url}/traverse.json"})
    with pytest.raises(SourceFailure):
        drives(settings, client, "Curiosity")
