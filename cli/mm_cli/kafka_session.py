"""Kafka for one command: publish and wait for the acknowledgement, or read a topic to its present end."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mm_contracts.connections import SettingsError, kafka_settings
from mm_contracts.topics import AS_IT_CAME

from mm_cli.errors import USAGE, CliError


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int


def _settings() -> dict[str, Any]:
    try:
        return kafka_settings(os.environ) | {"log_level": 0, "client.id": "mars-cli"}
    except SettingsError as error:
        raise CliError(f"{error}. See `mars --help` for how to reach Kafka", USAGE) from None


def publish(messages: Sequence[tuple[str, bytes | None, bytes | None, dict[str, bytes]]], timeout: float) -> None:
    """Publish (topic, key, value, headers); return once all are acknowledged, or raise CliError after ``timeout`` s."""
    from confluent_kafka import KafkaException, Producer

    problems: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            problems.append(_said(error))

    settings = _settings()
    producer = Producer(
        settings
        | AS_IT_CAME
        | {
            "enable.idempotence": True,
            "delivery.timeout.ms": max(1_000, int(timeout * 1_000)),
        }
    )
    try:
        for topic, key, value, headers in messages:
            producer.produce(topic, value, key=key, headers=list(headers.items()), on_delivery=delivered)
        unsent = producer.flush(timeout + 1)
    except (KafkaException, BufferError) as error:
        problems.append(_said(error))
        unsent = 1
    if problems or unsent:
        why = problems[0] if problems else f"no acknowledgement within {timeout:.0f} s"
        raise CliError(
            f"could not publish to Kafka at {settings['bootstrap.servers']}: {why}. Check that it runs and that the "
            "topics exist (`mars setup topics`)"
        )


def read_all(topic: str, timeout: float, group: str = "") -> Iterator[Message]:
    """Yield the messages of a topic up to its present end, partition after partition.

    Args:
        topic: its name.
        timeout: seconds for which Kafka may be silent.
        group: begin after what ``mark_done`` noted under this name; empty begins at the beginning.

    Raises:
        CliError: Kafka does not answer or lacks the topic.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    settings = _settings()
    consumer = Consumer(settings | {"group.id": group or "mars-cli", "enable.auto.commit": False})
    try:
        known = consumer.list_topics(topic, timeout=timeout).topics.get(topic)
        if known is None or known.error is not None:
            raise CliError(f"Kafka has no topic {topic}", USAGE)
        for partition in sorted(known.partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout)
            done = consumer.committed([TopicPartition(topic, partition)], timeout=timeout)[0].offset if group else 0
            if max(low, done) < high:
                consumer.assign([TopicPartition(topic, partition, max(low, done))])
                yield from _until(consumer, high, timeout)
    except KafkaException as error:
        raise CliError(
            f"Kafka at {settings['bootstrap.servers']} does not answer: {_said(error.args[0])}. Check that it runs and "
            "that a port-forward is open where one is needed"
        ) from None
    finally:
        consumer.close()


def mark_done(group: str, messages: Sequence[Message]) -> None:
    """Note under a name that these messages are dealt with, so that ``read_all`` begins after them. Raises CliError."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    ends: dict[tuple[str, int], int] = {}
    for message in messages:
        place = (message.topic, message.partition)
        ends[place] = max(ends.get(place, 0), message.offset + 1)
    consumer = Consumer(_settings() | {"group.id": group, "enable.auto.commit": False})
    try:
        consumer.commit(offsets=[TopicPartition(*place, end) for place, end in ends.items()], asynchronous=False)
    except KafkaException as error:
        raise CliError(f"Kafka did not note what is done: {_said(error.args[0])}; it will be done again") from None
    finally:
        consumer.close()


def _until(consumer: Any, end: int, timeout: float) -> Iterator[Message]:
    patience = time.monotonic() + timeout
    while time.monotonic() < patience:
        message = consumer.poll(0.5)
        if message is None:
            # Compacted or transactional gaps can end before the watermark: the position says so.
            if consumer.position(consumer.assignment())[0].offset >= end:
                return
            continue
        if message.error():
            raise CliError(f"reading {message.topic()} failed: {message.error()}")
        patience = time.monotonic() + timeout
        yield Message(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            key=message.key(),
            value=message.value(),
            headers={name: value or b"" for name, value in message.headers() or []},
            timestamp_ms=message.timestamp()[1],
        )
        if message.offset() + 1 >= end:
            return
    raise CliError(f"Kafka stopped giving messages for {timeout:.0f} s")


def _said(error: Any) -> str:
    # librdkafka's errors have a method for their sentence; str() of them shows all their fields.
    sentence = getattr(error, "str", None)
    return str(sentence() if callable(sentence) else error)
