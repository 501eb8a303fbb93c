"""The load Job on the real embedded server: each content once, whole, whatever is killed when."""

from __future__ import annotations

import functools
import io
import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mm_contracts.bronze import create_statements
from mm_contracts.messages import LoadedObject
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common import warehouse as client
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.load.groups import grouped
from mm_jobs.load.ledger import Ledger

from tests.warehouse.loads import (
    MemoryBucket,
    Topic,
    bronze,
    empty_bronze,
    key_of,
    load,
    manifest_document,
    manifest_key,
    photos_document,
)
from tests.warehouse.server import Warehouse


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    # A killed load leaves a transaction behind; the server ends it when its session was silent for so long.
    running = Warehouse(tmp_path_factory.mktemp("load-warehouse"), idle_transaction="0.5").start()
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def _bronze(server: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    empty_bronze()


@pytest.fixture
def log() -> Log:
    return Log("load", stream=io.StringIO())


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def topic() -> Topic:
    return Topic()


def test_a_raw_table_that_was_lost_is_whole_again_after_a_sweep(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    names = [key_of("Curiosity", sol, sol) for sol in range(3)]
    one, two, gone = [bucket.put(name, photos_document("Curiosity", 1, 1, note=name)) for name in names]
    load(bucket, topic, log, one, two, gone, bucket.put(manifest_key("Spirit"), manifest_document("Spirit")))
    before = bronze("RAW_PHOTO_RESPONSE", "OBJECT_KEY, ETAG, PHOTO_COUNT, PHOTOS::varchar")
    del bucket.objects[gone.key]
    with client.Warehouse(query_tag="test") as warehouse:
        ledger = Ledger(warehouse)
        warehouse.run("drop table BRONZE.RAW_PHOTO_RESPONSE")
        for statement in create_statements(["RAW_PHOTO_RESPONSE"])[:-1]:
            warehouse.run(statement)  # and there a Job is killed

        # A load of something else makes the table, and does not pass for the sweep.
        new = bucket.put(key_of("Spirit", 7, 7), photos_document("Spirit", 7, 7))
        load(bucket, topic, log, new)
        assert bronze("RAW_PHOTO_RESPONSE", "OBJECT_KEY") == [(new.key,)]
        assert ledger.lost() == 3

        assert load(bucket, topic, log)["details"]["loaded"] == 2
        rows = bronze("RAW_PHOTO_RESPONSE", "OBJECT_KEY, ETAG, PHOTO_COUNT, PHOTOS::varchar")
        assert [row for row in rows if row[0] != new.key] == [row for row in before if row[0] != gone.key]
        assert ledger.lost() == 0
        assert gone.key not in ledger.entries()
    assert load(bucket, topic, log)["details"]["loaded"] == 0


def test_objects_become_rows_a_ledger_and_one_event(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    one = bucket.put(key_of("Curiosity", 1, 2), photos_document("Curiosity", 1, 2))
    two = bucket.put(key_of("Spirit", 5, 5), photos_document("Spirit", 5, 5))
    three = bucket.put(manifest_key("Spirit"), manifest_document("Spirit"))
    counts = load(bucket, topic, log, one, two, three)
    assert counts["details"]["loaded"] == 3
    rows = bronze("RAW_PHOTO_RESPONSE", "OBJECT_KEY, ROVER_NAME, SOL_START, SOL_END, PHOTO_COUNT, ETAG")
    assert rows == [(one.key, "Curiosity", 1, 2, 6, one.etag), (two.key, "Spirit", 5, 5, 3, two.etag)]
    inside = "SOL_START, PHOTOS[0]:camera.name::varchar, array_size(PHOTOS), SOLS[1]:sol::integer, INGESTION_DATE"
    written = datetime(2026, 1, 2, 3, 4, 5)
    assert bronze("RAW_PHOTO_RESPONSE", inside) == [(1, "FHAZ", 6, 2, written), (5, "FHAZ", 3, None, written)]
    assert bronze("RAW_MANIFEST_RESPONSE", "MANIFESTS[0]:photos[0]:total_photos::integer") == [(3,)]
    ledger = bronze("LOAD_LEDGER", "OBJECT_KEY, ETAG, TABLE_NAME, ROW_COUNT, LOAD_ID, PUBLISHED_AT is not null")
    assert {row[0]: row[1:] for row in ledger} == {
        one.key: (one.etag, "RAW_PHOTO_RESPONSE", 1, "load-1", True),
        two.key: (two.etag, "RAW_PHOTO_RESPONSE", 1, "load-1", True),
        three.key: (three.etag, "RAW_MANIFEST_RESPONSE", 1, "load-1", True),
    }
    assert topic.keys() == sorted([one.key, two.key, three.key])


def test_the_same_content_changes_nothing_and_says_nothing(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    one = bucket.put(key_of("Curiosity", 1, 2), photos_document("Curiosity", 1, 2))
    load(bucket, topic, log, one)
    before = bronze("RAW_PHOTO_RESPONSE"), bronze("LOAD_LEDGER")
    assert load(bucket, topic, log, one, one, load_id="load-2")["details"]["skipped"] == 2
    assert load(bucket, topic, log, load_id="sweep")["details"]["loaded"] == 0
    assert (bronze("RAW_PHOTO_RESPONSE"), bronze("LOAD_LEDGER")) == before
    assert len(topic.announced) == 1


def test_new_content_replaces_its_keys_row_and_no_other(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    one = bucket.put(key_of("Curiosity", 1, 2), photos_document("Curiosity", 1, 2))
    two = bucket.put(key_of("Curiosity", 3, 4), photos_document("Curiosity", 3, 4))
    load(bucket, topic, log, one, two)
    newer = bucket.put(one.key, photos_document("Curiosity", 1, 2, photos_per_sol=5))
    load(bucket, topic, log, newer, load_id="load-2")
    rows = bronze("RAW_PHOTO_RESPONSE", "OBJECT_KEY, ETAG, PHOTO_COUNT, LOAD_ID")
    assert rows == [(one.key, newer.etag, 10, "load-2"), (two.key, two.etag, 6, "load-1")]
    assert bronze("LOAD_LEDGER", "OBJECT_KEY, ETAG") == [
        (one.key, newer.etag),
        (two.key, two.etag),
    ]


def test_an_event_of_content_that_was_overwritten_loads_the_present_one(
    bucket: MemoryBucket, topic: Topic, log: Log
) -> None:
    old = bucket.put(key_of("Curiosity", 1, 2), photos_document("Curiosity", 1, 2))
    new = bucket.put(old.key, photos_document("Curiosity", 1, 2, note="new"))
    load(bucket, topic, log, old)
    assert bronze("LOAD_LEDGER", "ETAG") == [(new.etag,)]
    # The overwriting one's own event, and the first one once more.
    assert load(bucket, topic, log, new, load_id="load-2")["details"]["loaded"] == 0
    assert load(bucket, topic, log, old, load_id="load-3")["details"]["loaded"] == 0


def test_an_object_that_is_gone_stops_nobody(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    gone = bucket.put(key_of("Curiosity", 1, 2), photos_document("Curiosity", 1, 2))
    there = bucket.put(key_of("Curiosity", 3, 4), photos_document("Curiosity", 3, 4))
    del bucket.objects[gone.key]
    details = load(bucket, topic, log, gone, there)["details"]
    assert (details["gone"], details["loaded"]) == (1, 1)


def test_what_can_never_be_loaded_is_recorded_once_and_blocks_nobody(
    bucket: MemoryBucket, topic: Topic, log: Log
) -> None:
    text = bucket.put(key_of("Curiosity", 1, 1), b"<html>")
    other = bucket.put(key_of("Curiosity", 2, 2), {"some": "json"})
    misfit = bucket.put(key_of("Curiosity", 3, 3), photos_document("Curiosity", 3, 3) | {"sol_end": 10**400})
    good = bucket.put(key_of("Curiosity", 4, 4), photos_document("Curiosity", 4, 4))
    details = load(bucket, topic, log, text, other, misfit, good)["details"]
    assert (details["set_aside"], details["loaded"]) == (3, 1)
    rejected = bronze("SET_ASIDE", "OBJECT_KEY, ETAG, REASON")
    assert rejected == [
        (text.key, text.etag, "NotJson"),
        (other.key, other.etag, "BadDocument"),
        (misfit.key, misfit.etag, "BadDocument"),
    ]
    with client.Warehouse(query_tag="test") as warehouse:
        assert warehouse.run("list @BRONZE.LOAD_FILES") == []
    assert load(bucket, topic, log, load_id="sweep")["details"]["set_aside"] == 0
    assert bronze("SET_ASIDE", "OBJECT_KEY, ETAG, REASON") == rejected
    # Its next content gets its chance.
    bucket.put(text.key, photos_document("Curiosity", 1, 1))
    assert load(bucket, topic, log, load_id="sweep-2")["details"]["loaded"] == 1


def test_a_sweep_finds_exactly_what_is_missing(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    loaded = bucket.put(key_of("Curiosity", 1, 1), photos_document("Curiosity", 1, 1))
    load(bucket, topic, log, loaded)
    lost = bucket.put(key_of("Curiosity", 2, 2), photos_document("Curiosity", 2, 2))
    bucket.put("somebody/elses.txt", b"hello")
    bucket.put("photos/curiosity/readme.json", b"{}")
    details = load(bucket, topic, log, load_id="sweep")["details"]
    assert (details["loaded"], details["set_aside"], details["skipped"]) == (1, 0, 1)
    assert topic.keys() == [loaded.key, lost.key]


def test_many_objects_are_loaded_in_groups_of_limited_size(
    bucket: MemoryBucket, topic: Topic, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm_jobs.load.job.grouped", functools.partial(grouped, most_bytes=40_000))
    for sol in range(60):
        bucket.put(key_of("Curiosity", sol, sol), photos_document("Curiosity", sol, sol, photos_per_sol=20))
    details = load(bucket, topic, log)["details"]
    assert details["loaded"] == 60
    assert details["groups"] > 3
    assert bronze("RAW_PHOTO_RESPONSE", "count(*), count(distinct OBJECT_KEY), sum(PHOTO_COUNT)") == [(60, 60, 1200)]
    assert bronze("LOAD_LEDGER", "count(*), count(PUBLISHED_AT)") == [(60, 60)]


@pytest.mark.parametrize("failing", [1, 3])
def test_a_load_that_fails_in_the_middle_keeps_what_it_has_loaded_and_leaves_nothing_in_the_stage(
    bucket: MemoryBucket, topic: Topic, log: Log, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    monkeypatch.setattr("mm_jobs.load.job.grouped", functools.partial(grouped, most_bytes=1))
    for sol in range(5):
        bucket.put(key_of("Curiosity", sol, sol), photos_document("Curiosity", sol, sol))
    run, copies, uploaded = client.Warehouse.run, itertools.count(1), threading.Semaphore(0)

    def flaky(self: client.Warehouse, sql: str, binds: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        if sql.startswith("copy"):
            # By now the next group is being uploaded in the other session; let it get there.
            assert uploaded.acquire(timeout=60)
            assert uploaded.acquire(timeout=60)
            uploaded.release()
            if next(copies) == failing:
                raise client.Unreachable(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "it went away")
        answer = run(self, sql, binds)
        if sql.startswith("put"):
            uploaded.release()
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(client.Warehouse, "run", flaky)
        with pytest.raises(JobError, match="it went away"):
            load(bucket, topic, log)
    assert len(topic.keys()) == failing - 1
    assert bronze("LOAD_LEDGER", "count(*), count(PUBLISHED_AT)") == [(failing - 1, failing - 1)]
    with client.Warehouse(query_tag="test") as warehouse:
        assert warehouse.run("list @BRONZE.LOAD_FILES") == []
    load(bucket, topic, log, load_id="sweep")
    assert topic.keys() == sorted(bucket.objects)
    assert bronze("RAW_PHOTO_RESPONSE", "count(*), count(distinct OBJECT_KEY)") == [(5, 5)]


def test_a_sweep_removes_what_killed_loads_left_in_the_stage(
    server: Warehouse, bucket: MemoryBucket, topic: Topic, log: Log, tmp_path: Path
) -> None:
    file = tmp_path / "raw_photo_response.ndjson"
    file.write_text("{}\n")
    other = tmp_path / "mine.csv"
    other.write_text("1")
    with client.Warehouse(query_tag="test") as warehouse:
        for path, folder in ((file, "load-0-dead"), (file, "load-0-living"), (other, "notes")):
            warehouse.run(f"put file://{path} @BRONZE.LOAD_FILES/{folder} auto_compress = false")
    stage = server.directory / "data" / "stages" / "MARS" / "BRONZE" / "LOAD_FILES"
    for old in (stage / "load-0-dead" / file.name, stage / "notes" / other.name):
        os.utime(old, (time.time() - 2 * 86_400,) * 2)
    load(bucket, topic, log)
    with client.Warehouse(query_tag="test") as warehouse:
        left = [row[0] for row in warehouse.run("list @BRONZE.LOAD_FILES")]
        warehouse.run("remove @BRONZE.LOAD_FILES")
    assert sorted(left) == ["load_files/load-0-living/raw_photo_response.ndjson", "load_files/notes/mine.csv"]


def test_a_sweep_removes_work_that_nobody_comes_back_for(bucket: MemoryBucket, topic: Topic, log: Log) -> None:
    old, fresh = (f"work/parts/{key_of('Spirit', sol, sol)}" for sol in (1, 2))
    for key in (old, fresh):
        bucket.put(key, {"sols": {}})
    bucket.written[old] = datetime.now(UTC) - timedelta(days=30)
    load(bucket, topic, log, bucket.put(key_of("Spirit", 3, 3), photos_document("Spirit", 3, 3)))
    assert old in bucket.objects, "only a sweep sees all that there is"
    load(bucket, topic, log)
    assert old not in bucket.objects
    assert fresh in bucket.objects
    assert topic.keys() == [key_of("Spirit", 3, 3)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_said_after_the_warehouse_was_lost_does_not_wait_for_it_again(
    new_warehouse: Callable[..., Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ANSWER_SECONDS", 2)
    server = new_warehouse().start()
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    with client.Warehouse(query_tag="test") as warehouse:
        server.kill()
        with pytest.raises(client.Unreachable, match="check that it runs"):
            warehouse.run("select 1")
        monkeypatch.delattr(warehouse, "_cursor")  # whoever asked the dead server would miss it
        with pytest.raises(client.Unreachable, match="check that it runs"):
            warehouse.run("rollback")
    # The connector cancels what took too long in a thread, which finds no server either: it is to fail in this test.
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


class DeafTopic(Topic):
    def success(self, _objects: list[LoadedObject]) -> None:
        raise JobError(ExitCode.TEMPORARY, Reason.KAFKA_ERROR, "nobody acknowledged")


def test_an_event_that_was_not_delivered_is_delivered_by_the_next_run(
    bucket: MemoryBucket, topic: Topic, log: Log
) -> None:
    one = bucket.put(key_of("Curiosity", 1, 1), photos_document("Curiosity", 1, 1))
    with pytest.raises(JobError, match="nobody acknowledged"):
        load(bucket, DeafTopic(), log, one)
    assert bronze("LOAD_LEDGER", "PUBLISHED_AT") == [(None,)]
    load(bucket, topic, log, one, load_id="load-2")
    assert topic.keys() == [one.key]
    load(bucket, topic, log, load_id="sweep")
    assert len(topic.announced) == 1


class PipeTopic:
    """Announces to the process that started this one."""

    def __init__(self, pipe: object) -> None:
        self._pipe = pipe

    def success(self, objects: list[LoadedObject]) -> None:
        self._pipe.send([item.key for item in objects])  # type: ignore[attr-defined]


def _load_and_die(bucket: MemoryBucket, pipe: object, before: str) -> None:
    """Runs in a process of its own, which dies by SIGKILL just before the first statement that begins so."""
    run = client.Warehouse.run

    def deadly(self: client.Warehouse, sql: str, binds: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        if sql.lower().startswith(before):
            os.kill(os.getpid(), signal.SIGKILL)
        return run(self, sql, binds)

    client.Warehouse.run = deadly  # type: ignore[method-assign,assignment]
    load(bucket, PipeTopic(pipe), Log("load", stream=io.StringIO()))


@pytest.mark.parametrize(
    "before",
    ["put", "begin", "delete from bronze.load_ledger", "delete from bronze.raw", "copy", "insert", "commit", "update"],
)
def test_a_load_that_is_killed_at_any_step_is_made_whole_by_the_next(
    bucket: MemoryBucket, topic: Topic, log: Log, before: str
) -> None:
    for sol in (1, 2):
        bucket.put(key_of("Curiosity", sol, sol), photos_document("Curiosity", sol, sol))
    old = bucket.put(manifest_key("Spirit"), manifest_document("Spirit"))
    load(bucket, Topic(), log, old)
    bucket.put(old.key, manifest_document("Spirit") | {"attempt": 2})
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_load_and_die, args=(bucket, sending, before))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    sending.close()
    told = receiving.recv() if before == "update" else []
    load(bucket, topic, log, load_id="sweep")
    assert bronze("RAW_PHOTO_RESPONSE", "count(*), count(distinct OBJECT_KEY)") == [(2, 2)]
    assert bronze("RAW_MANIFEST_RESPONSE", "ATTEMPT") == [(2,)]
    assert bronze("LOAD_LEDGER", "count(*), count(distinct OBJECT_KEY), count(PUBLISHED_AT)") == [(3, 3, 3)]
    # Nothing is untold: twice only where the death came between the telling and the note of it.
    assert topic.keys() == sorted(bucket.objects)
    assert told in ([], sorted(told))
