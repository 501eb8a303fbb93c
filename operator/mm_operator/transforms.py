"""Finished loads into dbt runs: one at a time, events folded, and at the time a gap's next attempt is due."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mm_contracts.batch import CoveredSols, TransformSpec
from mm_contracts.messages import MessageError, parse_load_complete
from mm_contracts.topics import new_trace_id
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.core.coverage import any_released
from mm_operator.core.fold import Decision, Waiting, completed, decide_transform, last_completed, transform_details
from mm_operator.core.jobs import build_transform_job, digest
from mm_operator.core.observe import Job
from mm_operator.core.offsets import Mark
from mm_operator.core.progress import Notice
from mm_operator.job_line import JobLine, Surroundings
from mm_operator.notices import post_notice
from mm_operator.topics import Message

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    """A finished load that no completed dbt run has seen."""

    since: datetime
    mark: Mark
    load_id: str
    trace_id: str


class Transforms(JobLine):
    """Handles ``snowflake-load-complete`` and keeps dbt Jobs going.

    Offsets are done when a run that saw their loads has completed, not when it starts: a lost or failed run leaves
    them to be read again.
    """

    name = "transforms"
    kinds = ("transform",)

    def __init__(self, around: Surroundings, covered: Callable[[], tuple[CoveredSols, ...]]) -> None:
        super().__init__(around)
        self._covered = covered
        self._loaded: list[_Loaded] = []
        self._taken: dict[str, list[_Loaded]] = {}
        self._deleted: Job | None = None

    async def handle(self, message: Message) -> None:
        """Take a finished load in."""
        topic, done = message.mark.topic, self._around.done
        if any(loaded.mark == message.mark for loads in (self._loaded, *self._taken.values()) for loaded in loads):
            return  # It is read again after a lost connection, and is in hand already.
        try:
            load = parse_load_complete(message.value)
        except MessageError as error:
            await self._around.dead_letters.put(message, error.reason, str(error))
            metrics.MESSAGES.labels(topic, "rejected").inc()
            done(message.mark)
            return
        trace_id = message.trace_id or new_trace_id()
        if load.status != "success":
            # The failed Job itself asks for a sweep: there is nothing to do about the message.
            log.warning("load %s failed: %s %s", load.load_id, load.reason, load.message, extra={"trace_id": trace_id})
            metrics.MESSAGES.labels(topic, "failed-load").inc()
            done(message.mark)
            return
        metrics.MESSAGES.labels(topic, "load").inc()
        self._loaded.append(_Loaded(datetime.now(UTC), message.mark, load.load_id, trace_id))
        metrics.WAITING.labels("transform").set(len(self._loaded))
        self.wake()

    def _waiting(self) -> Waiting:
        return Waiting(len(self._loaded), min((loaded.since for loaded in self._loaded), default=None))

    def _land(self, jobs: Mapping[str, Job]) -> None:
        for name, loads in list(self._taken.items()):
            job = jobs.get(name)
            if job is None and self._deleted is not None and self._deleted.name == name:
                job = self._deleted
            if job is not None and job.state == "active":
                continue
            del self._taken[name]
            if job is not None and completed(job):
                _measure(job)
                for loaded in loads:
                    self._around.done(loaded.mark)
            else:
                # It failed, or somebody deleted it: these loads are still to be seen by a run.
                self._loaded = loads + self._loaded

    def _remember(self, job: Job) -> None:
        self._deleted = job

    async def _tell(self, job: Job) -> None:
        await super()._tell(job)
        # About what the release's Jobs belong to, and by the hand-over's own number: several runs tell of it.
        for about in self._around.owners[:1]:
            body = {"metadata": about, "apiVersion": about.get("apiVersion"), "kind": about.get("kind")}
            for one in transform_details(job).handed_over:
                text = f"{one.rover}: {one.source} is in charge in place of {one.former}: {one.message}"
                await post_notice(self._kube, body, Notice(f"charge-{one.id}", one.reason, text, one.warning))

    def _decide(self, now: datetime, jobs: list[Job]) -> Decision:
        known = [*jobs, self._deleted] if self._deleted and all(j.name != self._deleted.name for j in jobs) else jobs
        released = self._released(last_completed(known, "transform"))
        busy = self._around.busy()
        return decide_transform(now, self._waiting(), known, busy, self._started_at, self._settings, released)

    def _released(self, last: Job | None) -> bool:
        if last is None or not transform_details(last).gaps_held:
            return False
        try:
            before = TransformSpec.model_validate_json(last.spec_json).covered
        except ValidationError:
            return False  # somebody's own Job
        return any_released(before, self._covered())

    def _unused(self, cause: str, attempt: int) -> str:
        """Return a run's id. Events that are read again after a failed run must not find that run instead of one."""
        for later in range(attempt, attempt + 100):
            run_id = f"{cause}-{later}"
            found = self._store.job(f"{self._settings.name_prefix}-transform-{run_id}")
            if found is None or (found.state != "failed" and not found.deleting) or completed(found):
                return run_id
        return f"{cause}-{attempt + 100}"

    async def _start(self, now: datetime, decision: Decision) -> None:
        loads = list(self._loaded)
        if loads:
            cause = ",".join(f"{m.partition}:{m.offset}" for m in sorted(loaded.mark for loaded in loads))
            run_id = self._unused(digest(cause, length=12), decision.attempt)
        else:
            run_id = f"{now:%Y%m%dt%H%M%S}"
        trace_id = loads[0].trace_id if loads else new_trace_id()
        spec = TransformSpec(
            run_id=run_id,
            load_ids=tuple(sorted({loaded.load_id for loaded in loads}))[:500],
            covered=self._covered(),
            trace_id=trace_id,
        )
        body = build_transform_job(self._settings, spec, self._around.owners)
        job = await self._launch(body, f"{decision.why} ({len(loads)} loads)", trace_id)
        self._taken[job.name] = loads
        self._loaded = self._loaded[len(loads) :]
        if job.state != "active":
            self.wake()


def _measure(job: Job) -> None:
    said = transform_details(job)
    metrics.show_archive(said.archive)
    metrics.show_sources(said.sources)
    for step, seconds in said.seconds.items():
        metrics.TRANSFORM_SECONDS.labels(step).set(seconds)
