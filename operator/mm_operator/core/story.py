"""What a plan's status says: phase, machine reason, sentence, conditions, counts, and the records worth keeping."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mm_contracts.plan import BatchCounts, BatchRecord, Condition, DroppedSols, PlanSpec, PlanStatus
from mm_contracts.reasons import Reason

from mm_operator.core.ledger import Ledger, index_text
from mm_operator.core.times import format_time

TERMINAL: Final = frozenset({"Complete", "Failed", "Invalid"})
"""Phases in which a plan has ended."""
FAILED_RECORDS: Final = 20
"""Records kept of batches that failed for good: the latest ones; the others are counted and listed by index."""
LOG_TAILS: Final = 8
"""Records that keep their last log lines."""


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
class Queue:
    """The plan's place among plans that wait for a slot; 0 is not in the queue."""

    place: int = 0
    length: int = 0


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


def plan_status(plan: Plan, ledger: Ledger, queue: Queue, dropped: Sequence[DroppedSols], now: datetime) -> PlanStatus:
    """Return the status of a plan whose batches stand as the ledger has them."""
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
            "conditions": merge_conditions(old.conditions, wanted, plan.generation, now),
            "batches": BatchCounts(
                total=total,
                active=ledger.count("Active"),
                succeeded=done,
                failed=len(ledger.failed),
                waiting=ledger.count("Waiting"),
            ),
            "done": index_text(ledger.done),
            "failed_batches": index_text(ledger.failed),
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


def end_message(status: PlanStatus) -> str:
    """Return the sentence about a plan's end."""
    return next((c.message for c in status.conditions if c.type == status.phase), status.reason)


def merge_conditions(
    old: Sequence[Condition], wanted: Sequence[tuple[str, str, str, str]], generation: int, now: datetime
) -> list[Condition]:
    """Return conditions (type, status, reason, message); one whose status is as before keeps its time."""
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
