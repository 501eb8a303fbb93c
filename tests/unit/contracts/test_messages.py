"""Values of the topics: the earlier pipeline's forms are taken as they are, and bad ones are refused with a reason."""

import json
from typing import Any

import pytest
from mm_contracts.messages import (
    MAX_TASKS,
    ChargeNote,
    MessageError,
    parse_load_complete,
    parse_object_events,
    parse_schedule,
    schedule_message,
)

OLD_FORM = {
    "ingestion_schedule": {"tasks": [{"rover_name": "Curiosity", "sol": 100}], "sol_range": [100, 101]},
    "status": "success",
    "timestamp": "2025-11-23T12:00:00",
}


def encode(body: Any) -> bytes:
    return json.dumps(body).encode()


def tasks(*found: Any, **more: Any) -> bytes:
    return encode({"ingestion_schedule": {"tasks": list(found)}, **more})


def test_the_earlier_pipeline_s_schedule_is_accepted_as_it_is() -> None:
    schedule = parse_schedule(encode(OLD_FORM))
    assert [(t.rover_name, t.sol) for t in schedule.tasks] == [("Curiosity", 100)]
    assert (schedule.dataset, schedule.schedule_id, schedule.rejected) == ("photos", None, ())


def test_our_own_schedule_is_read_back() -> None:
    value = schedule_message(
        "photos",
        [{"rover_name": "Spirit", "sol": 3, "photos": 9, "reason": "MISSING_SOL"}],
        schedule_id="abc",
        timestamp="t",
        source="live",
    )
    schedule = parse_schedule(value)
    (task,) = schedule.tasks
    assert (task.photos, task.reason, schedule.schedule_id, schedule.source) == (9, "MISSING_SOL", "abc", "live")
    assert set(OLD_FORM) <= set(json.loads(value))


def test_why_a_source_is_asked_is_read_back() -> None:
    note = ChargeNote(preferred=False, reason="SourceStale", message="Spirit: the newest manifest is 30 hours old")
    value = schedule_message(
        "photos", [{"rover_name": "Spirit", "sol": 3}], schedule_id="s", timestamp="t", charge=note
    )
    assert parse_schedule(value).charge == note
    assert parse_schedule(encode(OLD_FORM)).charge is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "NotJson"),
        (b"", "NotJson"),
        (b"not json", "NotJson"),
        (b"\xff\xfe", "NotJson"),
        (b"[" * 100_000, "NotJson"),
        (b"null", "BadMessage"),
        (b"[]", "BadMessage"),
        (encode({"ingestion_schedule": None}), "BadMessage"),
        (encode({"ingestion_schedule": {"tasks": {}}}), "BadMessage"),
        (tasks({"rover_name": "Spirit", "sol": 1}, dataset="videos"), "BadMessage"),
        (tasks({"rover_name": "Spirit", "sol": 1}, priority="high"), "BadMessage"),
        (tasks({"rover_name": "Spirit", "sol": 1}, schedule_id=""), "BadMessage"),
        (tasks({"rover_name": "Ingenuity", "sol": 1}), "NoValidTask"),
        (tasks({"rover_name": "Spirit", "sol": -1}), "NoValidTask"),
        (tasks({"rover_name": "Spirit"}), "NoValidTask"),
        (tasks(None, 5, "x"), "NoValidTask"),
        (tasks(*[{"rover_name": "Spirit", "sol": 1}] * (MAX_TASKS + 1)), "TooManyTasks"),
    ],
)
def test_bad_schedules_are_refused_with_a_reason_and_a_sentence(value: bytes | None, reason: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_schedule(value)
    assert caught.value.reason == reason
    assert " " in str(caught.value)


def test_a_bad_task_does_not_spoil_the_others() -> None:
    schedule = parse_schedule(
        tasks({"rover_name": "Spirit", "sol": 1}, {"rover_name": "X", "sol": 1}, {"rover_name": "Spirit", "sol": 1})
    )
    assert len(schedule.tasks) == 1
    assert len(schedule.rejected) == 1
    assert "Perseverance" in schedule.rejected[0].message


def test_an_empty_schedule_asks_for_nothing() -> None:
    assert parse_schedule(tasks()).tasks == ()


def test_sols_mean_nothing_for_manifests() -> None:
    schedule = parse_schedule(tasks({"rover_name": "Spirit", "sol": 5}, {"rover_name": "Spirit"}, dataset="manifests"))
    assert [(t.rover_name, t.sol) for t in schedule.tasks] == [("Spirit", None)]


def event(name: str = "s3:ObjectCreated:Put", key: str = "photos%2Fspirit%2Fa+b%26c.json", **more: Any) -> bytes:
    thing = {"key": key, "eTag": '"abc"', "userMetadata": {"X-Amz-Meta-Trace-Id": "c" * 32}, **more}
    return encode(
        {
            "EventName": name,
            "Key": "mars/photos/spirit/a b&c.json",
            "Records": [{"eventName": name, "s3": {"bucket": {"name": "mars"}, "object": thing}}],
        }
    )


def test_keys_of_object_events_are_unescaped() -> None:
    (found,) = parse_object_events(event()).events
    assert found.object.key == "photos/spirit/a b&c.json"
    assert (found.object.etag, found.bucket, found.created, found.trace_id) == ("abc", "mars", True, "c" * 32)


def test_removals_are_told_from_creations() -> None:
    (found,) = parse_object_events(event("s3:ObjectRemoved:Delete")).events
    assert not found.created


@pytest.mark.parametrize("value", [b"x", b"null", b"{}", encode({"Records": [{}]}), encode({"Records": [None]})])
def test_bad_object_events_are_refused(value: bytes) -> None:
    with pytest.raises(MessageError):
        parse_object_events(value)


@pytest.mark.parametrize(
    "odd",
    [5, None, [], "", "c" * 31, "0" * 32, "C" * 32, "c" * 32 + "\n", "c\r\nx-other: 1", "\ud83c" * 32, {"a": 1}],
)
def test_a_trace_id_that_is_none_is_left_out_and_its_object_loaded(odd: Any) -> None:
    for metadata in ({"X-Amz-Meta-Trace-Id": odd}, odd):
        ((found,), rejected) = parse_object_events(event(userMetadata=metadata))
        assert (found.object.etag, found.trace_id, rejected) == ("abc", None, ())


@pytest.mark.parametrize("bad", [None, 5, {}, {"s3": {}}, {"eventName": "s3:ObjectCreated:Put", "s3": {"object": 5}}])
def test_a_bad_record_of_an_event_does_not_spoil_the_others(bad: Any) -> None:
    records = json.loads(event())["Records"]
    events, (why,) = parse_object_events(encode({"Records": [*records, bad, *records]}))
    assert [found.object.etag for found in events] == ["abc", "abc"]
    assert " " in why


def test_finished_loads_are_read() -> None:
    objects = [{"key": "k", "etag": "e", "table": "RAW", "rows": 1, "new": "field"}]
    body = {"status": "success", "timestamp": "t", "load_id": "l", "objects": objects}
    assert parse_load_complete(encode(body)).objects[0].table == "RAW"
    for bad in (b"null", encode({"status": "success"}), encode(body | {"objects": [{"key": "k"}]})):
        with pytest.raises(MessageError):
            parse_load_complete(bad)
