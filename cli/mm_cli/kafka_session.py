"""Kafka for one command: publish and wait for the acknowledgement, or read a topic to its present end."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mm_contracts.connections import SettingsError, kafka_settings

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
            problems.append(str(error))

    settings = _settings()
    producer = Producer(
        settings
        | {
            "enable.idempotence": True,
            "message.max.bytes": 8 * 1024 * 1024,
            "delivery.timeout.ms": max(1_000, int(timeout * 1_000)),
        }
    )
    try:
        for topic, key, value, headers in messages:
            producer.produce(topic, value, key=key, headers=list(headers.items()), on_delivery=delivered)
        unsent = producer.flush(timeout + 1)
    except (KafkaException, BufferError) as error:
        problems.append(str(error))
        unsent = 1
    if problems or unsent:
        why = problems[0] if problems else f"no acknowledgement within {timeout:.0f} s"
        raise CliError(
            f"could not publish to Kafka at {settings['bootstrap.servers']}: {why}. Check that it runs and that the "
            "topics exist (`mars setup topics`)"
        )


def read_all(topic: str, timeout: float) -> Iterator[Message]:
    """Yield the messages of a topic from its beginning to its present end, partition after partition.

    Nothing is committed: reading changes nothing. Raises CliError where Kafka does not answer or lacks the topic.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    settings = _settings()
    consumer = Consumer(settings | {"group.id": "mars-cli", "enable.auto.commit": False})
    try:
        known = consumer.list_topics(topic, timeout=timeout).topics.get(topic)
        if known is None or known.error is not None:
            raise CliError(f"Kafka has no topic {topic}", USAGE)
        for partition in sorted(known.partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout)
            if low < high:
                consumer.assign([TopicPartition(topic, partition, low)])
                yield from _until(consumer, high, timeout)
    except KafkaException as error:
        raise CliError(
            f"Kafka at {settings['bootstrap.servers']} does not answer: {error.args[0]}. Check that it runs and that "
            "a port-forward is open where one is needed"
        ) from None
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
