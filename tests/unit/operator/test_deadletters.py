"""What becomes of a message that cannot be used, however large it is."""

import asyncio
import logging
from typing import Any

import pytest
from confluent_kafka import KafkaError
from mm_contracts.reasons import DeadLetterReason
from mm_contracts.topics import trace_id_of
from mm_operator import deadletters
from mm_operator.core.offsets import Mark
from mm_operator.deadletters import DeadLetters
from mm_operator.topics import Message

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode()), ("theirs", b"\x00\xff"))


class FakeKafka:
    """A dead-letter topic with a limit. ``answers`` are errors that come before it is asked at all."""

    def __init__(self, limit: int, *answers: int) -> None:
        self.limit, self.answers = limit, list(answers)
        self.sent: list[dict[str, Any]] = []
        self.tries = 0

    def __call__(self, _settings: dict[str, Any]) -> "FakeKafka":
        return self

    def produce(self, topic: str, key: Any, value: Any, headers: Any, on_delivery: Any) -> None:
        self.tries += 1
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(text) for name, text in headers)
        code = self.answers.pop(0) if self.answers else KafkaError.MSG_SIZE_TOO_LARGE if size > self.limit else None
        on_delivery(None if code is None else KafkaError(code), None)
        if code is None:
            self.sent.append({"topic": topic, "key": key, "value": value, "headers": dict(headers)})

    def flush(self, _seconds: float) -> int:
        return 0


def put(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch, message: Message, sentence: str = "no JSON") -> Any:
    async def at_once(_seconds: float) -> None:
        if kafka.tries > 9:
            raise AssertionError("it would go on for ever")

    monkeypatch.setattr(deadletters, "Producer", kafka)
    monkeypatch.setattr(deadletters.asyncio, "sleep", at_once)
    asyncio.run(DeadLetters(dict).put(message, DeadLetterReason.NOT_JSON, sentence))
    (letter,) = kafka.sent
    return letter


def message(value: bytes | None = b"{", key: bytes | None = b"k", **more: Any) -> Message:
    return Message(Mark("minio-events", 2, 7), key, value, HEADERS, TRACE, **more)


def test_a_letter_is_the_message_and_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = put(FakeKafka(10_000), monkeypatch, message())
    assert letter == {
        "topic": "minio-events.dlq",
        "key": b"k",
        "value": b"{",
        "headers": {
            **dict(HEADERS), "dlq-topic": b"minio-events", "dlq-partition": b"2", "dlq-offset": b"7",
            "dlq-reason": b"NotJson", "dlq-message": b"no JSON",
        },
    }  # fmt: skip


def test_a_letter_is_tried_until_kafka_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = FakeKafka(10_000, KafkaError._TRANSPORT, KafkaError.NOT_ENOUGH_REPLICAS, KafkaError._MSG_TIMED_OUT)
    assert put(kafka, monkeypatch, message())["value"] == b"{"
    assert kafka.tries == 4


LARGE = {
    "value": message(b"x" * 50_000),
    "key": message(None, b"k" * 50_000),
    "headers": Message(Mark("t", 0, 1), None, b"{", (("h", b"x" * 9_999),)),
}


@pytest.mark.parametrize("sentence", ["no JSON", "ü" * 2000])
@pytest.mark.parametrize("what", LARGE)
def test_what_its_topic_has_no_room_for_is_a_shortened_letter_that_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str, sentence: str
) -> None:
    kafka, large = FakeKafka(3_000), LARGE[what]
    letter, mark = put(kafka, monkeypatch, large, sentence), large.mark
    assert kafka.tries == 2
    assert (letter["topic"], letter["key"]) == (f"{mark.topic}.dlq", None)
    assert letter["value"] == (None if large.value is None else large.value[:1000])
    headers = {name: text.decode() for name, text in letter["headers"].items()}
    assert (headers["dlq-topic"], headers["dlq-partition"], headers["dlq-offset"], headers["dlq-reason"]) == (
        mark.topic, str(mark.partition), str(mark.offset), "NotJson",
    )  # fmt: skip
    size = len(large.key or b"") + len(large.value or b"") + sum(len(n) + len(v or b"") for n, v in large.headers)
    assert headers["dlq-size"] == str(size)
    assert headers["dlq-message"].startswith(sentence[:7])
    assert f"all {size} bytes; they are at {mark.topic}/{mark.partition}/{mark.offset} until" in headers["dlq-message"]
    assert trace_id_of(headers.get("traceparent")) == large.trace_id
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "Raise max.message.bytes" in record.getMessage()


def test_a_shortened_letter_too_is_tried_until_kafka_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = FakeKafka(10_000, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError._TRANSPORT)
    assert put(kafka, monkeypatch, message())["headers"]["dlq-size"]
    assert kafka.tries == 3


@pytest.mark.parametrize("size", [8_388_608 - 100, 20_000_000])
def test_the_client_leaves_it_to_kafka_what_is_too_large(size: int, caplog: pytest.LogCaptureFixture) -> None:
    # librdkafka's own broker has no limit. The second message came compressed: the topic's limit holds for that form.
    letters = DeadLetters(lambda: {"test.mock.num.brokers": "1"})
    large = message(b"x" * size)

    async def story() -> None:
        await asyncio.wait_for(letters.put(large, DeadLetterReason.NOT_JSON, "no JSON"), 30)

    asyncio.run(story())
    assert [record.levelname for record in caplog.records] == ["WARNING"], "that it goes to the dead-letter topic"
