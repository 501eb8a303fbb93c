"""The API gateway: keys, limits, formats, and the order in which it checks."""

from __future__ import annotations

import base64
from typing import Any

import pytest

V1 = "/mars-photos/api/v1"
ROVER = f"{V1}/rovers/nope"  # a good key reaches the application, which answers 400
MISSING = (
    b'{"error":{"code":"API_KEY_MISSING","message":"No api_key was supplied. Get one at https://api.nasa.gov:443"}}'
)
INVALID = MISSING.replace(b"MISSING", b"INVALID").replace(b"No api_key", b"An invalid api_key")
OVER = (
    b'{"error":{"code":"OVER_RATE_LIMIT","message":"You have exceeded your rate limit. Try again later or '
    b'contact us at https://api.nasa.gov:443/contact/ for assistance"}}'
)


def test_a_key_is_wanted_before_anything_else(tiny: Any) -> None:
    response = tiny.stranger.get(ROVER)
    assert (response.status_code, response.content) == (403, MISSING)
    assert response.headers["content-type"] == "application/json"
    assert len(response.headers["x-api-umbrella-request-id"]) == 20


@pytest.mark.parametrize("key", ["short", "k" * 39, "k" * 41, "k" * 39 + "-"])
def test_a_wrong_key(tiny: Any, key: str) -> None:
    response = tiny.stranger.get(ROVER, params={"api_key": key})
    assert (response.status_code, response.content) == (403, INVALID)


def test_three_ways_to_send_a_key(tiny: Any) -> None:
    basic = base64.b64encode(b"k" * 40 + b":").decode()
    for query, headers in (
        ({"api_key": "k" * 40}, {}),
        ({}, {"x-api-key": "k" * 40}),
        ({}, {"authorization": f"Basic {basic}"}),
    ):
        assert tiny.stranger.get(ROVER, params=query, headers=headers).status_code == 400


def test_no_key_needed_if_told_so(make: Any) -> None:
    assert make(profile="tiny", require_key=False).stranger.get(f"{V1}/rovers").status_code == 200


def test_limit_counts_down_then_refuses_until_the_hour_is_over(make: Any) -> None:
    api = make(profile="tiny", rate_limit=3)
    left = []
    for _ in range(3):
        response = api.client.get(ROVER)
        assert response.status_code == 400
        assert response.headers["x-ratelimit-limit"] == "3"
        left.append(response.headers["x-ratelimit-remaining"])
        api.wall.now += 10
    assert left == ["2", "1", "0"]
    refused = api.client.get(ROVER)
    assert (refused.status_code, refused.content) == (429, OVER)
    assert refused.headers["retry-after"] == "3570"  # the first of them leaves the window 3600 s after it came
    assert (refused.headers["x-ratelimit-limit"], refused.headers["x-ratelimit-remaining"]) == ("3", "0")
    api.wall.now += 3569
    assert api.client.get(ROVER).status_code == 429
    api.wall.now += 1
    assert api.client.get(ROVER).status_code == 400
    assert api.client.get(ROVER).status_code == 429


def test_keys_do_not_share_their_limit(make: Any) -> None:
    api = make(profile="tiny", rate_limit=1)
    assert api.client.get(ROVER).status_code == 400
    assert api.client.get(ROVER).status_code == 429
    assert api.stranger.get(ROVER, params={"api_key": "j" * 40}).status_code == 400


def test_demo_key_has_an_hour_and_a_day(make: Any) -> None:
    api = make(profile="tiny", demo_key_per_hour=2, demo_key_per_day=3)

    def status() -> int:
        found: int = api.stranger.get(ROVER, params={"api_key": "DEMO_KEY"}).status_code
        return found

    assert [status(), status(), status()] == [400, 400, 429]
    api.wall.now += 3600
    assert [status(), status()] == [400, 429]
    late = api.stranger.get(ROVER, params={"api_key": "DEMO_KEY"})
    assert late.headers["retry-after"] == str(86400 - 3600)


@pytest.mark.parametrize(
    ("path", "accept", "kind", "begin"),
    [
        ("/rovers", "*/*", "application/json", b'{"error":'),
        ("/rovers", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html", b"<html>"),
        ("/rovers.json", "text/html", "application/json", b'{"error":'),
        ("/rovers?format=xml", "*/*", "application/xml", b"<?xml"),
        ("/rovers?format=csv", "*/*", "text/csv", b"Error Code,Error Message\nAPI_KEY_MISSING,"),
    ],
)
def test_errors_come_in_the_callers_format(tiny: Any, path: str, accept: str, kind: str, begin: bytes) -> None:
    response = tiny.stranger.get(V1 + path, headers={"accept": accept})
    assert response.status_code == 403
    assert response.headers["content-type"].startswith(kind)
    assert response.content.startswith(begin)


def test_other_apis_are_not_there(tiny: Any) -> None:
    assert tiny.client.get("/planetary/apod").json()["error"]["code"] == "NOT_FOUND"


def test_map_layers_need_no_key_and_have_no_limit(make: Any) -> None:
    api = make(profile="tiny", rate_limit=1)
    for _ in range(2):
        response = api.stranger.get("/mmgis-maps/M20/Layers/json/M20_traverse.json")
        assert response.status_code == 200
        assert "x-ratelimit-limit" not in response.headers
