"""Whatever lies in the bucket or comes as an event is read or refused: seeded, so that a number names its case."""

import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from mm_contracts.bronze import TABLES
from mm_contracts.messages import MessageError, parse_load_complete, parse_object_events, parse_schedule
from mm_jobs.load.documents import GIVEN, NotOurs, read

from tests.unit.jobs.test_load_pure import DOCUMENT, KEY

CASES = int(os.environ.get("MARS_FUZZ") or 6_000)
"""Of each kind; more is a matter of patience."""
NOW = datetime(2026, 1, 3, tzinfo=UTC)
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 1e308, float("nan"), float("inf"), 10**30, 10**5000, "", " ", "1", "soon", "1e5",
    "2026-01-02T03:04:05Z", "\ud83c", "a\nb", "\x00", "x" * 10_000, [], [[]], [None], {}, {"": ""}, {"sol": "x"},
)  # fmt: skip

EVENT = {
    "EventName": "s3:ObjectCreated:Put",
    "Key": f"mars/{KEY}",
    "Records": [
        {
            "eventName": "s3:ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "mars"},
                "object": {"key": KEY, "eTag": "e", "userMetadata": {"X-Amz-Meta-Trace-Id": "0" * 32}},
            },
        }
    ],
}
SCHEDULE = {
    "ingestion_schedule": {"tasks": [{"rover_name": "Curiosity", "sol": 100}], "sol_range": [100, 101]},
    "status": "success",
    "timestamp": "2026-01-02T03:04:05Z",
    "schedule_id": "s",
    "dataset": "photos",
}
COMPLETE = {
    "status": "success",
    "timestamp": "2026-01-02T03:04:05Z",
    "load_id": "l",
    "objects": [{"key": KEY, "etag": "e", "table": "T", "rows": 1}],
}


def _mutated(value: Any, rng: random.Random) -> Any:
    """The value with one place of it changed: replaced, removed, or there twice."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(list(value))
        if (dice := rng.random()) < 0.1:
            return {other: item for other, item in value.items() if other != name}
        if dice < 0.15:
            return {**value, name + "\ud800": value[name]}
        return {**value, name: _mutated(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.85:
        place = rng.randrange(len(value))
        changed = _mutated(value[place], rng)
        return [*value, changed] if rng.random() < 0.1 else [*value[:place], changed, *value[place + 1 :]]
    return rng.choice(ODD)


def _bytes(document: Any, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        document = _mutated(document, rng)
    try:
        body = json.dumps(document, ensure_ascii=rng.random() < 0.9).encode("utf-8", "surrogatepass")
    except ValueError:  # a number of more digits than Python writes
        body = b'{"photo_count": ' + b"9" * 5000 + b"}"
    if rng.random() < 0.1:
        place = rng.randrange(len(body) + 1)
        body = body[:place] + rng.choice((b"", b"\xff", b"\x00", b",", b"\\ud800", b"{" * 5000)) + body[place + 1 :]
    return body


def _found_wrong(check: Callable[[bytes], None], document: Any) -> list[tuple[int, str]]:
    wrong = []
    for number in range(CASES):
        body = _bytes(document, random.Random(number))
        try:
            check(body)
        except (NotOurs, MessageError) as refused:
            wrong += _unspeakable(number, str(refused))
        except Exception as error:
            wrong.append((number, f"{type(error).__name__}: {error}"[:200]))
    return wrong


def _unspeakable(number: int, told: str) -> list[tuple[int, str]]:
    """A sentence that cannot be written into a table and to logs."""
    return [] if told.isprintable() and told == told.encode("utf-8", "replace").decode() else [(number, ascii(told))]


_HEAD = {name: value for name, value in DOCUMENT.items() if not name.startswith(("sol", "photo"))}
_BUDGET = {"limit": 900, "remaining": 7, "reset_at": "2026-01-02T04:00:00Z"}
_MORE = {"source_kind": "nasa-v1", "requests": 3, "budget": _BUDGET}
_ASIDE = {"set_aside": [{"what": "sol", "reason": "NoSol", "message": "m", "raw": {"sol": "x"}}]}
_STAMP = "20260102T030405Z"
OBJECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "photos": (KEY, DOCUMENT | _MORE),
    "manifests": (
        f"manifests/curiosity/mars_rover_manifests_batch_{_STAMP}.json",
        _HEAD | _MORE | _ASIDE | {"manifests": [{"name": "Curiosity", "photos": [{"sol": 1, "total_photos": 2}]}]},
    ),
    "coordinates": (
        f"coordinates/curiosity/mars_rover_coordinates_batch_{_STAMP}.json",
        _HEAD
        | _MORE
        | _ASIDE
        | {
            "coordinate_count": 1,
            "coordinates": [{"rover_name": "Curiosity", "properties": {"sol": 1, "length": 2.5}}],
            "places": [{"layer": "waypoints", "sol": 1, "lon": 137.4, "lat": -4.5}],
            "layers": [{"name": "traverse", "status": "complete", "features": 1}],
        },
    ),
}


@pytest.mark.parametrize("dataset", sorted(OBJECTS))
def test_any_object_is_read_or_refused_with_a_reason(dataset: str) -> None:
    key, whole = OBJECTS[dataset]
    table = TABLES[dataset]
    needed = {name.lower() for name, _ in table.scalars if name not in GIVEN} | {name.lower() for name in table.arrays}
    used = []

    def check(body: bytes) -> None:
        found = read(key, "e", body, NOW)
        assert (found.table, b"\n" in found.document) == (table, False)
        document = json.loads(found.document.decode(), parse_constant=pytest.fail)
        assert needed <= set(document) <= {name.lower() for name, _ in table.columns}
        assert all(isinstance(item, dict) for name in table.arrays for item in document[name.lower()])
        if dataset == "photos":
            received = sum(sol.get("received_photos", 0) for sol in document["sols"])
            assert document["photo_count"] == len(document["photos"]) == received
            assert all(type(sol["sol"]) is int for sol in document["sols"])
        used.append(key)

    assert _found_wrong(check, whole) == []
    assert len(used) > CASES // 20, "most mutations of what is optional leave an object that can be used"


@pytest.mark.parametrize(
    ("parse", "message"),
    [(parse_object_events, EVENT), (parse_schedule, SCHEDULE), (parse_load_complete, COMPLETE)],
    ids=["event", "schedule", "load-complete"],
)
def test_any_message_is_read_or_refused_with_a_reason(parse: Callable[[bytes], Any], message: dict[str, Any]) -> None:
    assert _found_wrong(lambda body: parse(body) and None, message) == []


def test_no_record_of_an_event_is_lost_for_its_neighbour() -> None:
    (record,) = EVENT["Records"]
    wrong = []
    for number in range(CASES):
        rng = random.Random(number)
        try:
            body = json.dumps({"Records": [record, _mutated(record, rng), record]}).encode()
        except ValueError:  # a number of more digits than Python writes
            continue
        events, rejected = parse_object_events(body)
        if [found.object.key for found in (events[0], events[-1])] != [KEY] * 2 or len(events) + len(rejected) != 3:
            wrong.append((number, str(events)))
        wrong += [one for why in rejected for one in _unspeakable(number, why)]
        if any(found.trace_id is not None and not found.trace_id.isalnum() for found in events):
            wrong.append((number, "trace"))
    assert wrong == []
