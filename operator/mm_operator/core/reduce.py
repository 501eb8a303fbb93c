"""One plan: (spec, stored status, its Jobs and pods, now) -> (new status, actions). No event counts, only what is.

Two steps, because slots are shared by all plans: ``survey`` works out where the plan stands and how many Jobs it would
start; ``conclude`` starts as many as were granted. The status is stored before the actions are done, and a stored
status whose actions did not happen asks for the same actions again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mm_contracts.plan import BatchCounts, BatchRecord, Condition, DroppedSols, PlanSpec, PlanStatus, parse_duration
from mm_contracts.reasons import Reason

from mm_operator.core import batches as book
from mm_operator.core.batches import Action, CreateJob, Ledger, Notice, SuspendJob
from mm_operator.core.observe import Job
from mm_operator.core.split import Batch
from mm_operator.core.times import format_time, parse_time

OPEN_RECORDS: Final = 30
"""Batches that may be active or waiting before fresh ones are held back (or parallelism, where that is more)."""
FAILED_RECORDS: Final = 20
"""Records kept of batches that failed for good: the latest ones; the others are counted and listed by index."""
LOG_TAILS: Final = 8
"""Records that keep their last log lines."""
TERMINAL: Final = frozenset({"Complete", "Failed", "Invalid"})


@dataclass(frozen=True)
class Plan:
    """A plan as observed: identity, spec, stored status, and the retry token of its annotation."""

    name: str
    uid: str
    created_at: str
    generation: int
    spec: PlanSpec
    status: PlanStatus
    trace_id: str = ""
    rejected_tasks: int = 0
    retry_token: str = ""


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


@dataclass(frozen=True)
class Queue:
    """The plan's place among plans that wait for a slot; 0 is not in the queue."""

    place: int = 0
    length: int = 0


def survey(
    plan: Plan,
    batches: Sequence[Batch],
    jobs: Sequence[Job],
    now: datetime,
    stuck_after: float,
    refusals: Mapping[str, str] | None = None,
) -> Survey:
    """Return where an accepted plan stands. ``refusals`` are Jobs that the API refused to create, by name."""
    ledger = book.open_ledger(plan.name, plan.uid, plan.spec, batches, plan.status)
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
    status = _status(plan, ledger, queue, dropped, now)
    notices = list(ledger.notices)
    if status.phase in TERMINAL and plan.status.phase != status.phase:
        notices.append(
            Notice(
                f"end-{status.phase}-{plan.retry_token}",
                status.phase,
                _condition_message(status),
                warning=status.phase == "Failed",
            )
        )
    return Outcome(status, tuple(actions), tuple(notices), _look_again(ledger))


def invalid(plan_status: PlanStatus, generation: int, sentence: str, now: datetime) -> Outcome:
    """Return the outcome of a plan that passed the schema but cannot be carried out."""
    conditions = _merge_conditions(
        plan_status.conditions, [("Accepted", "False", "Invalid", sentence)], generation, now
    )
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


def _kept_records(ledger: Ledger) -> list[BatchRecord]:
    failures = sorted(ledger.old_failures.values(), key=lambda r: (r.last_attempt or "", r.batch))[-FAILED_RECORDS:]
    records = sorted([*ledger.records.values(), *failures], key=lambda r: r.batch)
    tails = sorted((r for r in records if r.log_tail), key=lambda r: (r.last_attempt or "", r.batch), reverse=True)
    keep = {r.batch for r in tails[:LOG_TAILS]}
    return [r if r.batch in keep or not r.log_tail else r.model_copy(update={"log_tail": None}) for r in records]


def _main_reason(records: Sequence[BatchRecord]) -> str:
    counts = Counter(r.reason for r in records if r.reason)
    return max(sorted(counts), key=lambda reason: counts[reason]) if counts else ""


@dataclass
class _Story:
    """Phase, machine reason and sentence of a plan."""

    phase: str
    reason: str
    message: str
    progressing: bool = False
    extra: list[tuple[str, str, str, str]] = field(default_factory=list)


def _story(plan: Plan, ledger: Ledger, queue: Queue, dropped: Sequence[DroppedSols]) -> _Story:
    total, done, failed = len(ledger.batches), len(ledger.done), len(ledger.failed)
    active, waiting = ledger.count("Active"), ledger.count("Waiting")
    if ledger.finished and not failed:
        if total == 0 and dropped:
            names = ", ".join(sorted({d.plan for d in dropped}))
            return _Story("Complete", "AlreadyCovered", f"Everything it names is being fetched by {names}.")
        return _Story("Complete", "Complete", f"All {total} batches are done.")
    if ledger.finished:
        reason = _main_reason(list(ledger.old_failures.values())) or str(Reason.UNKNOWN)
        return _Story("Failed", reason, f"{failed} of {total} batches failed for good, {done} are done.")
    progress = f"{done} of {total} batches done, {active} running, {waiting} waiting for another try, {failed} failed."
    if plan.spec.suspend:
        return _Story("Suspended", "Suspended", f"Suspended: {progress}")
    problem = _main_reason([r for r in ledger.records.values() if r.reason])
    if not ledger.records and queue.place:
        phase = "Running" if done or failed else "Pending"
        return _Story(
            phase, "Queued", f"Waits for a free slot, place {queue.place} of {queue.length}: {progress}", True
        )
    return _Story("Running", problem or "InProgress", progress, True)


def _status(plan: Plan, ledger: Ledger, queue: Queue, dropped: Sequence[DroppedSols], now: datetime) -> PlanStatus:
    story = _story(plan, ledger, queue, dropped)
    limited = [r for r in ledger.records.values() if r.reason == Reason.RATE_LIMITED]
    wanted = [
        ("Accepted", "True", "Accepted", "The plan is valid and its batches are fixed."),
        ("Progressing", "True" if story.progressing else "False", story.reason, story.message),
        ("Complete", "True" if story.phase == "Complete" else "False", story.reason, story.message),
        ("Failed", "True" if story.phase == "Failed" else "False", story.reason, story.message),
    ]
    if limited:
        wanted.append(("RateLimited", "True", "RateLimited", limited[0].message or "The source limits requests."))
    elif any(c.type == "RateLimited" for c in plan.status.conditions):
        wanted.append(("RateLimited", "False", "Allowed", "The source allows requests."))
    total, done = len(ledger.batches), len(ledger.done)
    old = plan.status
    ended = story.phase in TERMINAL
    return old.model_copy(
        update={
            "observed_generation": plan.generation,
            "phase": story.phase,
            "reason": story.reason,
            "conditions": _merge_conditions(old.conditions, wanted, plan.generation, now),
            "batches": BatchCounts(
                total=total,
                active=ledger.count("Active"),
                succeeded=done,
                failed=len(ledger.failed),
                waiting=ledger.count("Waiting"),
            ),
            "done": book.index_text(ledger.done),
            "failed_batches": book.index_text(ledger.failed),
            "progress": f"{done}/{total}",
            "rovers": ",".join(rover.name for rover in plan.spec.rovers),
            "sols": ledger.sols,
            "photos": ledger.photos,
            "bytes": ledger.bytes,
            "requests": ledger.requests,
            "records": _kept_records(ledger),
            "dropped": list(dropped),
            "rejected_tasks": plan.rejected_tasks,
            "retry_token": plan.retry_token,
            "started_at": old.started_at or (format_time(now) if ledger.records or ledger.done else None),
            "finished_at": ((old.finished_at if old.phase in TERMINAL else None) or format_time(now))
            if ended
            else None,
            "trace_id": plan.trace_id,
        }
    )


def _condition_message(status: PlanStatus) -> str:
    return next((c.message for c in status.conditions if c.type == status.phase), status.reason)


def _merge_conditions(
    old: Sequence[Condition], wanted: Sequence[tuple[str, str, str, str]], generation: int, now: datetime
) -> list[Condition]:
    before = {c.type: c for c in old}
    merged = []
    for kind, state, reason, message in wanted:
        earlier = before.get(kind)
        since = earlier.last_transition_time if earlier and earlier.status == state else format_time(now)
        merged.append(
            Condition.model_validate(
                {
                    "type": kind,
                    "status": state,
                    "reason": reason,
                    "message": message,
                    "lastTransitionTime": since,
                    "observedGeneration": generation,
                }
            )
        )
    return merged


def expired(status: PlanStatus, ttl: str, now: datetime) -> bool:
    """Return whether a finished plan has been kept for its ``ttlAfterFinished``."""
    finished = parse_time(status.finished_at)
    if status.phase not in TERMINAL or finished is None:
        return False
    return (now - finished).total_seconds() > parse_duration(ttl)


__all__ = [
    "Action",
    "CreateJob",
    "Outcome",
    "Plan",
    "Queue",
    "Survey",
    "conclude",
    "expired",
    "invalid",
    "survey",
]
