"""Object events into load Jobs, and sweeps of the bucket for what no event told."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from mm_contracts.batch import LoadSpec, ObjectRef
from mm_contracts.keys import parse_key
from mm_contracts.messages import MessageError, ObjectEvent, parse_object_events
from mm_contracts.topics import new_trace_id

from mm_operator import metrics
from mm_operator.core.fold import Decision, Sweeps, Waiting, decide_load, last_sweep
from mm_operator.core.jobs import build_load_job, load_id
from mm_operator.core.observe import Job
from mm_operator.core.offsets import Mark
from mm_operator.job_line import Event, JobLine, Surroundings
from mm_operator.topics import Message

log = logging.getLogger(__name__)


class Loads(JobLine):
    """Handles ``minio-events`` and keeps load and sweep Jobs going. An event is done once a Job names its object."""

    name = "loads"
    kinds = ("load", "sweep")

    def __init__(self, around: Surroundings, changed: Callable[[], None]) -> None:
        super().__init__(around)
        self._changed = changed
        self._wanted: dict[ObjectRef, Event] = {}
        self._open: dict[Mark, int] = {}
        self._swept_at: datetime | None = None
        self._sweep_requested_at: datetime | None = None
        self._sweep_job = ""

    def request_sweep(self, why: str, seconds: float = 0) -> None:
        """Ask for a sweep of the bucket, in so many seconds: events may have been lost."""
        log.info("a sweep of the bucket is wanted: %s", why)
        self._sweep_requested_at = datetime.now(UTC) + timedelta(seconds=seconds)
        self.wake()

    async def handle(self, message: Message) -> None:
        """Take the objects of an event in; its offset is done once each has a Job."""
        topic, done = message.mark.topic, self._around.done
        if message.mark in self._open:
            return  # It is read again after a lost connection, and is in hand already.
        try:
            events, rejected = parse_object_events(message.value)
        except MessageError as error:
            await self._around.dead_letters.put(message, error.reason, str(error))
            metrics.MESSAGES.labels(topic, "rejected").inc()
            done(message.mark)
            return
        for why in rejected:
            log.warning("skipped a record of an event, its object is left to a sweep: %s", why)
        usable = [event for event in events if self._usable(event)]
        metrics.MESSAGES.labels(topic, "object" if usable else "skipped").inc()
        refs = {event.object: event.trace_id or message.trace_id or new_trace_id() for event in usable}
        if not refs:
            done(message.mark)
            return
        self._open[message.mark] = len(refs)
        for ref, trace_id in refs.items():
            self._wanted.setdefault(ref, Event(datetime.now(UTC), trace_id)).marks.append(message.mark)
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

    def _waiting(self) -> Waiting:
        return Waiting(len(self._wanted), min((event.since for event in self._wanted.values()), default=None))

    def _land(self, jobs: Mapping[str, Job]) -> None:
        # Remembered, because the Job may be deleted before the interval is over.
        self._swept_at = last_sweep(jobs.values(), self._swept_at)
        if self._sweep_job:
            job = jobs.get(self._sweep_job)
            if job is None:
                self.request_sweep("the last one was deleted")
            if job is None or job.state != "active":
                self._sweep_job = ""

    def _remember(self, job: Job) -> None:
        self._swept_at = last_sweep([job], self._swept_at)
        self._sweep_job = "" if self._sweep_job == job.name else self._sweep_job

    def _decide(self, now: datetime, jobs: list[Job]) -> Decision:
        sweeps = Sweeps(self._started_at, self._sweep_requested_at, self._swept_at)
        return decide_load(now, self._waiting(), jobs, sweeps, self._around.busy(), self._settings)

    async def _start(self, now: datetime, decision: Decision) -> None:
        if decision.start == "sweep":
            await self._sweep(now, decision)
        else:
            await self._load()
        self._changed()

    async def _load(self) -> None:
        refs = list(self._wanted)[: self._settings.load_max_objects]
        trace_id = self._wanted[refs[0]].trace_id
        spec = LoadSpec(load_id=load_id(refs), objects=tuple(refs), trace_id=trace_id)
        body = build_load_job(self._settings, spec, self._around.owners)
        await self._launch(body, f"{len(refs)} objects", trace_id)
        self._settle(refs)

    async def _sweep(self, now: datetime, decision: Decision) -> None:
        # Objects that events have told of by now are in the bucket, so the sweep finds them.
        refs = list(self._wanted)
        spec = LoadSpec(load_id=now.strftime("%Y%m%dt%H%M%S"), sweep=True, trace_id=new_trace_id())
        body = build_load_job(self._settings, spec, self._around.owners)
        job = await self._launch(body, f"a sweep is {decision.why}", spec.trace_id)
        # Only this Job answers the request now. If it fails, that asks for another; if it is deleted, so do we.
        self._sweep_requested_at, self._sweep_job = None, job.name
        self._settle(refs)

    def _settle(self, refs: list[ObjectRef]) -> None:
        for ref in refs:
            for mark in self._wanted.pop(ref).marks:
                self._open[mark] -= 1
                if self._open[mark] == 0:
                    del self._open[mark]
                    self._around.done(mark)
