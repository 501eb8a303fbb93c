"""Kafka for one command: publish and wait for the acknowledgement, or read a topic to its present end."""

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from mm_contracts.connections import SettingsError, kafka_names, kafka_settings
from mm_contracts.kafka_errors import Cause, cause_of, sentence, weightier
from mm_contracts.letters import Message, Outgoing
from mm_contracts.topics import AS_IT_CAME, Names

from mm_cli.errors import USAGE, CliError

_READING = "mars-cli"
"""Consumer group of commands that only read: Kafka wants one, nothing is committed under it."""


class Session:
    """The settings of one command's client, and the causes of failure that the client tells by itself."""

    def __init__(self) -> None:
        try:
            self._settings = kafka_settings(os.environ)
        except SettingsError as error:
            raise CliError(f"{error}. See `mars --help` for how to reach Kafka", USAGE) from None
        self._cause: Cause | None = None

    def client(self) -> dict[str, Any]:
        """Return what to make a client of."""
        return self._settings | {"log_level": 0, "client.id": "mars-cli", "error_cb": self._note}

    def why(self, cause: Cause, topic: str = "", group: str = "") -> str:
        """Return why a call failed with this cause, which may be no more than an effect."""
        return sentence(weightier(self._cause, cause), self._settings, topic, group)

    def _note(self, error: object) -> None:
        self._cause = weightier(self._cause, cause_of(error))


def names() -> Names:
    """Return what the release's topics and groups are called. Raises CliError."""
    try:
        return kafka_names(os.environ)
    except SettingsError as error:
        raise CliError(str(error), USAGE) from None


def publish(messages: Sequence[Outgoing], timeout: float) -> None:
    """Publish (topic of Kafka, key, value, headers); return once all are acknowledged, or raise CliError in time."""
    from confluent_kafka import KafkaException, Producer

    problems: list[Cause] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            problems.append(cause_of(error))

    session = Session()
    topic = messages[0][0] if messages else ""
    try:
        producer = Producer(
            session.client()
            | AS_IT_CAME
            | {
                "enable.idempotence": True,
                "delivery.timeout.ms": max(1_000, int(timeout * 1_000)),
            }
        )
        for topic, key, value, headers in messages:
            producer.produce(topic, value, key=key, headers=list(headers.items()), on_delivery=delivered)
        unsent = producer.flush(timeout + 1)
    except (KafkaException, BufferError) as error:
        problems.append(cause_of(error))
        unsent = 1
    if problems or unsent:
        why = problems[0] if problems else Cause("_TIMED_OUT", f"no acknowledgement within {timeout:.0f} s")
        raise CliError(f"could not publish: {session.why(why, topic)}")


def read_all(topic: str, timeout: float) -> Iterator[Message]:
    """Yield the messages of a topic up to its present end, partition after partition.

    Args:
        topic: its name in Kafka.
        timeout: seconds for which Kafka may be silent.

    Raises:
        CliError: Kafka does not answer or lacks the topic.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    session = Session()
    group_id = names().group(_READING)
    consumer = None
    try:
        consumer = Consumer(session.client() | {"group.id": group_id, "enable.auto.commit": False})
        known = consumer.list_topics(topic, timeout=timeout).topics.get(topic)
        if known is None or known.error is not None:
            missing = known.error if known else Cause("_UNKNOWN_TOPIC", "")
            raise CliError(session.why(cause_of(missing), topic), USAGE)
        for partition in sorted(known.partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout)
            if low < high:
                consumer.assign([TopicPartition(topic, partition, low)])
                yield from _until(consumer, high, timeout, session, group_id)
    except KafkaException as error:
        # The client says by itself why; it is heard while it is asked for messages.
        if consumer is not None and (said := consumer.poll(1.0)) is not None and said.error():
            raise CliError(session.why(cause_of(said.error()), topic, group_id)) from None
        raise CliError(session.why(cause_of(error), topic, group_id)) from None
    finally:
        if consumer is not None:
            consumer.close()


def _until(consumer: Any, end: int, timeout: float, session: Session, group: str) -> Iterator[Message]:
    patience = time.monotonic() + timeout
    while time.monotonic() < patience:
        message = consumer.poll(0.5)
        if message is None:
            # Compacted or transactional gaps can end before the watermark: the position says so.
            if consumer.position(consumer.assignment())[0].offset >= end:
                return
            continue
        if message.error():
            raise CliError(session.why(cause_of(message.error()), message.topic() or "", group))
        patience = time.monotonic() + timeout
        yield Message(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            key=message.key(),
            value=message.value(),
            headers=_headers(message),
            timestamp_ms=message.timestamp()[1],
        )
        if message.offset() + 1 >= end:
            return
    raise CliError(f"Kafka stopped giving messages for {timeout:.0f} s")


def _headers(message: Any) -> dict[str, bytes]:
    try:
        return {name: value or b"" for name, value in message.headers() or []}
    except UnicodeDecodeError:
        # A name that is not UTF-8, which the client gives to nobody.
        return {}
