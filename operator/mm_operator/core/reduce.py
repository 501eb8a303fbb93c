"""One plan: (spec, stored status, its Jobs and pods, now) -> (new status, actions). No event counts, only what is.

Two steps, because slots are shared by all plans: ``survey`` works out where the plan stands and how many Jobs it would
start; ``conclude`` starts as many as were granted. The status is stored before the actions are done, and a stored
status whose actions did not happen asks for the same actions again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mm_contracts.plan import BatchRecord, DroppedSols, PlanSpec, PlanStatus, parse_duration

from mm_operator.core import batches as book
from mm_operator.core.ledger import Action, Ledger, Notice, SuspendJob, open_ledger
from mm_operator.core.observe import Job
from mm_operator.core.split import Batch
from mm_operator.core.story import TERMINAL, Plan, Queue, end_message, merge_conditions, plan_status
from mm_operator.core.times import format_time, parse_time

OPEN_RECORDS: Final = 30
"""Batches that may be active or waiting before fresh ones are held back (or parallelism, where that is more)."""


@dataclass(frozen=True)
class Survey:
    """Where a plan stands before slots are given out."""

    ledger: Ledger
    ready: tuple[tuple[Batch, BatchRecord | None], ...]
    active: int


@dataclass(frozen=True)
class Outcome:
    """The status to store, then the actions to do, then the notices to post; and when to look again at the latest."""

    status: PlanStatus
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    look_again: datetime | None = None


def survey(
    plan: Plan,
    batches: Sequence[Batch],
    jobs: Sequence[Job],
    now: datetime,
    stuck_after: float,
    refusals: Mapping[str, str] | None = None,
) -> Survey:
    """Return where an accepted plan stands. ``refusals`` are Jobs that the API refused to create, by name."""
    ledger = open_ledger(plan.name, plan.uid, plan.spec, batches, plan.status)
    book.observe_jobs(ledger, jobs, stuck_after, now)
    if plan.retry_token and plan.retry_token != plan.status.retry_token:
        book.retry_now(ledger, now)
    book.refuse(ledger, refusals or {})
    ready = [] if plan.spec.suspend else book.due(ledger, now, OPEN_RECORDS)
    return Survey(ledger, tuple(ready), ledger.count("Active"))


def conclude(
    plan: Plan,
    found: Survey,
    jobs: Sequence[Job],
    granted: int,
    queue: Queue,
    dropped: Sequence[DroppedSols],
    now: datetime,
) -> Outcome:
    """Return the plan's new status and what to do, given how many Jobs it may start now."""
    ledger = found.ledger
    book.start(ledger, found.ready[:granted])
    creates = [] if plan.spec.suspend else book.missing_jobs(ledger, jobs)
    actions = [*ledger.actions, *_suspensions(plan.spec, jobs, ledger), *creates]
    status = plan_status(plan, ledger, queue, dropped, now)
    notices = list(ledger.notices)
    if status.phase in TERMINAL and plan.status.phase != status.phase:
        notices.append(
            Notice(
                f"end-{status.phase}-{plan.retry_token}",
                status.phase,
                end_message(status),
                warning=status.phase == "Failed",
            )
        )
    return Outcome(status, tuple(actions), tuple(notices), _look_again(ledger))


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


def _suspensions(spec: PlanSpec, jobs: Sequence[Job], ledger: Ledger) -> list[SuspendJob]:
    if spec.queue_name:
        return []  # Kueue owns the suspension of its Jobs.
    names = {r.job for r in ledger.records.values() if r.state == "Active"}
    return [
        SuspendJob(job.name, spec.suspend)
        for job in jobs
        if job.name in names and job.state == "active" and not job.deleting and job.suspended != spec.suspend
    ]


def _look_again(ledger: Ledger) -> datetime | None:
    times = [parse_time(r.next_attempt) for r in ledger.records.values() if r.state == "Waiting"]
    return min((t for t in times if t is not None), default=None)


def expired(status: PlanStatus, ttl: str, now: datetime) -> bool:
    """Return whether a finished plan has been kept for its ``ttlAfterFinished``."""
    finished = parse_time(status.finished_at)
    if status.phase not in TERMINAL or finished is None:
        return False
    return (now - finished).total_seconds() > parse_duration(ttl)
