"""One object that cannot be used keeps no other one back, is told once, and is tried again by itself."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common import warehouse as client
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.load.retaking import retake

from tests.warehouse.loads import MemoryBucket, Topic, bronze, empty_bronze, key_of, load, photos_document
from tests.warehouse.server import Warehouse


@pytest.fixture(autouse=True)
def _bronze(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    empty_bronze()


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(lines: io.StringIO) -> Log:
    return Log("load", stream=lines)


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def topic() -> Topic:
    return Topic()


def _put(bucket: MemoryBucket, *sols: int) -> list[Any]:
    return [bucket.put(key_of("Curiosity", sol, sol), photos_document("Curiosity", sol, sol)) for sol in sols]


def _let_time_pass() -> None:
    with client.Warehouse(query_tag="test") as warehouse:
        warehouse.run("update BRONZE.SET_ASIDE set NEXT_ATTEMPT_AT = '2020-01-01'")


ASIDE = "OBJECT_KEY, ETAG, GRAIN, REASON, ATTEMPTS, NEXT_ATTEMPT_AT > LAST_SEEN_AT"


def _odd(number: int, **change: Any) -> dict[str, Any]:
    document = photos_document("Curiosity", number, number)
    document["sols"][0] |= change
    return document


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"received_photos": "3"}, "sols[0].received_photos is '3': a whole number was expected"),
        ({"sol": "9004a"}, "sols[0].sol is '9004a': a whole number up to 99999 was expected"),
    ],
)
def test_an_object_whose_numbers_are_texts_is_set_aside_and_its_neighbours_load(
    bucket: MemoryBucket, topic: Topic, log: Log, lines: io.StringIO, change: dict[str, Any], says: str
) -> None:
    odd = bucket.put(key_of("Curiosity", 9, 9), _odd(9, **change))
    good = _put(bucket, 1, 10)
    details = load(bucket, topic, log)["details"]
    assert (details["loaded"], details["set_aside"]) == (2, 1)
    assert topic.keys() == sorted(item.key for item in good)
    assert bronze("SET_ASIDE", f"{ASIDE}, MESSAGE") == [(odd.key, odd.etag, "object", "BadDocument", 1, True, says)]
    bucket.reads.clear()
    details = load(bucket, topic, log)["details"]
    assert (details["set_aside"], details["still_set_aside"], bucket.reads) == (0, 1, [])
    # Tried again when its time has come, without a word, for it is known.
    _let_time_pass()
    assert load(bucket, topic, log)["details"]["still_set_aside"] == 1
    assert bronze("SET_ASIDE", "ATTEMPTS") == [(2,)]
    assert lines.getvalue().count("object.set_aside") == 1
    # Its next content gets its chance at once.
    bucket.put(odd.key, photos_document("Curiosity", 9, 9))
    assert load(bucket, topic, log)["details"]["loaded"] == 1
    assert bronze("SET_ASIDE") == []


@pytest.mark.parametrize("sweep", [True, False])
def test_an_object_that_cannot_be_read_is_tried_again_by_itself(
    bucket: MemoryBucket, topic: Topic, log: Log, lines: io.StringIO, sweep: bool
) -> None:
    bad, *good = _put(bucket, 1, 2, 3)
    bucket.refused = {bad.key}
    details = load(bucket, topic, log, *([] if sweep else [bad, *good]))["details"]
    assert (details["loaded"], details["set_aside"]) == (2, 1)
    assert bronze("SET_ASIDE", ASIDE) == [(bad.key, bad.etag, "object", "StorageError", 1, True)]
    assert load(bucket, topic, log)["details"]["still_set_aside"] == 1
    assert lines.getvalue().count("object.set_aside") == 1
    bucket.refused = set()
    _let_time_pass()
    assert load(bucket, topic, log)["details"]["loaded"] == 1
    assert bronze("SET_ASIDE") == []
    assert topic.keys() == sorted(bucket.objects)


def test_an_object_alone_is_set_aside_only_if_the_store_answers(
    bucket: MemoryBucket, topic: Topic, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad,) = _put(bucket, 1)
    bucket.refused = {bad.key}

    def dead(_key: str) -> str:
        raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, "nobody listens")

    with monkeypatch.context() as patched:
        patched.setattr(bucket, "etag", dead)
        with pytest.raises(JobError, match="nobody listens"):
            load(bucket, topic, log, bad)
    assert bronze("SET_ASIDE") == []
    assert load(bucket, topic, log, bad)["details"]["set_aside"] == 1


def test_a_store_that_gives_nothing_at_all_is_at_fault_itself(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    objects = _put(bucket, *range(30))
    bucket.refused = set(bucket.objects)
    with pytest.raises(JobError, match="SlowDown"):
        load(bucket, topic, log)
    assert len(bucket.reads) < len(objects), "the rest is spared"
    # Each run gets further: bad objects in front of good ones do not stop them for ever.
    bucket.refused.discard(objects[-1].key)
    assert load(bucket, topic, log)["details"]["loaded"] == 1


def test_an_object_that_is_listed_and_not_there_is_told_once(
    bucket: MemoryBucket, topic: Topic, log: Log, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, *_ = _put(bucket, 1, 2)
    get = bucket.get
    monkeypatch.setattr(bucket, "get", lambda key: None if key == gone.key else get(key))
    assert load(bucket, topic, log)["details"]["loaded"] == 1
    assert load(bucket, topic, log)["details"]["gone"] == 0
    assert bronze("SET_ASIDE", ASIDE) == [(gone.key, gone.etag, "object", "StorageError", 1, True)]
    assert lines.getvalue().count("object.set_aside") == 1
    # What the bucket does not list any more is nobody's problem.
    del bucket.objects[gone.key]
    load(bucket, topic, log)
    assert bronze("SET_ASIDE") == []


def test_an_object_that_the_warehouse_cannot_take_is_found_among_its_neighbours_whatever_it_says(
    bucket: MemoryBucket, topic: Topic, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = _put(bucket, *range(9))
    bad = objects[3]
    run = client.Warehouse.run

    def allergic(self: client.Warehouse, sql: str, binds: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        if sql.startswith("insert into BRONZE.LOAD_LEDGER") and bad.key in binds:
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "internal error 42")
        return run(self, sql, binds)

    with monkeypatch.context() as patched:
        patched.setattr(client.Warehouse, "run", allergic)
        details = load(bucket, topic, log)["details"]
    assert (details["loaded"], details["set_aside"]) == (8, 1)
    assert bronze("SET_ASIDE", f"{ASIDE}, MESSAGE") == [
        (bad.key, bad.etag, "object", "WarehouseError", 1, True, "internal error 42")
    ]
    assert bronze("RAW_PHOTO_RESPONSE", "count(*)") == [(8,)]
    _let_time_pass()
    assert load(bucket, topic, log)["details"]["loaded"] == 1


def test_a_warehouse_that_takes_nothing_is_asked_a_few_times_and_is_at_fault_itself(
    bucket: MemoryBucket, topic: Topic, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(bucket, *range(60))
    run = client.Warehouse.run
    copies = []

    def broken(self: client.Warehouse, sql: str, binds: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        if sql.startswith("copy"):
            copies.append(sql)
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "no such table")
        return run(self, sql, binds)

    with monkeypatch.context() as patched:
        patched.setattr(client.Warehouse, "run", broken)
        with pytest.raises(JobError, match="no such table"):
            load(bucket, topic, log)
    assert len(copies) < 20
    assert bronze("SET_ASIDE") == []


def test_fields_that_not_every_reader_takes_are_mended_and_told(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    document = photos_document("Curiosity", 1, 1)
    body = json.dumps(document).replace('"sol": 1,', '"title": "dust devil \\ud83c", "width": NaN, "sol": 1,', 1)
    body = body.replace('"plan"', '"photo_count": 77, "plan"')
    bucket.objects[key_of("Curiosity", 1, 1)] = Stored(body.encode(), "e", {})
    _put(bucket, 2)
    assert load(bucket, topic, log)["details"]["loaded"] == 2
    kept = "PHOTO_COUNT, PHOTOS[0]:title::varchar, PHOTOS[0]:width::varchar, PHOTOS[0]:sol::varchar"
    assert bronze("RAW_PHOTO_RESPONSE", kept) == [(3, "dust devil \ufffd", None, "1"), (3, None, None, "2")]
    ((grain, reason, message),) = bronze("SET_ASIDE", "GRAIN, REASON, MESSAGE")
    assert (grain, reason) == ("field", "NotClean")
    assert "photos.0.title has half a character" in message
    assert "photos.0.width is NaN" in message
    assert load(bucket, topic, log)["details"]["loaded"] == 0


class Writable(MemoryBucket):
    """A bucket that Jobs write into."""

    def put(self, key: str, document: Any, metadata: dict[str, str] | None = None) -> Any:  # noqa: ARG002
        return super().put(key, document)

    def replace(self, key: str, body: bytes, former: Stored) -> bool:
        assert self.objects[key] == former
        self.put(key, body)
        return True


def test_a_photo_that_was_set_aside_is_in_bronze_once_it_can_be_read(topic: Topic, log: Log) -> None:
    bucket, document = Writable(), photos_document("Curiosity", 1, 2)
    lost = document["photos"].pop(1)
    said = {"what": "photo", "reason": "NoIdentity", "message": "what is it?", "raw": lost}
    attempt = {"attempt": 1, "reason": "PhotoCountMismatch", "message": "", "promised_cameras": ["FHAZ"]}
    attempt |= {"received_cameras": ["FHAZ"], "requested_at": "2026-01-02T03:04:05Z", "earlier": []}
    document["sols"][0] |= attempt | {"status": "mismatch", "received_photos": 2, "set_aside": [said]}
    document |= {"photo_count": 5, "source_kind": "nasa-v1"}
    objects = [bucket.put(key_of("Curiosity", 1, 2), document), *_put(bucket, 3)]
    load(bucket, topic, log, *objects)
    with client.Warehouse(query_tag="test") as warehouse:
        assert retake(warehouse, bucket, log, datetime.now(UTC)) == 0  # its batch may still be writing it
        assert retake(warehouse, bucket, log, datetime.now(UTC) + timedelta(days=2)) == 1
    assert load(bucket, topic, log)["details"]["loaded"] == 1
    rows = bronze("RAW_PHOTO_RESPONSE", "PHOTO_COUNT, array_size(PHOTOS), SOLS[0]:status::varchar")
    assert rows == [(3, 3, "complete"), (6, 6, "complete")]
