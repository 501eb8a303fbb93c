"""Records of what has ended: a Job with its pods, or a plan."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mm_contracts.batch import BatchSpec
from mm_contracts.history import WorkRecord
from mm_contracts.plan import PlanStatus
from mm_contracts.terminations import TransformDetails
from pydantic import ValidationError

from mm_operator.core.diagnose import diagnose_active, diagnose_failed
from mm_operator.core.observe import Job
from mm_operator.core.status import end_message
from mm_operator.core.times import format_time, parse_time

PATIENCE: Final = timedelta(seconds=60)
"""So long a record waits for what its Job's pod and log tell."""
_KINDS: Final = frozenset({"ingest", "load", "sweep", "transform"})
_MESSAGE: Final = 1_000


def is_ready(job: Job, now: datetime) -> bool:
    """Return whether a Job has ended and everything that can be known of it is known, or is not worth waiting for."""
    if job.state == "active" or job.kind not in _KINDS:
        return False
    if job.ended_at is None or now >= job.ended_at + PATIENCE:
        return True
    has_log = job.state == "succeeded" or job.log_tail is not None or job.lost or not job.pods
    return job.told and has_log


def job_record(job: Job, uid: str, trace_id: str, now: datetime) -> WorkRecord:
    """Return the record of a Job that has ended, or that was deleted before.

    Args:
        job: with its pods.
        uid: the Job's.
        trace_id: the Job's.
        now: its end, where nothing tells of another.
    """
    end, batch = job.termination, _batch(job)
    outcome, reason, message = _outcome(job, now)
    return WorkRecord(
        uid=uid,
        kind=job.kind,  # type: ignore[arg-type]  # pydantic looks
        name=job.name,
        plan=job.plan,
        batch=job.batch if job.batch >= 0 else None,
        attempt=job.attempt if job.kind == "ingest" else None,
        dataset=batch.dataset if batch else "",
        rover=batch.rover if batch else "",
        sols=batch.sols if batch else "",
        source=batch.source if batch else "",
        outcome=outcome,
        reason=reason,
        message=message[:_MESSAGE],
        created_at=format_time(job.created_at) if job.created_at else None,
        ended_at=format_time(job.finished_at or job.ended_at or now),
        run_seconds=next((pod.run_seconds for pod in job.pods if pod.run_seconds is not None), None),
        cpu_seconds=end.cpu_seconds or None if end else None,
        requests=end.requests if end else 0,
        bytes=end.bytes if end else 0,
        photos=end.photos if end else 0,
        sol_count=end.sols if end else 0,
        not_promised=end.not_promised if end else 0,
        mismatched=end.mismatched if end else 0,
        trace_id=trace_id,
        log_tail=job.log_tail or "" if outcome == "failed" else "",
        details=_details(job),
    )


def plan_record(body: Mapping[str, Any], status: PlanStatus) -> WorkRecord:
    """Return the record of a plan that has ended, from its API object and its last status."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    started, finished = parse_time(status.started_at), parse_time(status.finished_at)
    complete = status.phase == "Complete"
    rovers = [rover for rover in spec.get("rovers") or () if isinstance(rover, Mapping)]
    only = rovers[0] if len(rovers) == 1 else {}
    return WorkRecord(
        uid=metadata["uid"],
        kind="plan",
        name=metadata["name"],
        plan=metadata["name"],
        dataset=str(spec.get("dataset") or "photos"),
        rover=",".join(str(rover.get("name")) for rover in rovers),
        sols=",".join(map(str, only.get("sols") or ()))[:1_000],
        source=str(spec.get("source") or ""),
        outcome="succeeded" if complete else "failed",
        reason="" if complete and status.reason == "Complete" else status.reason,
        message=end_message(status)[:_MESSAGE],
        created_at=metadata.get("creationTimestamp"),
        ended_at=status.finished_at or status.started_at or metadata["creationTimestamp"],
        run_seconds=(finished - started).total_seconds() if started and finished else None,
        requests=status.requests,
        bytes=status.bytes,
        photos=status.photos,
        sol_count=status.sols,
        not_promised=status.not_promised_sols,
        mismatched=status.mismatched_sols,
        trace_id=status.trace_id,
        details={
            "batches": status.batches.total,
            "batches_failed": status.batches.failed,
            "phase": status.phase,
            "failed_indexes": status.failed_indexes[:1_000],
        },
    )


def _batch(job: Job) -> BatchSpec | None:
    if job.kind != "ingest":
        return None
    try:
        return BatchSpec.model_validate_json(job.spec_json)
    except ValidationError:
        return None


def _outcome(job: Job, now: datetime) -> tuple[Any, str, str]:
    if job.state == "succeeded":
        return "succeeded", "", job.termination.message if job.termination else ""
    if job.state == "failed":
        why = diagnose_failed(job)
        return "failed", str(why.reason), why.message
    held = diagnose_active(job, now)
    return "deleted", str(held.reason) if held else "", held.message if held else "It was deleted before its end."


def _details(job: Job) -> dict[str, Any]:
    if job.termination is None:
        return {}
    said = job.termination.details
    # How the archive stands is in tables of its own.
    left_out = {"archive", "schedules"} if isinstance(said, TransformDetails) else set()
    told = said.model_dump(exclude_defaults=True, exclude=left_out)
    failed = job.termination.failed_sols
    return told | ({"failed_sols": dict(list(failed.items())[:20])} if failed else {})
