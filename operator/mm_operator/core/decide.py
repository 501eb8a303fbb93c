"""One plan: (spec, stored status, its Jobs and pods, now) -> (new status, actions). No event counts, only what is.

Two steps, because slots are shared by all plans: ``assess`` works out where the plan stands and how many Jobs it would
start; ``decide`` starts as many as were granted. The status is stored before the actions are done, and a stored status
whose actions did not happen asks for the same actions again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mm_contracts.plan import BatchRecord, DroppedSols, PlanSpec, PlanStatus, parse_duration

from mm_operator.core import batches as steps
from mm_operator.core.diagnose import next_diagnosis
from mm_operator.core.indexes import Indexes
from mm_operator.core.observe import Job
from mm_operator.core.plan_view import TERMINAL, Plan
from mm_operator.core.progress import Action, Notice, Progress, SuspendJob, open_progress
from mm_operator.core.split import Batch
from mm_operator.core.status import end_message, merge_conditions, plan_status
from mm_operator.core.times import format_time, parse_time


@dataclass(frozen=True)
class Assessment:
    """Where a plan stands before slots are given out."""

    progress: Progress
    jobs: tuple[Job, ...]
    asleep: tuple[Job, ...]
    """Suspended Jobs that would go on now; each wants a slot again."""
    ready: tuple[tuple[Batch, BatchRecord | None], ...]
    """Batches that would start now."""
    held: int

    @property
    def wanted(self) -> int:
        """Slots that the plan would take beside those that it holds."""
        return len(self.asleep) + len(self.ready)


@dataclass(frozen=True)
class Outcome:
    """The status to store, then the actions to do, then the notices to post; and when time alone changes something."""

    status: PlanStatus
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    ended: tuple[Job, ...] = ()
    next_moment: datetime | None = None


def count_progress(
    plan: Plan,
    batches: Sequence[Batch],
    jobs: Sequence[Job],
    now: datetime,
    stuck_after: float,
    refusals: Mapping[str, steps.Refusal] | None = None,
) -> Progress:
    """Return an accepted plan's batches as they stand. ``refusals`` are Jobs that the API refused, by name."""
    progress = open_progress(plan.name, plan.uid, plan.spec, batches, plan.status)
    steps.observe_jobs(progress, jobs, stuck_after, now)
    if plan.retry_token and plan.retry_token != plan.status.retry_token:
        steps.retry_now(progress, jobs, now)
    steps.refuse(progress, refusals or {}, jobs, now)
    steps.stop_refused(progress)
    return progress


def assess(plan: Plan, progress: Progress, jobs: Sequence[Job], blocked: Indexes, now: datetime) -> Assessment:
    """Return what a plan holds and wants. ``blocked`` are batches of which another plan has sols in hand."""
    asleep: tuple[Job, ...] = ()
    ready: list[tuple[Batch, BatchRecord | None]] = []
    if not plan.spec.suspend:
        ready = steps.due(progress, blocked, now)
        names = {r.job for r in progress.records.values() if r.state == "Active"}
        if not plan.spec.queue_name:  # Kueue owns the suspension of its Jobs.
            asleep = tuple(job for job in jobs if job.name in names and _is_suspended(job))
    active = (r for r in progress.records.values() if r.state == "Active")
    return Assessment(progress, tuple(jobs), asleep, tuple(ready), held_slots(plan.spec, active, jobs))


def _is_suspended(job: Job) -> bool:
    return job.state == "active" and job.suspended and not job.deleting


def held_slots(spec: PlanSpec, active: Iterable[BatchRecord], jobs: Iterable[Job]) -> int:
    """Return how many slots a plan holds: Jobs that run, also those being deleted, and Jobs about to be created.

    A suspended Job runs nothing and holds none, and a suspended plan creates none. Jobs that wait for Kueue hold
    theirs: they may start at any time.
    """
    running: set[int] = set()
    known: set[str] = set()
    for job in jobs:
        known.add(job.name)
        if job.state == "active" and (not job.suspended or spec.queue_name):
            running.add(job.batch)
    if not spec.suspend:
        running.update(record.batch for record in active if record.job not in known)
    return len(running)


def decide(
    plan: Plan, found: Assessment, granted: int, dropped: Sequence[DroppedSols], stuck_after: float, now: datetime
) -> Outcome:
    """Return the plan's new status and what to do, given how many Jobs it may start or resume now."""
    progress, jobs, spec = found.progress, found.jobs, plan.spec
    resumed = found.asleep[:granted]
    steps.start(progress, found.ready[: granted - len(resumed)])
    actions: list[Action] = [*progress.actions, *(SuspendJob(job.name, False) for job in resumed)]
    if spec.suspend and not spec.queue_name:
        names = {r.job for r in progress.records.values() if r.state == "Active"}
        actions += [
            SuspendJob(job.name, True)
            for job in jobs
            if job.name in names and job.state == "active" and not job.deleting and not job.suspended
        ]
    if not spec.suspend:
        actions += steps.missing_jobs(progress, jobs)
    status = plan_status(plan, progress, dropped, found.wanted > granted, now)
    notices = list(progress.notices)
    if status.phase in TERMINAL and plan.status.phase != status.phase:
        key = f"end-{status.phase}-{plan.retry_token}"
        reason = status.reason if status.phase == "Complete" else status.phase
        warning = status.phase == "Failed" or status.not_promised_sols > 0
        notices.append(Notice(key, reason, end_message(status), warning))
    moment = _next_moment(progress, jobs, stuck_after, now)
    return Outcome(status, tuple(actions), tuple(notices), tuple(progress.ended), moment)


def invalid(plan_status: PlanStatus, generation: int, sentence: str, now: datetime) -> Outcome:
    """Return the outcome of a plan that passed the schema but cannot be carried out."""
    conditions = merge_conditions(plan_status.conditions, [("Accepted", "False", "Invalid", sentence)], generation, now)
    status = plan_status.model_copy(
        update={
            "phase": "Invalid",
            "reason": "Invalid",
            "observed_generation": generation,
            "conditions": conditions,
            "finished_at": plan_status.finished_at or format_time(now),
        }
    )
    return Outcome(status, notices=(Notice("end-Invalid", "Invalid", sentence, warning=True),))


def _next_moment(progress: Progress, jobs: Iterable[Job], stuck_after: float, now: datetime) -> datetime | None:
    """Return the earliest moment to come. What is due already waits for a slot, and a slot is an event of its own."""
    times = [parse_time(r.next_attempt) for r in progress.records.values() if r.state == "Waiting"]
    times += [next_diagnosis(job, stuck_after, now) for job in jobs]
    return min((t for t in times if t is not None and t > now), default=None)


def expired(status: PlanStatus, ttl: str, now: datetime) -> bool:
    """Return whether a finished plan has been kept for its ``ttlAfterFinished``."""
    finished = parse_time(status.finished_at)
    if status.phase not in TERMINAL or finished is None:
        return False
    return (now - finished).total_seconds() > parse_duration(ttl)
