"""What became of each batch of a plan, from its stored status and its observed Jobs. Level-triggered: no event counts.

A batch is pending, active, waiting, failed or done. Only indexes are kept of done and failed ones; active and waiting
ones have a record. An Active record is written to the status before its Job is created, so a Job that is missing is
created (again), and a Job that no record explains is one of an older time and is taken over or deleted.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mm_contracts.plan import BatchRecord, PlanStatus, parse_duration
from mm_contracts.reasons import Reason

from mm_operator.core.backoff import next_attempt
from mm_operator.core.diagnose import Diagnosis, diagnose_active, diagnose_failed, stuck_since
from mm_operator.core.jobs import ingest_job_name
from mm_operator.core.ledger import CreateJob, DeleteJob, Ledger, Notice, indexes
from mm_operator.core.observe import Job
from mm_operator.core.split import Batch
from mm_operator.core.times import format_time, parse_time


def unrecorded(status: PlanStatus, jobs: Iterable[Job]) -> list[Job]:
    """Return the ended Jobs whose result the status does not hold yet: their pods and logs must be looked at."""
    settled = indexes(status.done) | indexes(status.failed_batches)
    attempts = {r.batch: r.attempts for r in status.records if r.state == "Waiting"}
    return [
        job
        for job in jobs
        if job.state != "active" and job.batch not in settled and job.attempt > attempts.get(job.batch, 0)
    ]


def _record(ledger: Ledger, batch: Batch, attempts: int, uncounted: int = 0) -> BatchRecord:
    return BatchRecord(
        batch=batch.index,
        rover=batch.rover,
        sols=batch.text,
        state="Active",
        attempts=attempts,
        uncounted=uncounted,
        job=ingest_job_name(ledger.plan, batch.index, attempts),
    )


def _fail(ledger: Ledger, record: BatchRecord, job: Job, why: Diagnosis, now: datetime) -> None:
    retry = ledger.spec.retry
    uncounted = record.uncounted + (0 if why.counts else 1)
    counted = record.attempts - uncounted
    ended = job.finished_at or now
    failed = record.model_copy(
        update={
            "reason": str(why.reason),
            "message": why.message,
            "advice": why.advice,
            "job": job.name,
            "log_tail": job.log_tail,
            "last_attempt": format_time(ended),
            "uncounted": uncounted,
            "next_attempt": None,
        }
    )
    if why.retryable and counted <= retry.limit:
        when = next_attempt(
            ended,
            max(1, counted),
            parse_duration(retry.backoff),
            parse_duration(retry.max_backoff),
            f"{ledger.uid}/{record.batch}",
            why.retry_at,
        )
        ledger.records[record.batch] = failed.model_copy(update={"state": "Waiting", "next_attempt": format_time(when)})
        return
    ledger.records.pop(record.batch, None)
    ledger.failed.add(record.batch)
    ledger.old_failures[record.batch] = failed.model_copy(update={"state": "Failed"})
    what = f"{record.rover} sols {record.sols}" if record.sols else record.rover
    tries = "attempt" if record.attempts == 1 else "attempts"
    ledger.notices.append(
        Notice(
            f"batch-{record.batch}-{record.attempts}",
            str(why.reason),
            f"Batch {record.batch} ({what}) failed for good after {record.attempts} {tries}: {why.message}",
            warning=True,
        )
    )


def _succeed(ledger: Ledger, record: BatchRecord, job: Job) -> None:
    ledger.records.pop(record.batch, None)
    ledger.done.add(record.batch)
    if (end := job.termination) is not None:
        ledger.sols += end.sols
        ledger.photos += end.photos
        ledger.bytes += end.bytes
        ledger.requests += end.requests


def _known_reason(text: str | None) -> Reason | None:
    return Reason(text) if text in {str(reason) for reason in Reason} else None


def _look_at(ledger: Ledger, record: BatchRecord, job: Job, stuck_after: float, now: datetime) -> None:
    if job.state == "succeeded":
        _succeed(ledger, record, job)
        return
    if job.state == "failed":
        _fail(ledger, record, job, diagnose_failed(job, _known_reason(record.reason)), now)
        return
    why = diagnose_active(job, now)
    since = stuck_since(job)
    if why is not None and why.stuck and since is not None and (now - since).total_seconds() > stuck_after:
        _fail(ledger, record, job, why, now)
        ledger.actions.append(DeleteJob(job.name, f"it cannot start: {why.message}"))
        return
    ledger.records[record.batch] = record.model_copy(
        update={
            "state": "Active",
            "job": job.name,
            "reason": str(why.reason) if why else None,
            "message": why.message if why else None,
            "advice": why.advice if why else None,
            "next_attempt": None,
        }
    )


def observe_jobs(ledger: Ledger, jobs: Iterable[Job], stuck_after: float, now: datetime) -> None:
    """Take the observed Jobs into the ledger: ended ones are settled, strays deleted, problems written down."""
    by_batch: dict[int, list[Job]] = {}
    for job in jobs:
        by_batch.setdefault(job.batch, []).append(job)
    for index, found in sorted(by_batch.items()):
        found.sort(key=lambda job: job.attempt)
        live = [job for job in found if job.state == "active" and not job.deleting]
        if any(job.state == "active" for job in found):
            ledger.occupied.add(index)
        record = ledger.records.get(index)
        if not 0 <= index < len(ledger.batches) or index in ledger.done or index in ledger.failed:
            ledger.actions += [DeleteJob(job.name, "its batch has ended already") for job in live]
            continue
        newest = found[-1]
        if record is None or newest.attempt > record.attempts:
            # A status that was lost or put back: the Job tells the truth.
            uncounted = record.uncounted if record else 0
            record = _record(ledger, ledger.batches[index], newest.attempt, uncounted)
            ledger.records[index] = record
        for job in live:
            if record.state == "Waiting" or job.attempt < record.attempts:
                ledger.actions.append(DeleteJob(job.name, "a later attempt takes its place"))
        if (
            record.state == "Active"
            and newest.attempt == record.attempts
            and not (newest.deleting and newest.state == "active")
        ):
            _look_at(ledger, record, newest, stuck_after, now)


def retry_now(ledger: Ledger, now: datetime) -> None:
    """Make waiting batches due, and give each failed one another attempt that is due."""
    for index, record in ledger.records.items():
        if record.state == "Waiting":
            ledger.records[index] = record.model_copy(update={"next_attempt": format_time(now)})
    for index in sorted(ledger.failed):
        batch = ledger.batches[index]
        old = ledger.old_failures.get(index) or _record(ledger, batch, ledger.spec.retry.limit + 1)
        ledger.records[index] = old.model_copy(update={"state": "Waiting", "next_attempt": format_time(now)})
    ledger.failed.clear()
    ledger.old_failures.clear()


def due(ledger: Ledger, now: datetime, open_records: int) -> list[tuple[Batch, BatchRecord | None]]:
    """Return the batches that would start now, retries first, at most as many as parallelism leaves.

    Fresh batches wait while ``open_records`` others are active or waiting already: a source that fails everything
    does not get every batch of the plan thrown at it, and the status stays small.
    """
    room = ledger.spec.parallelism - ledger.count("Active")
    waiting = sorted(
        (
            r
            for r in ledger.records.values()
            if r.state == "Waiting" and r.batch not in ledger.occupied and _is_due(r, now)
        ),
        key=lambda r: (r.next_attempt or "", r.batch),
    )
    ready: list[tuple[Batch, BatchRecord | None]] = [(ledger.batches[r.batch], r) for r in waiting]
    fresh_room = max(0, max(open_records, ledger.spec.parallelism) - len(ledger.records))
    ready += [(batch, None) for batch in ledger.pending[:fresh_room]]
    return ready[: max(0, room)]


def _is_due(record: BatchRecord, now: datetime) -> bool:
    when = parse_time(record.next_attempt)
    return when is None or when <= now


def start(ledger: Ledger, ready: Sequence[tuple[Batch, BatchRecord | None]]) -> None:
    """Write down that these batches start; their Jobs are created once that is stored."""
    for batch, record in ready:
        attempts = record.attempts + 1 if record else 1
        ledger.records[batch.index] = _record(ledger, batch, attempts, record.uncounted if record else 0)


def missing_jobs(ledger: Ledger, jobs: Iterable[Job]) -> list[CreateJob]:
    """Return the Jobs that Active records name and the cluster does not have."""
    present = {job.name for job in jobs}
    return [
        CreateJob(ledger.batches[record.batch], record.attempts)
        for record in sorted(ledger.records.values(), key=lambda r: r.batch)
        if record.state == "Active" and ingest_job_name(ledger.plan, record.batch, record.attempts) not in present
    ]


def refuse(ledger: Ledger, refusals: Mapping[str, str]) -> None:
    """Write down why the API refused to create a Job (by Job name); it is tried again."""
    for index, record in ledger.records.items():
        if record.state == "Active" and record.job and record.job in refusals:
            why = Diagnosis(Reason.QUOTA, refusals[record.job])
            ledger.records[index] = record.model_copy(
                update={"reason": str(why.reason), "message": why.message, "advice": why.advice}
            )
