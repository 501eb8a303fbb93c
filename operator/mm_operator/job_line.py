"""What loads and dbt runs have in common: events wait, a Job takes them, its end is told, and offsets are done.

One machine for both. A line holds what waits and what its Jobs have taken; it decides (core) whether a Job starts now,
creates it by name, follows it to its end, and says when the next decision is due. What differs is when a Job starts,
what it is told, and whether an event is done with its Job's creation or with its success.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from mm_contracts.plan import LABEL_KIND, parse_duration
from mm_contracts.terminations import Termination

from mm_operator import metrics
from mm_operator.core.diagnose import diagnose_active, diagnose_failed, stuck_since
from mm_operator.core.fold import Decision, Waiting, completed
from mm_operator.core.jobs import with_history
from mm_operator.core.observe import Job, settle
from mm_operator.core.offsets import Mark
from mm_operator.core.progress import Notice
from mm_operator.core.settings import OperatorSettings
from mm_operator.deadletters import DeadLetters
from mm_operator.health import Health
from mm_operator.history import History
from mm_operator.kube import ApiError, Kube
from mm_operator.lookups import ask_pods, fetch_logs
from mm_operator.notices import post_notice
from mm_operator.store import Store

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0
"""After an API error."""
OLD_SECONDS: Final = 60.0
"""What ended so long before the start of this process is neither logged nor counted: the one before has done it, or was
not there, and a counter that begins anew would count it at every start."""
EVENT_SECONDS: Final = 3600.0
"""What failed so long before the start gets no Event any more. Clusters keep Events for an hour, mostly: of what failed
later an Event is there if it was told, and posting it again adds nothing; an older one would be told at every start."""
QUIET_SECONDS: Final = 600.0
"""A step in which the API takes its time for each of many calls is slow, and not dead."""
IDLE_SECONDS: Final = 15.0
"""Longest time between two decisions."""


@dataclass
class Event:
    """Something that waits for a Job: since when, for which trace, and the messages that told of it."""

    since: datetime
    trace_id: str
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True)
class Surroundings:
    """What a line works with: the API and what is known, whom its Jobs belong to, and whom it tells."""

    kube: Kube
    store: Store
    settings: OperatorSettings
    owners: Sequence[Mapping[str, Any]]
    dead_letters: DeadLetters
    done: Callable[[Mark], None]
    """Called with a message whose effect exists."""
    busy: Callable[[], bool]
    """Whether what comes before this line is still at work."""
    health: Health
    history: History


class JobLine(ABC):
    """Jobs of some kinds, made one after the other from events."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._settings, self._store, self._kube = around.settings, around.store, around.kube
        self._started_at = datetime.now(UTC)
        self._reported: set[str] = set()
        self._wake = asyncio.Event()

    # What a line is made of

    @abstractmethod
    def _waiting(self) -> Waiting:
        """Return how many events wait, and since when."""

    @abstractmethod
    def _land(self, jobs: Mapping[str, Job]) -> None:
        """Take up what became of this line's Jobs."""

    @abstractmethod
    def _decide(self, now: datetime, jobs: list[Job]) -> Decision:
        """Return whether a Job starts now."""

    @abstractmethod
    async def _start(self, now: datetime, decision: Decision) -> None:
        """Create the Job that was decided on. Raises ApiError."""

    # What they share

    @property
    def busy(self) -> bool:
        """Whether something waits for a Job of this line, or one is under way."""
        return self._waiting().count > 0 or any(job.state == "active" for job in self.jobs(datetime.now(UTC)))

    def wake(self) -> None:
        """Have it decide again."""
        self._wake.set()

    def jobs(self, now: datetime) -> list[Job]:
        """Return the Jobs of this line that exist, as they are to be taken."""
        return [settle(job, now)[0] for job in self._store.jobs(*self.kinds) if not job.deleting]

    async def run(self) -> None:
        """Decide for ever: on events, on Jobs' changes, and when a time has come."""
        self._around.health.expect(self.name, QUIET_SECONDS)
        while True:
            self._around.health.beat(self.name)
            self._wake.clear()
            try:
                pause = await self.step()
            except ApiError as error:
                log.warning("no Job of the %s now: %s", self.name, error)
                pause = RETRY_SECONDS
            except Exception:
                log.exception("deciding about the %s failed", self.name)
                pause = RETRY_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def step(self) -> float:
        """Bring the line a step further; return the seconds until the next decision at the latest. Raises ApiError."""
        now = datetime.now(UTC)
        await self._report_ends(self.jobs(now))
        await self._give_up_stuck(now)
        jobs = self.jobs(now)
        self._land({job.name: job for job in jobs})
        decision = self._decide(now, jobs)
        if decision.start:
            await self._start(now, decision)
        waiting = self._waiting().count
        metrics.WAITING.labels(self.kinds[0]).set(waiting)
        if decision.start:
            return 0.0 if waiting else IDLE_SECONDS
        # Whether what comes before has settled is no event of its own: look every second while that is waited for.
        longest = 1.0 if waiting else IDLE_SECONDS
        if decision.wake_at is None:
            return longest
        return min(max((decision.wake_at - datetime.now(UTC)) / timedelta(seconds=1), 0.02), longest)

    async def _launch(self, body: dict[str, Any], why: str, trace_id: str) -> Job:
        """Create a Job, or find the one of its name. Raises ApiError."""
        history = self._around.history
        package = history.package()
        found, fresh = await self._kube.create("jobs", with_history(body, package.text))
        name = found["metadata"]["name"]
        if fresh:
            history.sent(name, package)
        self._store.put("jobs", found)
        if fresh:
            metrics.job_made(found["metadata"]["labels"][LABEL_KIND])
            log.info("started Job %s: %s", name, why, extra={"trace_id": trace_id})
        job = self._store.job(name)
        if job is None:
            raise ApiError(0, "Gone", f"Job {name} was deleted as soon as it was created")
        return job

    async def _report_ends(self, jobs: list[Job]) -> None:
        """Log, count and post the ends that have not been told yet; pods that ended meanwhile are asked for.

        Of what failed while no operator was running an Event is posted all the same: a run whose data tests failed has
        completed, so that nothing else would tell of it before the next run.
        """
        self._reported &= {job.name for job in jobs}
        ended = [job for job in jobs if job.state != "active" and job.name not in self._reported]
        # The termination message decides whether a run counts as completed: without the pod it is not known.
        await ask_pods(self._kube, self._store, [job.name for job in ended if not job.told])
        now = datetime.now(UTC)
        fresh = {job.name: job for job in self.jobs(now)}
        ended = [fresh[job.name] for job in ended if job.name in fresh]
        wanted = [(j.name, j.pods[0].name) for j in ended if j.pods and not completed(j) and not j.lost]
        await fetch_logs(self._kube, self._store, wanted)
        for job in ended:
            known = self._store.job(job.name)
            if not self._ended_before(job, OLD_SECONDS):
                self._report(job, (known.log_tail if known else None) or "")
            if not self._ended_before(job, EVENT_SECONDS):
                await self._tell(job)
            if job.kept_by:
                log.info("deleting Job %s: its work has ended, but %s keeps its pod", job.name, job.kept_by)
                self._remember(job)
                await self._kube.delete("jobs", job.name, self._store.job_uid(job.name))
            self._reported.add(job.name)

    def _remember(self, job: Job) -> None:  # noqa: B027
        """Keep in mind what is needed of a Job that is about to be deleted."""

    async def _give_up_stuck(self, now: datetime) -> None:
        """End Jobs that cannot start for a missing image or configuration: a shorter deadline makes them fail."""
        stuck_after = parse_duration(self._settings.stuck_after)
        for job in self.jobs(now):
            why = diagnose_active(job, now) if job.state == "active" and job.name not in self._reported else None
            since = stuck_since(job)
            if why is None or not why.stuck or since is None or (now - since).total_seconds() < stuck_after:
                continue
            log.warning("Job %s cannot start: %s", job.name, why.told)
            await self._kube.patch("jobs", job.name, {"spec": {"activeDeadlineSeconds": 1}})
            metrics.job_ended(job.kind, str(why.reason))
            self._reported.add(job.name)

    def _ended_before(self, job: Job, seconds: float) -> bool:
        """Return whether a Job ended longer than so before this process started."""
        return job.ended_at is not None and job.ended_at <= self._started_at - timedelta(seconds=seconds)

    def _report(self, job: Job, log_tail: str) -> None:
        trace_id = self._store.job_trace(job.name)
        if job.state == "succeeded":
            metrics.job_ended(job.kind, "Success")
            if (end := job.termination) is not None:
                metrics.show_set_aside(job.kind, end.details)
            log.info("Job %s is done: %s", job.name, _summary(job.termination), extra={"trace_id": trace_id})
            return
        why = diagnose_failed(job)
        metrics.job_ended(job.kind, str(why.reason))
        log.warning(
            "Job %s failed: %s %s",
            job.name,
            why.told,
            f"Last lines: {log_tail}" if log_tail and not completed(job) else "",
            extra={"trace_id": trace_id, "reason": str(why.reason)},
        )

    async def _tell(self, job: Job) -> None:
        """Post the Events about an ended Job."""
        if job.state != "failed":
            return
        why = diagnose_failed(job)
        body = self._store.job_body(job.name)
        if body is not None:
            await post_notice(self._kube, body, Notice("end", str(why.reason), why.told, True))


def _summary(end: Termination | None) -> str:
    if end is None:
        return "it left no word"
    plain = (str, int, float, bool)
    details = [f"{name}={value}" for name, value in end.details.model_dump().items() if isinstance(value, plain)]
    return " ".join([end.message, *details]).strip()[:400]
