"""Loads whose documents the warehouse reads itself, on the real embedded server.

It has no external stage: an internal one that holds the bucket's objects under their keys plays one, and its files'
MD5 the ETags. So the statements are those that an account gets, and what they do to the tables is real.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mm_contracts.batch import LoadSpec, ObjectRef
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.load.job import Load
from mm_jobs.load.staging.external import ExternalStaging

from tests.warehouse.loads import (
    TRACE,
    MemoryBucket,
    Topic,
    bronze,
    empty_bronze,
    key_of,
    manifest_document,
    manifest_key,
    photos_document,
)
from tests.warehouse.server import Warehouse

STAGE = "MARS.BRONZE.ARCHIVE"


@dataclass
class MirroredBucket(MemoryBucket):
    """A bucket that the warehouse can read: each object is a file of the stage too, under its key."""

    before_head: Callable[[], None] = lambda: None

    def put(self, key: str, document: Any) -> ObjectRef:
        stored = super().put(key, document)
        self.mirror(key, self.objects[key].body)
        return stored

    def mirror(self, key: str, body: bytes) -> None:
        """Let the stage hold this content under a key, whatever the bucket holds."""
        folder, _, name = key.rpartition("/")
        with tempfile.TemporaryDirectory() as place, Client(query_tag="test") as warehouse:
            (Path(place) / name).write_bytes(body)
            warehouse.run(f"put file://{place}/{name} @{STAGE}/{folder} auto_compress = false overwrite = true")

    def etag(self, key: str) -> str | None:
        self.before_head()
        return stored.etag if (stored := self.objects.get(key)) else None


@dataclass
class OvertakenBucket(MirroredBucket):
    """Something happens to an object just after it was read, once."""

    after_read: dict[str, Callable[[], object]] = field(default_factory=dict)

    def get(self, key: str) -> Stored | None:
        stored = super().get(key)
        if happens := self.after_read.pop(key, None):
            happens()
        return stored


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    running = Warehouse(tmp_path_factory.mktemp("external-warehouse")).start()
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def _bronze(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    empty_bronze()
    with Client(query_tag="test") as warehouse:
        warehouse.run(f"create or replace stage {STAGE}")


@pytest.fixture
def bucket() -> OvertakenBucket:
    return OvertakenBucket()


@pytest.fixture
def topic() -> Topic:
    return Topic()


def _load(bucket: MirroredBucket, topic: Topic, load_id: str = "load-1") -> dict[str, Any]:
    """Sweep the bucket and return the counts."""
    spec = LoadSpec(load_id=load_id, sweep=True, trace_id=TRACE)
    log = Log("load", stream=io.StringIO())
    with Client(query_tag="test") as warehouse:
        staging = ExternalStaging(STAGE, bucket)
        counts: dict[str, Any] = Load(spec, warehouse, bucket, staging, topic, log).run()["details"]
        return counts


def _files() -> int:
    with Client(query_tag="test") as warehouse:
        return len(warehouse.run(f"list @{STAGE}"))


def test_rows_and_ledger_are_those_of_staged_loads(bucket: OvertakenBucket, topic: Topic) -> None:
    document = photos_document("Curiosity", 1, 2, note="it's \\ a\nnote")
    one = bucket.put(key_of("Curiosity", 1, 2), json.dumps(document, indent=2).encode())
    two = bucket.put(manifest_key("Spirit"), manifest_document("Spirit"))
    assert _load(bucket, topic)["loaded"] == 2
    inside = "OBJECT_KEY, ETAG, LOAD_ID, SOL_END, PHOTO_COUNT, PHOTOS[0]:camera.name::varchar, LOADED_AT = (select "
    inside += "max(LOADED_AT) from BRONZE.LOAD_LEDGER), to_varchar(INGESTION_DATE, 'YYYY-MM-DD HH24:MI:SS')"
    assert bronze("RAW_PHOTO_RESPONSE", inside) == [
        (one.key, one.etag, "load-1", 2, 6, "FHAZ", True, "2026-01-02 03:04:05")
    ]
    assert bronze("RAW_MANIFEST_RESPONSE", "ETAG, MANIFESTS[0]:max_sol::integer") == [(two.etag, 1)]
    assert bronze("LOAD_LEDGER", "OBJECT_KEY, ETAG, ROW_COUNT, PUBLISHED_AT is not null") == [
        (two.key, two.etag, 1, True),
        (one.key, one.etag, 1, True),
    ]
    assert topic.keys() == sorted([one.key, two.key])
    assert _files() == 2
    assert _load(bucket, topic, "load-2")["loaded"] == 0


def test_what_the_ledger_forgot_is_loaded_again_though_the_account_remembers(
    bucket: OvertakenBucket, topic: Topic
) -> None:
    bucket.put(key_of("Curiosity", 1, 1), photos_document("Curiosity", 1, 1))
    _load(bucket, topic)
    with Client(query_tag="test") as warehouse:
        warehouse.run("delete from BRONZE.LOAD_LEDGER")
    assert _load(bucket, topic, "load-2")["loaded"] == 1
    assert bronze("RAW_PHOTO_RESPONSE", "LOAD_ID") == [("load-2",)]


@pytest.mark.parametrize("newer", [photos_document("Curiosity", 1, 1, note="newer"), b"<html>", None])
def test_an_object_that_changes_after_its_check_is_left_as_it_was_loaded_before(
    bucket: OvertakenBucket, topic: Topic, newer: Any
) -> None:
    old = bucket.put(key_of("Curiosity", 1, 1), photos_document("Curiosity", 1, 1))
    _load(bucket, topic)
    bucket.put(old.key, photos_document("Curiosity", 1, 1, note="checked"))
    other = bucket.put(key_of("Curiosity", 2, 2), photos_document("Curiosity", 2, 2))
    bucket.after_read[old.key] = lambda: bucket.put(old.key, newer) if newer else bucket.objects.pop(old.key)
    details = _load(bucket, topic, "load-2")
    assert (details["loaded"], details["changed"], details["set_aside"]) == (1, 1, 0)
    kept = [(old.key, old.etag), (other.key, other.etag)]
    assert bronze("RAW_PHOTO_RESPONSE", "OBJECT_KEY, ETAG") == kept
    assert bronze("LOAD_LEDGER", "OBJECT_KEY, ETAG") == kept
    assert bronze("SET_ASIDE") == []
    if isinstance(newer, dict):
        assert _load(bucket, topic, "load-3")["loaded"] == 1
        assert bronze("LOAD_LEDGER", "ETAG")[-1:] == [(bucket.objects[old.key].etag,)]


def test_an_object_that_changes_while_it_is_copied_is_not_entered(bucket: OvertakenBucket, topic: Topic) -> None:
    one = bucket.put(key_of("Curiosity", 1, 1), photos_document("Curiosity", 1, 1))

    def overwrite() -> None:
        bucket.before_head = lambda: None
        bucket.put(one.key, photos_document("Curiosity", 1, 1, note="newer"))

    bucket.before_head = overwrite
    assert _load(bucket, topic)["changed"] == 1
    assert bronze("RAW_PHOTO_RESPONSE") == bronze("LOAD_LEDGER") == []
    assert _load(bucket, topic, "load-2")["loaded"] == 1


def test_a_stage_that_holds_other_content_than_the_bucket_fails_and_loads_nothing(
    bucket: OvertakenBucket, topic: Topic
) -> None:
    one = bucket.put(key_of("Curiosity", 1, 1), photos_document("Curiosity", 1, 1))
    bucket.mirror(one.key, json.dumps(photos_document("Curiosity", 1, 1, note="of another bucket")).encode())
    with pytest.raises(JobError, match=r"has ETag .* in the bucket and .* check that the URL of stage"):
        _load(bucket, topic)
    assert bronze("RAW_PHOTO_RESPONSE") == bronze("LOAD_LEDGER") == []


def test_values_that_do_not_fit_reject_their_object_alone(bucket: OvertakenBucket, topic: Topic) -> None:
    misfit = bucket.put(key_of("Curiosity", 3, 3), photos_document("Curiosity", 3, 3) | {"sol_end": 10**400})
    bucket.put(key_of("Curiosity", 4, 4), photos_document("Curiosity", 4, 4))
    details = _load(bucket, topic)
    assert (details["loaded"], details["set_aside"], details["changed"]) == (1, 1, 0)
    assert bronze("SET_ASIDE", "OBJECT_KEY, ETAG") == [(misfit.key, misfit.etag)]
