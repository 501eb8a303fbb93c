"""What a plan's status says: phase, machine reason, sentence, conditions, counts, and the records worth keeping."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mm_contracts.plan import BatchCounts, BatchRecord, Condition, DroppedSols, PlanStatus
from mm_contracts.reasons import Reason

from mm_operator.core.coverage import RETURNED, waits_for
from mm_operator.core.plan_view import TERMINAL, Plan
from mm_operator.core.progress import Progress
from mm_operator.core.times import format_time

FAILED_RECORDS: Final = 20
"""Records kept of batches that failed for good: the latest ones; the others are counted and listed by index."""
SOL_MISMATCH: Final = "SolMismatch"
"""Reason of a plan that is done, though photos or cameras of some sols are not what the manifest promises."""
LOG_TAILS: Final = 8
"""Records that keep their last log lines."""


def _kept_records(progress: Progress) -> list[BatchRecord]:
    failures = sorted(progress.old_failures.values(), key=lambda r: (r.last_attempt or "", r.batch))[-FAILED_RECORDS:]
    records = sorted([*progress.records.values(), *failures], key=lambda r: r.batch)
    tails = sorted((r for r in records if r.log_tail), key=lambda r: (r.last_attempt or "", r.batch), reverse=True)
    keep = {r.batch for r in tails[:LOG_TAILS]}
    return [r if r.batch in keep or not r.log_tail else r.model_copy(update={"log_tail": None}) for r in records]


def _main_reason(records: Sequence[BatchRecord]) -> str:
    counts = Counter(r.reason for r in records if r.reason)
    return max(sorted(counts), key=lambda reason: counts[reason]) if counts else ""


@dataclass
class _Phase:
    """Phase, machine reason and sentence of a plan."""

    name: str
    reason: str
    message: str
    progressing: bool = False


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _done(progress: Progress, dropped: Sequence[DroppedSols]) -> _Phase:
    total = len(progress.batches)
    elsewhere = {entry.plan for entry in dropped if entry.ended != RETURNED}
    if total == 0 and elsewhere:
        return _Phase("Complete", "AlreadyCovered", f"Everything it names was fetched by {_names(elsewhere)}.")
    rest = f" The sols that it lacks were fetched by {_names(elsewhere)}." if elsewhere else ""
    what = "Its batch is" if total == 1 else f"All {total} batches are"
    return _Phase("Complete", _odd_reason(progress) or "Complete", f"{what} done.{rest}{_odd_sols(progress)}")


def _odd_reason(progress: Progress) -> str:
    """Return the reason of a plan that is done, but whose sols are not what was asked for, or an empty text."""
    if progress.not_promised:
        return str(Reason.SOL_NOT_PROMISED)
    return SOL_MISMATCH if progress.mismatched else ""


def _odd_sols(progress: Progress) -> str:
    """Return sentences about sols that came to nothing or to something else than the manifest promises."""
    text, of = "", "its 1 sol" if progress.sols == 1 else f"{progress.sols} sols"
    if number := progress.not_promised:
        text += f" {number} of {of} {_are(number)} not in the rover's manifest: the source has nothing to fetch."
    if number := progress.mismatched:
        text += f" {number} of {of} {_are(number)} not as the manifest promises: recorded, and looked at again."
    return text


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _failed(progress: Progress) -> _Phase:
    total, failed = len(progress.batches), len(progress.failed)
    reason = _main_reason(list(progress.old_failures.values())) or str(Reason.UNKNOWN)
    untried = f" {progress.untried} of them were not tried, because the source refuses." if progress.untried else ""
    message = (
        f"{failed} of {total} batches failed for good, {len(progress.done)} are done.{untried}{_odd_sols(progress)}"
    )
    return _Phase("Failed", reason, message)


def _phase(plan: Plan, progress: Progress, dropped: Sequence[DroppedSols], queued: bool) -> _Phase:
    total, done, failed = len(progress.batches), len(progress.done), len(progress.failed)
    active, waiting = progress.count("Active"), progress.count("Waiting")
    others = waits_for(dropped)
    if progress.finished and not others:
        return _failed(progress) if failed else _done(progress, dropped)
    text = f"{done} of {total} batches done, {active} running, {waiting} waiting for another try, {failed} failed."
    if plan.spec.suspend:
        return _Phase("Suspended", "Suspended", f"Suspended: {text}")
    if progress.finished:
        return _Phase("Running", "Covered", f"Its other sols are in hand of {_names(others)}: {text}", True)
    problem = _main_reason([r for r in progress.records.values() if r.reason])
    if not progress.records and queued:
        return _Phase("Running" if done or failed else "Pending", "Queued", f"Waits for a free slot: {text}", True)
    return _Phase("Running", problem or "InProgress", text, True)


def plan_status(
    plan: Plan, progress: Progress, dropped: Sequence[DroppedSols], queued: bool, now: datetime
) -> PlanStatus:
    """Return the status of a plan whose batches stand as they were counted."""
    phase = _phase(plan, progress, dropped, queued)
    limited = [r for r in progress.records.values() if r.reason == Reason.RATE_LIMITED]
    wanted = [
        ("Accepted", "True", "Accepted", "The plan is valid and its batches are fixed."),
        ("Progressing", "True" if phase.progressing else "False", phase.reason, phase.message),
        ("Complete", "True" if phase.name == "Complete" else "False", phase.reason, phase.message),
        ("Failed", "True" if phase.name == "Failed" else "False", phase.reason, phase.message),
    ]
    if limited:
        wanted.append(("RateLimited", "True", "RateLimited", limited[0].message or "The source limits requests."))
    elif any(c.type == "RateLimited" for c in plan.status.conditions):
        wanted.append(("RateLimited", "False", "Allowed", "The source allows requests."))
    if plan.charge:
        first = "True" if plan.charge.preferred else "False"
        wanted.append(("PreferredSource", first, plan.charge.reason, plan.charge.message))
    total, done = len(progress.batches), len(progress.done)
    old = plan.status
    ended = phase.name in TERMINAL
    return old.model_copy(
        update={
            "observed_generation": plan.generation,
            "phase": phase.name,
            "reason": phase.reason,
            "conditions": merge_conditions(old.conditions, wanted, plan.generation, now),
            "batches": BatchCounts(
                total=total,
                active=progress.count("Active"),
                succeeded=done,
                failed=len(progress.failed),
                waiting=progress.count("Waiting"),
            ),
            "batch_sols": plan.batch_sols,
            "completed_indexes": progress.done.text,
            "failed_indexes": progress.failed.text,
            "refusals": dict(sorted(progress.refusals.items())),
            "untried": progress.untried,
            "first_attempt": progress.first_attempt,
            "progress": f"{done}/{total}",
            "rovers": ",".join(rover.name for rover in plan.spec.rovers),
            "sols": progress.sols,
            "not_promised_sols": progress.not_promised,
            "mismatched_sols": progress.mismatched,
            "photos": progress.photos,
            "bytes": progress.bytes,
            "requests": progress.requests,
            "records": _kept_records(progress),
            "dropped": list(dropped),
            "rejected_tasks": plan.rejected_tasks,
            "retry_token": plan.retry_token,
            "started_at": old.started_at or (format_time(now) if progress.records or progress.done else None),
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
