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

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition
from mm_contracts.kafka_errors import Cause, cause_of
from mm_contracts.topics import TRACEPARENT, trace_id_of

from mm_operator import metrics
from mm_operator.config import ConfigError
from mm_operator.core.claim import BEAT_SECONDS, Claim
from mm_operator.core.offsets import Mark, OffsetTracker, start_of
from mm_operator.health import Health
from mm_operator.kafka_link import Link

log = logging.getLogger(__name__)

GROUP: Final = "martian-moments-operator"
POLL_SECONDS: Final = 0.5
CHECK_SECONDS: Final = 20.0
"""Between two checks that Kafka answers and has no new partitions."""
COMMIT_SECONDS: Final = 5.0
"""An unacknowledged commit is asked for again after so long."""
RENEW_SECONDS: Final = 12.0
"""A client that meets no broker for so long is made anew. librdkafka has been seen to stay without a connection for
good after an outage that others recovered from at once; and a new client looks the servers' names up again, and reads
the CA as it is by then."""
MOST_OUTSTANDING: Final = 5_000
MOST_OUTSTANDING_BYTES: Final = 32 * 1024 * 1024
"""Messages handed out and not done, and their bytes; beyond either the topic is paused until half of it is done."""


@dataclass(frozen=True)
class Message:
    """A message as it came. ``unreadable`` says why where its parts could not be had; ``taken`` is monotonic time."""

    mark: Mark
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    trace_id: str | None = field(default=None)
    unreadable: str = ""
    taken: float = field(default_factory=time.monotonic, compare=False)


def message_of(raw: Any) -> Message:
    """Return what the client gives. Whatever it raises about one message concerns this message alone."""
    mark = Mark(raw.topic(), raw.partition(), raw.offset())
    try:
        headers = tuple((str(name), value) for name, value in raw.headers() or ())
    except Exception as error:
        # Such as a name that is not UTF-8. Headers are for the trace alone: the message is as good without.
        log.warning("headers of message %s/%d/%d cannot be read and are left out: %s", *mark, error)
        headers = ()
    found = next((value for name, value in headers if name.lower() == TRACEPARENT), None)
    try:
        return Message(mark, raw.key(), raw.value(), headers, trace_id_of(found))
    except Exception as error:
        return Message(mark, None, None, headers, unreadable=f"the Kafka client cannot read it: {error!r}")


class TopicReader:
    """Reads one topic. ``deliver`` is called in the event loop; ``done`` must be called for every message."""

    def __init__(
        self,
        topic: str,
        group: str,
        connection: Callable[[], dict[str, Any]],
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[[Message], None],
        link: Link,
        claim: Claim,
        health: Health,
    ) -> None:
        """``connection`` gives the client's settings, read anew for each client that is made."""
        self.topic, self._group = topic, group
        self._connection = connection
        self._settings: dict[str, Any] = {}
        self._loop, self._deliver = loop, deliver
        self._link, self._claim, self._health = link, claim, health
        self._tracker = OffsetTracker()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._suspect = False
        self._paused = False
        self._committing: tuple[dict[int, int], float] = ({}, 0.0)
        self._next_beat = 0.0
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
            self._health.beat(f"consumer of {self.topic}")
            try:
                self._read()
            except KafkaException as error:
                self._link.failed(cause_of(error), self._settings)
            except ConfigError as error:
                # Such as a CA that is not there any more, or not yet.
                self._link.failed(Cause("_INVALID_ARG", str(error)), self._settings, str(error))
            except Exception:
                # A thread that dies would look alive: begin again, from what is committed. Redelivery is harmless.
                log.exception("reading %s failed: beginning again", self.topic, extra={"topic": self.topic})
            self._stop.wait(2)

    def _read(self) -> None:
        self._settings = self._connection()
        consumer = Consumer(
            {
                **self._settings,
                "group.id": self._group,
                "enable.auto.commit": False,
                # Passed retention is to be told, not passed over.
                "auto.offset.reset": "error",
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
                if now >= next_check or (self._suspect and not self._link.down):
                    next_check = now + (CHECK_SECONDS if self._check(consumer) else 2.0)
                    if self._link.down_for() > RENEW_SECONDS:
                        return
                raw = consumer.poll(POLL_SECONDS)
                self._health.beat(f"consumer of {self.topic}")
                if raw is not None:
                    self._take(consumer, raw)
                self._commit(consumer, wait=False)
                self._pace(consumer)
            self._commit(consumer, wait=True)
        finally:
            consumer.close()

    def _take(self, consumer: Consumer, raw: Any) -> None:
        error = raw.error()
        if error is not None:
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                # What is next to be read is not there any more: the next check finds where to go on, and tells it.
                consumer.incremental_unassign([TopicPartition(self.topic, raw.partition())])
                self._assigned.discard(raw.partition())
                self._suspect = True
            elif error.code() != KafkaError._PARTITION_EOF:
                self._on_error(error)
            return
        message = message_of(raw)
        size = len(message.key or b"") + len(message.value or b"")
        with self._lock:
            self._tracker.delivered(message.mark.partition, message.mark.offset, size)
        self._loop.call_soon_threadsafe(self._deliver, message)

    def _on_error(self, error: KafkaError) -> None:
        self._link.note(cause_of(error))
        self._suspect = True

    def _check(self, consumer: Consumer) -> bool:
        """Ask Kafka for the topic's partitions; take up new ones; notice an outage and its end."""
        self._suspect = False
        try:
            found = consumer.list_topics(self.topic, timeout=4).topics[self.topic]
            if found.error is not None:
                raise KafkaException(found.error)
            fresh = sorted(set(found.partitions) - self._assigned)
            if not (self._keep(consumer) and (not fresh or self._assign(consumer, fresh))):
                return False
            self._measure(consumer)
        except KafkaException as error:
            self._link.failed(cause_of(error), self._settings)
            return False
        self._link.answered()
        return True

    def _keep(self, consumer: Consumer) -> bool:
        """Return whether this release may go on: of two that began at the same time, one has to yield."""
        places = [TopicPartition(self.topic, number) for number in self._assigned]
        if not places:
            return True
        notes = [position.metadata or "" for position in consumer.committed(places, timeout=5)]
        holder = self._claim.holder(notes, time.monotonic())
        if not (holder and self._claim.moved and holder < self._claim.owner):
            return True
        consumer.unassign()
        self._assigned = set()
        self._link.failed(Cause("_CLAIMED", holder), self._settings, self._claimed_by(holder))
        return False

    def _assign(self, consumer: Consumer, fresh: list[int]) -> bool:
        stored = consumer.committed([TopicPartition(self.topic, number) for number in fresh], timeout=5)
        for position in stored:
            if position.error is not None:
                raise KafkaException(position.error)
        if not self._assigned and (holder := self._claim.holder([p.metadata or "" for p in stored], time.monotonic())):
            self._link.failed(Cause("_CLAIMED", holder), self._settings, self._claimed_by(holder))
            return False
        for position in stored:
            low, high = consumer.get_watermark_offsets(position, timeout=5)
            start = start_of(None if position.offset == OFFSET_INVALID else position.offset, low, high)
            if start.lost:
                self._link.lost(position.partition, start.lost)
            if start.anew:
                log.warning("%s was made anew: reading it from its beginning", self.topic, extra={"topic": self.topic})
            with self._lock:
                self._tracker.begin(position.partition, start.offset)
            position.offset = start.offset
        consumer.incremental_assign([TopicPartition(self.topic, p.partition, p.offset) for p in stored])
        self._assigned |= set(fresh)
        self._next_beat = 0.0
        return True

    def _claimed_by(self, holder: str) -> str:
        if self._claim.moved:
            return (
                f"release {holder} reads {self.topic}, and two must not: set kafka.topicPrefix of one of them to a "
                "prefix of its own"
            )
        return f"release {holder} has read {self.topic}: waiting to see whether it still does"

    def _measure(self, consumer: Consumer) -> None:
        """Ask the leader of each partition for its end: it answers for itself, and the rest is arithmetic."""
        lag = 0
        for number in sorted(self._assigned):
            _, high = consumer.get_watermark_offsets(TopicPartition(self.topic, number), timeout=5)
            with self._lock:
                lag += max(0, high - self._tracker.position(number))
        metrics.KAFKA_LAG.labels(self.topic).set(lag)

    def _commit(self, consumer: Consumer, wait: bool) -> None:
        now = time.monotonic()
        with self._lock:
            ready = self._tracker.committable()
            if now >= self._next_beat:
                ready |= {number: self._tracker.position(number) for number in self._assigned}
        asked, since = self._committing
        if not ready or (not wait and ready == asked and now - since < COMMIT_SECONDS):
            return
        self._committing = (ready, now)
        self._next_beat = now + BEAT_SECONDS
        note = self._claim.note()
        offsets = [TopicPartition(self.topic, number, offset, note) for number, offset in ready.items()]
        try:
            if wait:
                consumer.commit(offsets=offsets, asynchronous=False)
            else:
                consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._not_committed(error.args[0])

    def _on_commit(self, error: KafkaError | None, positions: list[TopicPartition]) -> None:
        if error is not None:
            self._not_committed(error)
            return
        with self._lock:
            self._tracker.committed({p.partition: p.offset for p in positions if p.error is None})

    def _not_committed(self, error: KafkaError) -> None:
        # It is asked for again; while Kafka is away that is told already, and a coordinator that moves is no news.
        level = logging.DEBUG if self._link.down or error.retriable() else logging.WARNING
        extra = {"topic": self.topic}
        log.log(level, "offsets of %s were not committed (yet): %s", self.topic, error.str(), extra=extra)
        self._link.note(cause_of(error))

    def _pace(self, consumer: Consumer) -> None:
        with self._lock:
            full = max(
                self._tracker.outstanding / MOST_OUTSTANDING,
                self._tracker.outstanding_bytes / MOST_OUTSTANDING_BYTES,
            )
        everything = [TopicPartition(self.topic, number) for number in self._assigned]
        if not self._paused and full > 1:
            consumer.pause(everything)
            self._paused = True
        elif self._paused and full < 0.5:
            consumer.resume(everything)
            self._paused = False
