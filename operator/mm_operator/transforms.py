"""Finished loads into dbt runs: one at a time, events folded, and at the time a gap's next attempt is due."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mm_contracts.batch import CoveredSols, TransformSpec
from mm_contracts.messages import MessageError, parse_load_complete
from mm_contracts.plan import parse_duration
from mm_contracts.topics import new_trace_id
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.core.coverage import lets_go
from mm_operator.core.fold import Decision, Waiting, completed, decide_transform, last_completed
from mm_operator.core.jobs import build_transform_job, digest
from mm_operator.core.observe import Job
from mm_operator.core.offsets import Mark
from mm_operator.core.settings import OperatorSettings
from mm_operator.deadletters import DeadLetters
from mm_operator.flights import IDLE_SECONDS, RETRY_SECONDS, Flights
from mm_operator.health import Health
from mm_operator.kube import ApiError
from mm_operator.topics import Message

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    """A finished load that no completed dbt run has seen."""

    since: datetime
    mark: Mark
    load_id: str
    trace_id: str


class Transforms:
    """Handles ``snowflake-load-complete`` and keeps dbt Jobs going.

    Offsets are done when a run that saw their loads has completed, not when it starts: a lost or failed run leaves
    them to be read again.
    """

    def __init__(
        self,
        flights: Flights,
        settings: OperatorSettings,
        dead_letters: DeadLetters,
        done: Callable[[Mark], None],
        busy: Callable[[], bool],
        covered: Callable[[], tuple[CoveredSols, ...]],
        health: Health,
    ) -> None:
        self._flights, self._settings, self._dead_letters = flights, settings, dead_letters
        self._done, self._busy, self._covered, self._health = done, busy, covered, health
        self._waiting: list[_Loaded] = []
        self._flying: dict[str, list[_Loaded]] = {}
        self._started_at = datetime.now(UTC)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Have it decide again."""
        self._wake.set()

    async def handle(self, message: Message) -> None:
        """Take a finished load in."""
        topic = message.mark.topic
        if any(loaded.mark == message.mark for loads in (self._waiting, *self._flying.values()) for loaded in loads):
            return  # It is read again after a lost connection, and is in hand already.
        try:
            load = parse_load_complete(message.value)
        except MessageError as error:
            await self._dead_letters.put(message, error.reason, str(error))
            metrics.MESSAGES.labels(topic, "rejected").inc()
            self._done(message.mark)
            return
        trace_id = message.trace_id or new_trace_id()
        if load.status != "success":
            # The failed Job itself asks for a sweep: there is nothing to do about the message.
            log.warning("load %s failed: %s %s", load.load_id, load.reason, load.message, extra={"trace_id": trace_id})
            metrics.MESSAGES.labels(topic, "failed-load").inc()
            self._done(message.mark)
            return
        metrics.MESSAGES.labels(topic, "load").inc()
        self._waiting.append(_Loaded(datetime.now(UTC), message.mark, load.load_id, trace_id))
        metrics.WAITING.labels("transform").set(len(self._waiting))
        self.wake()

    async def run(self) -> None:
        """Decide for ever: on events, on Jobs' changes, and when a time has come."""
        self._health.expect("transforms", 120)
        while True:
            self._health.beat("transforms")
            self._wake.clear()
            try:
                pause = await self._step()
            except ApiError as error:
                log.warning("no dbt run now: %s", error)
                pause = RETRY_SECONDS
            except Exception:
                log.exception("deciding about dbt runs failed")
                pause = RETRY_SECONDS
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                pass

    async def _step(self) -> float:
        await self._flights.tell_ends()
        await self._flights.give_up_stuck(datetime.now(UTC), parse_duration(self._settings.stuck_after))
        self._land()
        jobs = self._flights.jobs()
        since = min((loaded.since for loaded in self._waiting), default=None)
        waiting = Waiting(len(self._waiting), since)
        now = datetime.now(UTC)
        let_go = self._let_go(last_completed(jobs, "transform"))
        decision = decide_transform(now, waiting, jobs, self._busy(), self._started_at, self._settings, let_go)
        if decision.start:
            await self._start(now, decision)
            return IDLE_SECONDS
        if decision.wake_at is None:
            return IDLE_SECONDS
        # Whether batches and loads have settled is no event of its own: look every second while that is waited for.
        pause = (decision.wake_at - now) / timedelta(seconds=1)
        return min(max(pause, 0.02), 1.0 if self._waiting else IDLE_SECONDS)

    def _land(self) -> None:
        for name, loads in list(self._flying.items()):
            job = self._flights.store.job(name)
            if job is not None and job.state == "active":
                continue
            del self._flying[name]
            if job is not None and completed(job):
                _measure(job)
                for loaded in loads:
                    self._done(loaded.mark)
            else:
                # It failed, or somebody deleted it: these loads are still to be seen by a run.
                self._waiting = loads + self._waiting
        metrics.WAITING.labels("transform").set(len(self._waiting))

    def _let_go(self, last: Job | None) -> bool:
        if last is None or last.termination is None or not last.termination.details.get("gaps_held"):
            return False
        try:
            before = TransformSpec.model_validate_json(last.spec_json).covered
        except ValidationError:
            return False  # somebody's own Job
        return lets_go(before, self._covered())

    def _unused(self, cause: str, attempt: int) -> str:
        """Return a run's id. Events that are read again after a failed run must not find that run instead of one."""
        for later in range(attempt, attempt + 100):
            run_id = f"{cause}-{later}"
            found = self._flights.store.job(f"{self._settings.name_prefix}-transform-{run_id}")
            if found is None or found.state != "failed" or completed(found):
                return run_id
        return f"{cause}-{attempt + 100}"

    async def _start(self, now: datetime, decision: Decision) -> None:
        loads = list(self._waiting)
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
        body = build_transform_job(self._settings, spec, self._flights.owners)
        job = await self._flights.launch(body, f"{decision.why} ({len(loads)} loads)", trace_id)
        self._flying[job.name] = loads
        self._waiting = self._waiting[len(loads) :]
        if job.state != "active":
            self.wake()


def _measure(job: Job) -> None:
    steps = job.termination.details.get("seconds") if job.termination else None
    for step, seconds in steps.items() if isinstance(steps, dict) else ():
        if isinstance(seconds, int | float):
            metrics.TRANSFORM_SECONDS.labels(step).set(seconds)
