"""The dead-letter topics: read to their present end, and written to, in a thread of its own."""

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, Protocol

from mm_contracts.connections import SettingsError, kafka_names, kafka_settings
from mm_contracts.kafka_errors import Cause, cause_of, sentence, weightier
from mm_contracts.letters import Letter, Message, Outgoing, letters
from mm_contracts.topics import AS_IT_CAME, TOPICS, dead_letter_topic

log = logging.getLogger(__name__)

SHOWN: Final = 1000
"""Letters of one partition at most, the newest: each may have megabytes."""
KEPT_BYTES: Final = 2000
"""Of a letter's value in a list."""
_SECONDS: Final = 8.0
_GOOD_FOR: Final = 5.0
"""Seconds for which what was read is shown again."""


class KafkaAway(Exception):
    """Kafka did not answer, or refused. The message is for people."""


class Mail(Protocol):
    """What the pages need of Kafka. Topics are named as the contract names them."""

    async def letters(self, topic: str) -> list[Letter]:
        """Return a topic's dead letters, oldest first, their values cut short. Raises KafkaAway."""

    async def letter(self, topic: str, partition: int, offset: int) -> Letter | None:
        """Return one dead letter, whole; None where there is none at that place. Raises KafkaAway."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once all are acknowledged. Raises KafkaAway."""

    def name(self, topic: str) -> str:
        """Return what a topic is called in Kafka."""


class Kafka:
    """The release's Kafka, one client per question: nobody looks for hours."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        self._env = env
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="kafka")
        self._known: dict[str, tuple[float, list[Letter]]] = {}
        self._reading: dict[str, asyncio.Task[list[Letter]]] = {}
        self._cause: Cause | None = None

    def close(self) -> None:
        """Let go of the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def name(self, topic: str) -> str:
        """Return a topic's name with the release's prefix."""
        return kafka_names(self._env).topic(topic)

    async def letters(self, topic: str) -> list[Letter]:
        """Read a topic's dead letters, once however many ask."""
        at, known = self._known.get(topic, (0.0, []))
        if time.monotonic() - at < _GOOD_FOR and at:
            return known
        task = self._reading.get(topic)
        if task is None:
            task = self._reading[topic] = asyncio.create_task(self._read(topic))
            task.add_done_callback(lambda _: self._reading.pop(topic, None))
        return await asyncio.shield(task)

    async def _read(self, topic: str) -> list[Letter]:
        found = letters(await self._call(lambda: list(self._messages(topic))))
        self._known[topic] = (time.monotonic(), found)
        return found

    async def letter(self, topic: str, partition: int, offset: int) -> Letter | None:
        """Read one letter again, as a list has only the beginning of its value."""
        known = next((one for one in await self.letters(topic) if one.message.place == f"{partition}/{offset}"), None)
        if known is None:
            return None
        whole = await self._call(lambda: list(self._messages(topic, partition, offset)))
        return replace(known, message=whole[0]) if whole and whole[0].offset == offset else None

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish, and forget what was read."""
        await self._call(lambda: self._publish(messages))
        self._known.clear()

    async def _call(self, do: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._said, do)

    def _said(self, do: Any) -> Any:
        from confluent_kafka import KafkaException

        self._cause = None
        try:
            return do()
        except SettingsError as error:
            raise KafkaAway(str(error)) from None
        except (KafkaException, BufferError, RuntimeError) as error:
            cause = weightier(self._cause, cause_of(error))
            # The whole sentence names addresses: it is for the log. A page says the kind.
            log.warning("Kafka: %s", sentence(cause, self._settings()))
            raise KafkaAway(_kind(cause)) from None

    def _settings(self) -> dict[str, Any]:
        return kafka_settings(self._env)

    def _client(self) -> dict[str, Any]:
        return self._settings() | {
            "log_level": 0,
            "client.id": "mars-dashboard",
            "error_cb": self._note,
            "socket.connection.setup.timeout.ms": 3_000,
        }

    def _note(self, error: object) -> None:
        self._cause = weightier(self._cause, cause_of(error))

    def _messages(self, topic: str, only: int | None = None, offset: int = 0) -> Iterator[Message]:
        """Yield what lies in a dead-letter topic; with ``only`` the one message at an offset of a partition."""
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        name = dead_letter_topic(self.name(topic))
        consumer = Consumer(
            self._client()
            # Nothing is committed, and no group is joined: partitions are assigned by hand.
            | {"group.id": kafka_names(self._env).group("mars-dashboard"), "enable.auto.commit": False}
            | {"queued.max.messages.kbytes": 16_384}
        )
        try:
            known = consumer.list_topics(name, timeout=_SECONDS).topics.get(name)
            if known is None or known.error is not None:
                raise KafkaException(known.error if known else "no such topic")
            for partition in sorted(known.partitions) if only is None else [only]:
                low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=_SECONDS)
                begin = max(low, high - SHOWN) if only is None else offset
                if low <= begin < high:
                    consumer.assign([TopicPartition(name, partition, begin)])
                    yield from self._until(consumer, begin + 1 if only is not None else high, only is None)
        finally:
            consumer.close()

    def _until(self, consumer: Any, end: int, cut: bool) -> Iterator[Message]:
        from confluent_kafka import KafkaException

        patience = time.monotonic() + _SECONDS
        while time.monotonic() < patience:
            message = consumer.poll(0.5)
            if message is None:
                if consumer.position(consumer.assignment())[0].offset >= end:
                    return
                continue
            if message.error():
                raise KafkaException(message.error())
            patience = time.monotonic() + _SECONDS
            value = message.value()
            yield Message(
                message.topic(),
                message.partition(),
                message.offset(),
                message.key(),
                value[:KEPT_BYTES] if cut and value else value,
                _headers(message),
                message.timestamp()[1],
            )
            if message.offset() + 1 >= end:
                return
        raise KafkaException("Kafka stopped giving messages")

    def _publish(self, messages: Sequence[Outgoing]) -> None:
        from confluent_kafka import KafkaException, Producer

        problems: list[Any] = []

        def delivered(error: Any, _message: object) -> None:
            if error is not None:
                problems.append(error)

        producer = Producer(
            self._client() | AS_IT_CAME | {"enable.idempotence": True, "delivery.timeout.ms": int(_SECONDS * 1000)}
        )
        for topic, key, value, headers in messages:
            producer.produce(topic, value, key=key, headers=list(headers.items()), on_delivery=delivered)
        left = producer.flush(_SECONDS + 1)
        if problems or left:
            raise KafkaException(problems[0] if problems else "no acknowledgement")


def _headers(message: Any) -> dict[str, bytes]:
    try:
        return {name: value or b"" for name, value in message.headers() or []}
    except UnicodeDecodeError:
        return {}


def _kind(cause: Cause) -> str:
    if cause.name == "TOPIC_AUTHORIZATION_FAILED":
        return "Kafka does not let the dashboard's user do that: docs/kafka.md tells the rights."
    if cause.lasting and "UNKNOWN" not in cause.name:
        return "Kafka refuses the dashboard: its log says why."
    if "UNKNOWN" in cause.name or "no such topic" in cause.text:
        return "Kafka has no dead-letter topic of that name yet."
    return "Kafka does not answer."


def is_topic(name: str) -> bool:
    """Whether a topic of the contract has that name."""
    return name in TOPICS
