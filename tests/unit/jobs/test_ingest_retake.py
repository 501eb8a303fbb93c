"""What was set aside of a good answer is taken in later, by another reader and without another request."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mm_contracts.source_kinds import KINDS
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.ingest import clean, job
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.model import Unusable
from mm_jobs.ingest.retake import retaken
from mm_jobs.ingest.sources import nasa_v1
from mm_jobs.ingest.spec import Batch, SourceSettings
from mm_jobs.load import retaking, schema
from mm_jobs.load.documents import read
from mm_jobs.load.retaking import EVERY, OBJECTS, STATE, retake

from tests.unit.jobs.scripted_source import ScriptedSource, json_reply
from tests.unit.jobs.test_ingest_job import MemoryStore, photo

MANIFEST = {
    "name": "Curiosity",
    "max_sol": 2,
    "photos": [{"sol": sol, "total_photos": 3, "cameras": ["FHAZ", "MAST"]} for sol in (1, 2)],
}
PHOTOS = {sol: [photo(10 * sol, sol), photo(10 * sol + 1, sol, "MAST"), photo(10 * sol + 2, sol)] for sol in (1, 2)}
STRAY = photo(99, 7)


def refused(original: Any) -> Any:
    """A reader of an older version: it takes no photo of MAST."""

    def read_photo(item: Any, sol: int) -> Any:
        if item.get("camera", {}).get("name") == "MAST":
            raise Unusable("NoIdentity", f"a photo of sol {sol} is of a mast")
        return original(item, sol)

    return read_photo


@pytest.fixture
def store(source: ScriptedSource, log: Log) -> MemoryStore:
    """A bucket with one batch's object, of which an older reader set something aside."""
    store = MemoryStore()
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": MANIFEST}))
    for sol in (1, 2):
        source.on(f"/rovers/Curiosity/photos?sol={sol}", json_reply({"photos": [*PHOTOS[sol], STRAY]}))
    settings = SourceSettings("nasa", "nasa-v1", source.url, max_concurrency=1)
    batch = Batch("p", 0, 1, "photos", "Curiosity", "", "20260102T030405Z-1a2b3c4d", "a" * 32, "1-2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nasa_v1, "read_photo", refused(nasa_v1.read_photo))
        job.run(batch, settings, SourceClient(OpenGate(), log, timeout=5), store, log)
    source.seen.clear()
    return store


def test_what_a_reader_has_learned_to_read_is_taken_in_without_a_request(
    source: ScriptedSource, store: MemoryStore
) -> None:
    ((key, stored),) = store.objects.items()
    before = json.loads(stored.body)
    assert [(one["status"], one["received_photos"]) for one in before["sols"]] == [("mismatch", 2)] * 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nasa_v1, "read_photo", refused(nasa_v1.read_photo))
        assert retaken(stored.body) is None
    found = retaken(stored.body)
    assert found is not None
    after = json.loads(found.body)
    assert (found.photos, after["photo_count"], source.seen) == (2, 6, [])
    assert sorted(one["id"] for one in after["photos"]) == [10, 11, 12, 20, 21, 22]
    assert [one["sol"] for one in after["photos"]] == [1, 1, 1, 2, 2, 2]
    for was, now in zip(before["sols"], after["sols"], strict=True):
        assert (now["status"], now["reason"], now["received_cameras"]) == ("complete", None, ["FHAZ", "MAST"])
        assert [(one["reason"], one["raw"]) for one in now["set_aside"]] == [("OtherSol", STRAY)]
        same = ("sol", "attempt", "earlier", "requested_at", "promised_photos", "promised_cameras")
        assert {name: now[name] for name in same} == {name: was[name] for name in same}
    others = before.keys() - {"photos", "photo_count", "sols"}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}
    assert read(key, "e", found.body).table.name == "RAW_PHOTO_RESPONSE"
    assert retaken(found.body) is None


def test_what_still_lacks_something_says_so_and_nothing_is_there_twice(store: MemoryStore) -> None:
    ((_, stored),) = store.objects.items()
    document = json.loads(stored.body)
    document["sols"][0]["promised_photos"] = 5
    document["sols"][0]["set_aside"].append(document["sols"][0]["set_aside"][0])
    found = retaken(clean.dumps(document))
    assert found is not None
    sol = json.loads(found.body)["sols"][0]
    assert (sol["status"], sol["reason"], sol["received_photos"]) == ("mismatch", "PhotoCountMismatch", 3)
    assert "5 photos, 3 came; 1 set aside" in sol["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 9000, b'{"sols":[7],"photos":[7]}', b'{"sols":{},"photos":[]}'])
def test_what_is_no_batch_is_left_alone(body: bytes) -> None:
    assert retaken(body) is None


@pytest.mark.parametrize("kind", sorted(name for name, kind in KINDS.items() if "photos" in kind.datasets))
def test_every_kind_can_be_read_again(kind: str, store: MemoryStore) -> None:
    ((_, stored),) = store.objects.items()
    assert (retaken(clean.dumps(json.loads(stored.body) | {"source_kind": kind})) is None) == (
        kind not in ("nasa-v1", "marsvista-v1")
    )  # none of the others takes a photo of v1, and none fails over it


class Rows:
    """A warehouse that knows the objects of which something was set aside."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.asked = sorted(keys), list[tuple[Any, ...]]()

    def run(self, statement: str, values: tuple[Any, ...]) -> list[tuple[str]]:
        assert "RAW_PHOTO_RESPONSE" in statement
        self.asked.append(values)
        return [(key,) for key in self.keys if key > values[0]][:OBJECTS]


class Bucket(MemoryStore):
    def replace(self, key: str, body: bytes, former: Stored) -> bool:
        if self.objects.get(key) != former:
            return False
        self.put(key, body, former.metadata)
        return True


def test_a_sweep_goes_through_them_once_a_day_a_few_at_a_time(
    store: MemoryStore, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "ensure", lambda _: [])
    ((key, stored),) = store.objects.items()
    bucket, now = Bucket({f"{key}{number:02}": stored for number in range(OBJECTS + 1)}), datetime.now(UTC)
    rows = Rows(*bucket.objects, f"{key}-gone")
    assert retake(rows, bucket, log, now) == 2 * (OBJECTS - 1)  # type: ignore[arg-type]
    assert retake(rows, bucket, log, now) == 4  # type: ignore[arg-type]
    assert retake(rows, bucket, log, now) == 0  # type: ignore[arg-type]
    assert len(rows.asked) == 2
    assert bucket.objects[f"{key}00"].metadata == stored.metadata
    bucket.put(f"{key}00", stored.body, {})
    assert retake(rows, bucket, log, now + EVERY - timedelta(minutes=1)) == 0  # type: ignore[arg-type]
    assert retake(rows, bucket, log, now + EVERY) == 2  # type: ignore[arg-type]
    bucket.put(STATE, b"[" * 9000, {})
    assert retake(rows, bucket, log, now) == 0  # type: ignore[arg-type]


def test_an_object_that_its_batch_writes_meanwhile_stays_as_that_has_it(
    store: MemoryStore, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "ensure", lambda _: [])
    ((key, stored),) = store.objects.items()
    bucket = Bucket({key: stored})

    def written_meanwhile(body: bytes) -> Any:
        bucket.put(key, b"newer", {})
        return retaken(body)

    monkeypatch.setattr(retaking, "retaken", written_meanwhile)
    assert retake(Rows(key), bucket, log, datetime.now(UTC)) == 0  # type: ignore[arg-type]
    assert bucket.objects[key].body == b"newer"


def test_a_store_that_fails_costs_the_round_and_not_the_sweep(store: MemoryStore, log: Log) -> None:
    bucket = Bucket(store.objects, fails=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "ensure", lambda _: [])
        assert retake(Rows(*bucket.objects), bucket, log, datetime.now(UTC)) == 0  # type: ignore[arg-type]
