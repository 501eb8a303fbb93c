"""One Kafka topic, read in a thread of its own and handed to the event loop. Offsets are committed after the effect.

Partitions are assigned by hand instead of by group membership: there is one operator, and after a kill a new one must
not wait for the old one's session to time out. The group's committed offsets are kept all the same.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from mm_contracts.topics import TRACEPARENT, trace_id_of

from mm_operator import metrics
from mm_operator.core.offsets import Mark, OffsetTracker
from mm_operator.health import Health

log = logging.getLogger(__name__)

GROUP: Final = "martian-moments-operator"
POLL_SECONDS: Final = 0.5
CHECK_SECONDS: Final = 20.0
"""Between two checks that Kafka answers and has no new partitions."""
COMMIT_SECONDS: Final = 5.0
"""An unacknowledged commit is asked for again after so long."""
RENEW_SECONDS: Final = 12.0
"""A client that meets no broker for so long is made anew. librdkafka has been seen to stay without a connection for
good after an outage that others recovered from at once; and a new client looks the servers' names up again."""
MOST_OUTSTANDING: Final = 5_000
"""Messages handed out and not done; beyond it the topic is paused until half of them are."""


@dataclass(frozen=True)
class Message:
    """A message as it came."""

    mark: Mark
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    trace_id: str | None = field(default=None)


def _message(raw: Any) -> Message:
    headers = tuple((str(name), value) for name, value in raw.headers() or ())
    found = next((value for name, value in headers if name.lower() == TRACEPARENT), None)
    return Message(
        Mark(raw.topic(), raw.partition(), raw.offset()), raw.key(), raw.value(), headers, trace_id_of(found)
    )


class TopicReader:
    """Reads one topic. ``deliver`` is called in the event loop; ``done`` must be called for every message."""

    def __init__(
        self,
        topic: str,
        connection: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[[Message], None],
        recovered: Callable[[str], None],
        health: Health,
    ) -> None:
        self.topic = topic
        self._connection = connection
        self._loop = loop
        self._deliver = deliver
        self._recovered = recovered
        self._health = health
        self._tracker = OffsetTracker()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._down = False
        self._down_since = 0.0
        self._suspect = False
        self._lost = False
        self._paused = False
        self._committing: tuple[dict[int, int], float] = ({}, 0.0)
        self._assigned: set[int] = set()
        self._thread = threading.Thread(target=self._run, name=f"kafka-{topic}", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._health.expect(f"consumer of {self.topic}", 90)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to commit and end."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread's end, but no longer than so."""
        if self._thread.is_alive():
            self._thread.join(max(0.0, seconds))

    def done(self, mark: Mark) -> None:
        """Note that a message's effect exists; safe from any thread."""
        with self._lock:
            self._tracker.done(mark.partition, mark.offset)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read()
            except Exception:
                # A thread that dies would look alive: begin again, from what is committed. Redelivery is harmless.
                log.exception("reading %s failed: beginning again", self.topic, extra={"topic": self.topic})
                self._stop.wait(2)

    def _read(self) -> None:
        consumer = Consumer(
            {
                **self._connection,
                "group.id": GROUP,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 200,
                "queued.max.messages.kbytes": 16_384,
                "reconnect.backoff.max.ms": 1_000,
                "socket.keepalive.enable": True,
                "error_cb": self._on_error,
                "on_commit": self._on_commit,
                # A broker that restarts is met again within seconds, not after the half minute that are usual.
                "reconnect.backoff.ms": 250,
                "socket.connection.setup.timeout.ms": 3_000,
                # Its own log tells each of thousands of refused connections; errors come through error_cb.
                "log_level": 0,
            }
        )
        self._assigned = set()
        self._paused = False
        next_check = 0.0
        try:
            while not self._stop.is_set():
                now = time.monotonic()
                if now >= next_check or (self._suspect and not self._down):
                    next_check = now + (CHECK_SECONDS if self._check(consumer) else 2.0)
                    if self._down and time.monotonic() - self._down_since > RENEW_SECONDS:
                        self._down_since = time.monotonic()
                        return
                raw = consumer.poll(POLL_SECONDS)
                self._health.beat(f"consumer of {self.topic}")
                if raw is not None:
                    self._take(raw)
                self._commit(consumer, wait=False)
                self._pace(consumer)
            self._commit(consumer, wait=True)
        finally:
            consumer.close()

    def _take(self, raw: Any) -> None:
        error = raw.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                self._on_error(error)
            return
        message = _message(raw)
        with self._lock:
            self._tracker.delivered(message.mark.partition, message.mark.offset)
        self._loop.call_soon_threadsafe(self._deliver, message)

    def _on_error(self, error: KafkaError) -> None:
        if not self._suspect and not self._down:
            log.warning("Kafka: %s", error.str(), extra={"topic": self.topic})
        self._suspect = True
        self._lost = self._lost or error.code() == KafkaError._ALL_BROKERS_DOWN

    def _check(self, consumer: Consumer) -> bool:
        """Ask Kafka for the topic's partitions; take up new ones; notice an outage and its end."""
        self._suspect = False
        try:
            found = consumer.list_topics(self.topic, timeout=4).topics[self.topic]
            if found.error is not None:
                raise KafkaException(found.error)
            self._assign(consumer, set(found.partitions))
        except KafkaException as error:
            if not self._down:
                log.error(
                    "Kafka does not answer for %s: %s. Waiting for it.",
                    self.topic,
                    error.args[0].str() if error.args else error,
                    extra={"topic": self.topic},
                )
            if not self._down:
                self._down_since = time.monotonic()
            self._down = True
            metrics.KAFKA_UP.labels(self.topic).set(0)
            return False
        metrics.KAFKA_UP.labels(self.topic).set(1)
        if self._down or self._lost:
            log.info("Kafka answers again for %s", self.topic, extra={"topic": self.topic})
            self._loop.call_soon_threadsafe(self._recovered, self.topic)
        self._down = self._lost = False
        return True

    def _assign(self, consumer: Consumer, partitions: set[int]) -> None:
        fresh = partitions - self._assigned
        if not fresh:
            return
        stored = consumer.committed([TopicPartition(self.topic, number) for number in sorted(fresh)], timeout=5)
        for position in stored:
            if position.error is not None:
                raise KafkaException(position.error)
            if position.offset == OFFSET_INVALID:
                position.offset = OFFSET_BEGINNING
        consumer.incremental_assign(stored)
        self._assigned |= fresh

    def _commit(self, consumer: Consumer, wait: bool) -> None:
        with self._lock:
            ready = self._tracker.committable()
        asked, since = self._committing
        if not ready or (not wait and ready == asked and time.monotonic() - since < COMMIT_SECONDS):
            return
        self._committing = (ready, time.monotonic())
        offsets = [TopicPartition(self.topic, number, offset) for number, offset in ready.items()]
        try:
            if wait:
                consumer.commit(offsets=offsets, asynchronous=False)
            else:
                consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            log.warning("offsets of %s were not committed: %s", self.topic, error, extra={"topic": self.topic})

    def _on_commit(self, error: KafkaError | None, positions: list[TopicPartition]) -> None:
        if error is not None:
            log.warning("offsets of %s were not committed: %s", self.topic, error.str(), extra={"topic": self.topic})
            return
        with self._lock:
            self._tracker.committed({p.partition: p.offset for p in positions if p.error is None})

    def _pace(self, consumer: Consumer) -> None:
        outstanding = self._tracker.outstanding
        everything = [TopicPartition(self.topic, number) for number in self._assigned]
        if not self._paused and outstanding > MOST_OUTSTANDING:
            consumer.pause(everything)
            self._paused = True
        elif self._paused and outstanding < MOST_OUTSTANDING // 2:
            consumer.resume(everything)
            self._paused = False
