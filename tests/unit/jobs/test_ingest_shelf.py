"""Answers that several Jobs share: who asks, who waits, and what is asked again."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.retrying import RetryRules
from mm_jobs.ingest.shelf import SharedAnswers, plan_made_at
from mm_jobs.ingest.sources import mmgis

from tests.unit.jobs.scripted_source import Reply, ScriptedSource, json_reply

ANSWER = {"photo_manifest": {"name": "Curiosity"}}


class Shelf:
    """A bucket in memory that several threads use."""

    def __init__(self, broken: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self.broken = broken
        self._lock = threading.Lock()

    def _check(self) -> None:
        if self.broken:
            raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, "the object store did not answer")

    def get(self, key: str) -> Stored | None:
        self._check()
        return Stored(self.objects[key], "x", {}) if key in self.objects else None

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> str:  # noqa: ARG002
        self._check()
        self.objects[key] = body
        return "x"

    def put_new(self, key: str, body: bytes) -> bool:
        self._check()
        with self._lock:
            return key not in self.objects and bool(self.put(key, body, {}))

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)


def job(shelf: Shelf, log: Log, *, made: datetime | None = None, **options: Any) -> SourceClient:
    """A Job of plan p, which was made a moment ago."""
    made = made or datetime.now(UTC) - timedelta(seconds=5)
    memory = SharedAnswers(shelf, "nasa", "p", made, log, **options)
    return SourceClient(OpenGate(), log, timeout=5, memory=memory, rules=RetryRules(waits=()))


def ask(client: SourceClient, source: ScriptedSource) -> dict[str, Any]:
    return client.get(f"{source.url}/manifest", "photo_manifest", remember=True)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_jobs_that_start_together_ask_once(source: ScriptedSource, shelf: Shelf, log: Log) -> None:
    source.on("/manifest", json_reply(ANSWER))
    jobs = [job(shelf, log) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: ask(one, source), jobs)) == [ANSWER] * 4
    assert len(source.seen) == 1
    assert not [key for key in shelf.objects if key.endswith(".asking")]


def test_an_answer_from_before_the_plan_or_an_hour_ago_is_asked_for_again(
    source: ScriptedSource, shelf: Shelf, log: Log
) -> None:
    source.on("/manifest", json_reply(ANSWER))
    ask(job(shelf, log), source)
    ask(job(shelf, log, made=datetime.now(UTC) + timedelta(seconds=1)), source)
    assert len(source.seen) == 2
    (key,) = shelf.objects
    old = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    shelf.objects[key] = shelf.objects[key].replace(b'"came_at":"', b'"came_at":"' + old.encode() + b'","was":"')
    ask(job(shelf, log, made=datetime.now(UTC) - timedelta(days=1)), source)
    assert len(source.seen) == 3


def test_what_did_not_change_is_not_sent_again(source: ScriptedSource, shelf: Shelf, log: Log) -> None:
    source.on(
        "/manifest",
        json_reply(ANSWER, ETag='"v1"', **{"Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}),
        Reply(304, b""),
    )
    ask(job(shelf, log, always_ask=True), source)
    client = job(shelf, log, always_ask=True)
    assert ask(client, source) == ANSWER
    headers = source.seen[1][2]
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"v1"', "Fri, 02 Jan 2026 03:04:05 GMT")
    assert client.bytes == 0


def test_the_one_who_asks_is_gone(source: ScriptedSource, shelf: Shelf, log: Log) -> None:
    source.on("/manifest", json_reply(ANSWER))
    client = job(shelf, log, longest_turn=0.0)
    name = hashlib.sha256(f"{source.url}/manifest".encode()).hexdigest()[:16]
    shelf.objects[f"work/answers/nasa/{name}.p.asking"] = b"{}"  # as a Job that was killed while it asked leaves it
    assert ask(client, source) == ANSWER
    assert not [key for key in shelf.objects if key.endswith(".asking")]


def test_a_failure_is_each_jobs_own(source: ScriptedSource, shelf: Shelf, log: Log) -> None:
    source.on("/manifest", Reply(500), json_reply(ANSWER))
    with pytest.raises(SourceFailure):
        ask(job(shelf, log), source)
    assert ask(job(shelf, log), source) == ANSWER


@pytest.mark.parametrize("held", [b"", b"[]", b"{}", b'{"content":1,"etag":"","last_modified":"","came_at":"x"}'])
def test_a_shelf_that_holds_something_else_or_does_not_serve_costs_a_request(
    source: ScriptedSource, shelf: Shelf, log: Log, held: bytes
) -> None:
    source.on("/manifest", json_reply(ANSWER))
    ask(job(shelf, log), source)
    (key,) = shelf.objects
    shelf.objects[key] = held
    assert ask(job(shelf, log), source) == ANSWER
    assert ask(job(Shelf(broken=True), log), source) == ANSWER
    assert len(source.seen) == 3


def test_a_plans_stamp_says_when_it_was_made() -> None:
    assert plan_made_at("20260102T030405Z-1a2b3c4d") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert plan_made_at("s").year == 1970


def test_a_layer_that_had_features_and_has_none_is_a_failure_until_it_has_some(
    source: ScriptedSource, shelf: Shelf, log: Log
) -> None:
    point = {"properties": {"sol": 3}, "geometry": {"type": "Point", "coordinates": [137.4, -4.5]}}
    empty, full = json_reply({"features": []}), json_reply({"features": [point]})
    source.on("/layer.json", empty, full, empty, empty, full)

    def places() -> int:
        client = job(shelf, log, always_ask=True)
        return len(mmgis.ask(client, f"{source.url}/layer.json", "waypoints", "Curiosity").places)

    assert (places(), places()) == (0, 1)  # a rover that has not driven yet has an empty layer
    for _ in range(2):
        with pytest.raises(SourceFailure, match="it had 1 features before"):
            places()
    assert places() == 1
