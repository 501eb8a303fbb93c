"""Bad input gets a clear answer and harms nothing."""

import json

import pytest
from mm_contracts import topics

from tests.cluster.archive import fingerprint, gaps, wait_quiet
from tests.cluster.system import System, wait_until

BAD_SCHEDULES = {
    "not JSON": (b"\x00\xff not json", "NotJson"),
    "null": (b"null", "BadMessage"),
    "a list": (b"[1,2,3]", "BadMessage"),
    "no tasks": (b'{"ingestion_schedule": {}}', "BadMessage"),
    "unknown rover": (b'{"ingestion_schedule": {"tasks": [{"rover_name": "Zhurong", "sol": 3}]}}', "NoValidTask"),
    "negative sol": (b'{"ingestion_schedule": {"tasks": [{"rover_name": "Spirit", "sol": -3}]}}', "NoValidTask"),
    "100,000 tasks": (
        json.dumps(
            {"ingestion_schedule": {"tasks": [{"rover_name": "Spirit", "sol": s} for s in range(100_000)]}}
        ).encode(),
        "TooManyTasks",
    ),
}


@pytest.mark.parametrize("case", BAD_SCHEDULES)
def test_a_bad_schedule_becomes_a_dead_letter_with_its_reason(system: System, case: str) -> None:
    """The original bytes, where they came from and why; no plan is made of it."""
    value, reason = BAD_SCHEDULES[case]
    plans = len(system.get("iplan"))
    partition, offset = system.publish(topics.SCHEDULING, value)
    letter = system.dead_letter(topics.SCHEDULING, partition, offset)
    assert letter[topics.DLQ_REASON] == reason
    assert letter["value"] == value.decode(errors="replace")
    assert letter[topics.DLQ_MESSAGE]
    assert len(system.get("iplan")) == plans


def test_an_empty_schedule_is_no_work(system: System) -> None:
    """No plan and no dead letter: whoever publishes no gaps says that nothing is missing."""
    plans = len(system.get("iplan"))
    system.publish(topics.SCHEDULING, b'{"ingestion_schedule": {"tasks": [], "sol_range": []}, "status": "success"}')
    marker = system.publish(topics.SCHEDULING, b"null")
    system.dead_letter(topics.SCHEDULING, *marker)
    assert len(system.get("iplan")) == plans


def test_a_bad_task_does_not_spoil_the_good_one(system: System) -> None:
    """The plan holds the good task, and its status counts the one that was left out."""
    tasks = [{"rover_name": "Spirit", "sol": 2}, {"rover_name": "Zhurong", "sol": 2}]
    value = json.dumps({"ingestion_schedule": {"tasks": tasks}, "schedule_id": "one-good-one-bad"}).encode()
    plans = {p["metadata"]["name"] for p in system.get("iplan")}
    system.publish(topics.SCHEDULING, value)
    new = wait_until(lambda: [p for p in system.get("iplan") if p["metadata"]["name"] not in plans], "a plan")
    name = new[0]["metadata"]["name"]
    wait_until(lambda: system.phase(name) == "Complete", "its end")
    assert (system.plan(name) or {})["status"]["rejectedTasks"] == 1
    wait_quiet(system)


def event(bucket: str, key: str, name: str = "s3:ObjectCreated:Put", etag: str = "abc") -> bytes:
    """Return an S3 event as MinIO writes it."""
    record = {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key, "eTag": etag, "size": 1}}}
    return json.dumps({"EventName": name, "Key": f"{bucket}/{key}", "Records": [record]}).encode()


def test_foreign_object_events_are_passed_over(system: System) -> None:
    """Another bucket, a deleted object, a key that is not ours: no load Job, no dead letter, no harm."""
    before, loads = fingerprint(system), {j["metadata"]["name"] for j in system.jobs("load")}
    key = "photos%2Fspirit%2Fmars_rover_photos_batch_sol_1_to_1_20260101T000000Z-00000000.json"
    for value in (
        event("venus", key),
        event("mars", key, "s3:ObjectRemoved:Delete"),
        event("mars", "holiday%2Fbeach.json"),
        event("mars", "photos%2Fspirit%2Fnotes.txt"),
    ):
        system.publish(topics.OBJECT_EVENTS, value)
    marker = system.publish(topics.OBJECT_EVENTS, b"not an event")
    assert system.dead_letter(topics.OBJECT_EVENTS, *marker)[topics.DLQ_REASON] == "NotJson"
    wait_quiet(system)
    assert {j["metadata"]["name"] for j in system.jobs("load")} <= loads
    assert fingerprint(system) == before


@pytest.mark.parametrize(
    ("name", "body"),
    [("20260101T000001Z-aaaaaaaa", b"this is not JSON"), ("20260101T000002Z-bbbbbbbb", b'{"some": "other document"}')],
)
def test_an_object_that_is_not_ours_is_rejected_once_and_blocks_nobody(system: System, name: str, body: bytes) -> None:
    """It is recorded with its reason; the object stays in the bucket; other loads go on."""
    before = fingerprint(system)
    key = f"photos/spirit/mars_rover_photos_batch_sol_1_to_1_{name}.json"
    system.s3().put_object(Bucket="mars", Key=key, Body=body)
    rows = wait_until(
        lambda: system.sql(f"select reason, message from bronze.set_aside where object_key = '{key}'"),
        "the object's rejection",
    )
    assert len(rows) == 1
    assert rows[0][1]
    wait_quiet(system)
    assert fingerprint(system) == before
    assert gaps(system) == []
    system.s3().delete_object(Bucket="mars", Key=key)
