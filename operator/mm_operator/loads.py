"""Object events into load Jobs, and sweeps of the bucket for what no event told."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mm_contracts.batch import LoadSpec, ObjectRef
from mm_contracts.keys import parse_key
from mm_contracts.messages import MessageError, ObjectEvent, parse_object_events
from mm_contracts.plan import parse_duration
from mm_contracts.topics import new_trace_id

from mm_operator import metrics
from mm_operator.core.fold import Decision, Sweeps, Waiting, decide_load, last_sweep
from mm_operator.core.jobs import build_load_job, load_id
from mm_operator.core.offsets import Mark
from mm_operator.core.settings import OperatorSettings
from mm_operator.deadletters import DeadLetters
from mm_operator.flights import IDLE_SECONDS, RETRY_SECONDS, Flights
from mm_operator.health import Health
from mm_operator.kube import ApiError
from mm_operator.topics import Message

log = logging.getLogger(__name__)


@dataclass
class _Wanted:
    """An object to load: since when, for which trace, and the messages that told of it."""

    since: datetime
    trace_id: str
    marks: list[Mark] = field(default_factory=list)


class Loads:
    """Handles ``minio-events`` and keeps load and sweep Jobs going, one at a time."""

    def __init__(
        self,
        flights: Flights,
        settings: OperatorSettings,
        dead_letters: DeadLetters,
        done: Callable[[Mark], None],
        changed: Callable[[], None],
        busy: Callable[[], bool],
        health: Health,
    ) -> None:
        self._flights, self._settings, self._dead_letters = flights, settings, dead_letters
        self._done, self._changed, self._busy, self._health = done, changed, busy, health
        self._wanted: dict[ObjectRef, _Wanted] = {}
        self._open: dict[Mark, int] = {}
        self._started_at = datetime.now(UTC)
        self._swept_at: datetime | None = None
        self._sweep_requested_at: datetime | None = None
        self._sweep_job = ""
        self._wake = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether a load is under way or waits to be."""
        return bool(self._wanted) or any(job.state == "active" for job in self._flights.jobs())

    def wake(self) -> None:
        """Have it decide again."""
        self._wake.set()

    def request_sweep(self, why: str, seconds: float = 0) -> None:
        """Ask for a sweep of the bucket, in so many seconds: events may have been lost."""
        log.info("a sweep of the bucket is wanted: %s", why)
        self._sweep_requested_at = datetime.now(UTC) + timedelta(seconds=seconds)
        self.wake()

    async def handle(self, message: Message) -> None:
        """Take the objects of an event in; its offset is done once each has a Job."""
        topic = message.mark.topic
        if message.mark in self._open:
            return  # It is read again after a lost connection, and is in hand already.
        try:
            events = parse_object_events(message.value)
        except MessageError as error:
            await self._dead_letters.put(message, error.reason, str(error))
            metrics.MESSAGES.labels(topic, "rejected").inc()
            self._done(message.mark)
            return
        usable = [event for event in events if self._usable(event)]
        metrics.MESSAGES.labels(topic, "object" if usable else "skipped").inc()
        refs = {event.object: event.trace_id or message.trace_id or new_trace_id() for event in usable}
        if not refs:
            self._done(message.mark)
            return
        self._open[message.mark] = len(refs)
        for ref, trace_id in refs.items():
            wanted = self._wanted.setdefault(ref, _Wanted(datetime.now(UTC), trace_id))
            wanted.marks.append(message.mark)
        metrics.WAITING.labels("load").set(len(self._wanted))
        self.wake()

    def _usable(self, event: ObjectEvent) -> bool:
        key = event.object.key
        if event.bucket != self._settings.bucket:
            log.info("skipped an object of another bucket: %s/%s", event.bucket, key)
            return False
        if not event.created:
            log.info("skipped an event that is no creation: %s", key)
            return False
        try:
            parse_key(key)
        except ValueError as error:
            log.info("skipped an object that is not ours: %s", error)
            return False
        return True

    async def run(self) -> None:
        """Decide for ever: on events, on Jobs' changes, and when a time has come."""
        self._health.expect("loads", 120)
        while True:
            self._health.beat("loads")
            self._wake.clear()
            try:
                pause = await self._step()
            except ApiError as error:
                log.warning("no load now: %s", error)
                pause = RETRY_SECONDS
            except Exception:
                log.exception("deciding about loads failed")
                pause = RETRY_SECONDS
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                pass

    async def _step(self) -> float:
        await self._flights.tell_ends()
        await self._flights.give_up_stuck(datetime.now(UTC), parse_duration(self._settings.stuck_after))
        self._mind_deleted_sweep()
        now = datetime.now(UTC)
        since = min((wanted.since for wanted in self._wanted.values()), default=None)
        waiting = Waiting(len(self._wanted), since)
        jobs = self._flights.jobs()
        # Remembered, because the Job may be deleted before the interval is over.
        self._swept_at = last_sweep(jobs, self._swept_at)
        sweeps = Sweeps(self._started_at, self._sweep_requested_at, self._swept_at)
        decision = decide_load(now, waiting, jobs, sweeps, self._busy(), self._settings)
        if decision.start == "sweep":
            await self._sweep(now, decision)
        elif decision.start == "load":
            await self._load()
        metrics.WAITING.labels("load").set(len(self._wanted))
        if decision.start:
            self._changed()
            return 0.0 if self._wanted else IDLE_SECONDS
        # Whether batches have settled is no event of its own: look every second while that is waited for.
        return min(_pause(decision.wake_at), 1.0 if self._wanted else IDLE_SECONDS)

    async def _load(self) -> None:
        refs = list(self._wanted)[: self._settings.load_max_objects]
        trace_id = self._wanted[refs[0]].trace_id
        spec = LoadSpec(load_id=load_id(refs), objects=tuple(refs), trace_id=trace_id)
        body = build_load_job(self._settings, spec, self._flights.owners)
        await self._flights.launch(body, f"{len(refs)} objects", trace_id)
        self._settle(refs)

    async def _sweep(self, now: datetime, decision: Decision) -> None:
        # Objects that events have told of by now are in the bucket, so the sweep finds them.
        refs = list(self._wanted)
        spec = LoadSpec(load_id=now.strftime("%Y%m%dt%H%M%S"), sweep=True, trace_id=new_trace_id())
        body = build_load_job(self._settings, spec, self._flights.owners)
        job = await self._flights.launch(body, f"a sweep is {decision.why}", spec.trace_id)
        # Only this Job answers the request now. If it fails, that asks for another; if it is deleted, so do we.
        self._sweep_requested_at, self._sweep_job = None, job.name
        self._settle(refs)

    def _mind_deleted_sweep(self) -> None:
        if self._sweep_job:
            job = self._flights.store.job(self._sweep_job)
            if job is None:
                self.request_sweep("the last one was deleted")
            if job is None or job.state != "active":
                self._sweep_job = ""

    def _settle(self, refs: list[ObjectRef]) -> None:
        for ref in refs:
            for mark in self._wanted.pop(ref).marks:
                self._open[mark] -= 1
                if self._open[mark] == 0:
                    del self._open[mark]
                    self._done(mark)


def _pause(wake_at: datetime | None) -> float:
    if wake_at is None:
        return IDLE_SECONDS
    return min(max((wake_at - datetime.now(UTC)) / timedelta(seconds=1), 0.02), IDLE_SECONDS)
