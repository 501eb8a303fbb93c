"""What became of each batch of a plan, from its stored status and its observed Jobs. Level-triggered: no event counts.

A batch is pending, active, waiting, failed or done. Only indexes are kept of done and failed ones; active and waiting
ones have a record. An Active record is written to the status before its Job is created, so a Job that is missing is
created (again), and a Job that no record explains is one of an older time and is taken over or deleted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from mm_contracts.plan import BatchRecord, parse_duration
from mm_contracts.reasons import Reason

from mm_operator.core.backoff import next_attempt
from mm_operator.core.diagnose import Diagnosis, diagnose_active, diagnose_failed, stuck_since
from mm_operator.core.indexes import Indexes
from mm_operator.core.jobs import ingest_job_name
from mm_operator.core.observe import Job
from mm_operator.core.progress import CreateJob, DeleteJob, Notice, Progress
from mm_operator.core.split import Batch
from mm_operator.core.times import format_time, parse_time

OPEN_RECORDS: Final = 30
"""Batches that may be active or waiting before fresh ones are held back (or parallelism, where that is more)."""
REFUSED_SECONDS: Final = 15.0
"""A Job that the API refused is asked for again after so long, then after twice that."""
REFUSED_LONGEST: Final = 600.0


@dataclass(frozen=True)
class Refusal:
    """The API refused to create a Job: for want of room, which may come, or by a rule, which counts as a failure."""

    message: str
    quota: bool = False


def _record(progress: Progress, batch: Batch, attempts: int, uncounted: int = 0) -> BatchRecord:
    return BatchRecord(
        batch=batch.index,
        rover=batch.rover,
        sols=batch.text,
        state="Active",
        attempts=attempts,
        uncounted=uncounted,
        job=ingest_job_name(progress.plan, batch.index, attempts),
    )


def _fail(progress: Progress, record: BatchRecord, job: Job | None, why: Diagnosis, now: datetime) -> None:
    retry = progress.spec.retry
    uncounted = record.uncounted + (0 if why.counts else 1)
    counted = record.attempts - uncounted
    failed = record.model_copy(
        update={
            "reason": str(why.reason),
            "message": why.message,
            "advice": why.advice,
            "job": job.name if job else record.job,
            "log_tail": job.log_tail or None if job else None,
            "last_attempt": format_time(now),
            "uncounted": uncounted,
            "next_attempt": None,
        }
    )
    if why.retryable and counted <= retry.limit:
        # Of what does not count the tries are counted all the same, so that nothing is tried each second for ever.
        failures = max(1, counted if why.counts else uncounted - (progress.first_attempt - 1))
        base, longest = parse_duration(retry.backoff), parse_duration(retry.max_backoff)
        if why.reason is Reason.QUOTA:
            base, longest = int(max(base, REFUSED_SECONDS)), int(max(longest, REFUSED_LONGEST))
        when = next_attempt(now, failures, base, longest, f"{progress.uid}/{record.batch}", why.wait_seconds)
        state = {"state": "Waiting", "next_attempt": format_time(when + timedelta(seconds=0.999))}
        progress.records[record.batch] = failed.model_copy(update=state)
        return
    progress.records.pop(record.batch, None)
    progress.failed.add(record.batch)
    progress.old_failures[record.batch] = failed.model_copy(update={"state": "Failed"})
    in_a_row = 0
    if not why.retryable:
        in_a_row = progress.refusals[record.rover] = progress.refusals.get(record.rover, 0) + 1
    if in_a_row > 1:
        return  # The same word of the same source again.
    what = f"{record.rover} sols {record.sols}" if record.sols else record.rover
    tries = "attempt" if record.attempts == 1 else "attempts"
    progress.notices.append(
        Notice(
            f"batch-{record.batch}-{record.attempts}",
            str(why.reason),
            f"Batch {record.batch} ({what}) failed for good after {record.attempts} {tries}: {why.message}",
            warning=True,
        )
    )


def _succeed(progress: Progress, record: BatchRecord, job: Job) -> None:
    progress.records.pop(record.batch, None)
    progress.done.add(record.batch)
    progress.refusals.pop(record.rover, None)
    if (end := job.termination) is not None:
        progress.sols += end.sols
        progress.not_promised += end.not_promised
        progress.mismatched += end.mismatched
        progress.photos += end.photos
        progress.bytes += end.bytes
        progress.requests += end.requests


def _known_reason(text: str | None) -> Reason | None:
    return Reason(text) if text in {str(reason) for reason in Reason} else None


def _look_at(progress: Progress, record: BatchRecord, job: Job, stuck_after: float, now: datetime) -> None:
    if job.state != "active":
        if not job.told:
            return  # Its pods are asked for first: they tell why, and how much was fetched.
        progress.ended.append(job)
        if job.state == "succeeded":
            _succeed(progress, record, job)
        else:
            _fail(progress, record, job, diagnose_failed(job, _known_reason(record.reason)), now)
        return
    why = diagnose_active(job, now)
    since = stuck_since(job)
    if why is not None and why.stuck and since is not None and (now - since).total_seconds() >= stuck_after:
        _fail(progress, record, job, why, now)
        progress.actions.append(DeleteJob(job.name, f"it cannot start: {why.message}"))
        return
    progress.records[record.batch] = record.model_copy(
        update={
            "state": "Active",
            "job": job.name,
            "reason": str(why.reason) if why else None,
            "message": why.message if why else None,
            "advice": why.advice if why else None,
            "next_attempt": None,
        }
    )


def observe_jobs(progress: Progress, jobs: Iterable[Job], stuck_after: float, now: datetime) -> None:
    """Take the observed Jobs in: ended ones are settled, strays deleted, problems written down."""
    by_batch: dict[int, list[Job]] = {}
    for job in jobs:
        by_batch.setdefault(job.batch, []).append(job)
        if (job.lost or job.kept_by) and not job.deleting:
            why = "its node is lost" if job.lost else f"its work has ended, but {job.kept_by} keeps its pod"
            progress.actions.append(DeleteJob(job.name, why))
    for index, found in sorted(by_batch.items()):
        found.sort(key=lambda job: job.attempt)
        live = [job for job in found if job.state == "active" and not job.deleting]
        if any(job.state == "active" for job in found):
            progress.occupied.add(index)
        record = progress.records.get(index)
        newest = found[-1]
        if not 0 <= index < len(progress.batches) or index in progress.done or index in progress.failed:
            progress.actions += [DeleteJob(job.name, "its batch has ended already") for job in live]
            _keep_log(progress.old_failures, index, found)
            continue
        if record is None and newest.attempt < progress.first_attempt:
            continue
        if record is None or newest.attempt > record.attempts:
            # A status that was lost or put back: the Job tells the truth.
            uncounted = record.uncounted if record else progress.first_attempt - 1
            record = _record(progress, progress.batches[index], newest.attempt, uncounted)
            progress.records[index] = record
        for job in live:
            if record.state == "Waiting" or job.attempt < record.attempts:
                progress.actions.append(DeleteJob(job.name, "a later attempt takes its place"))
        if (
            record.state == "Active"
            and newest.attempt == record.attempts
            and not (newest.deleting and newest.state == "active")
        ):
            _look_at(progress, record, newest, stuck_after, now)
        elif record.state == "Waiting":
            _keep_log(progress.records, index, found)


def _keep_log(records: dict[int, BatchRecord], index: int, jobs: Sequence[Job]) -> None:
    """Write the last lines of a failed Job's log into its batch's record, now that they have been fetched."""
    record = records.get(index)
    if record is None or record.log_tail is not None:
        return
    tail = next((job.log_tail for job in jobs if job.name == record.job and job.log_tail), None)
    if tail:
        records[index] = record.model_copy(update={"log_tail": tail})


def logs_wanted(progress: Progress, jobs: Iterable[Job]) -> list[tuple[str, str]]:
    """Return (Job, pod) of failed Jobs whose last log lines are not recorded yet and were not asked for."""
    wanted = []
    for job in jobs:
        record = progress.records.get(job.batch) or progress.old_failures.get(job.batch)
        if record is None or record.state == "Active" or record.job != job.name or record.log_tail is not None:
            continue
        if job.state == "failed" and job.log_tail is None and job.pods and not job.lost:
            wanted.append((job.name, job.pods[0].name))
    return wanted


def retry_now(progress: Progress, jobs: Iterable[Job], now: datetime) -> None:
    """Make waiting batches due, and give each failed one another attempt.

    Those whose failure has a record go on from there. The others, of which only indexes are kept, begin anew, with an
    attempt that no Job of theirs has had.
    """
    at_once = {"state": "Waiting", "next_attempt": format_time(now)}
    for index, record in progress.records.items():
        if record.state == "Waiting":
            progress.records[index] = record.model_copy(update=at_once)
    for index, old in progress.old_failures.items():
        progress.records[index] = old.model_copy(update={**at_once, "uncounted": old.attempts})
    if len(progress.failed) > len(progress.old_failures):
        attempts = [job.attempt for job in jobs] + [old.attempts for old in progress.old_failures.values()]
        progress.first_attempt = max([progress.first_attempt, *attempts]) + 1
    progress.failed = Indexes()
    progress.old_failures.clear()
    progress.refusals.clear()
    progress.untried = 0


def stop_refused(progress: Progress) -> None:
    """Give up what a source refuses for good: as many refusals in a row as the plan runs Jobs, and nothing under way.

    A key that is refused or missing says so of every rover; else only the refused rovers' batches are given up.
    """
    if not progress.refusals or sum(progress.refusals.values()) < progress.spec.parallelism or progress.count("Active"):
        return
    rovers = set(progress.refusals)
    last = max(
        (r for r in progress.old_failures.values() if r.rover in rovers),
        key=lambda r: (r.last_attempt or "", r.batch),
        default=None,
    )
    reason = last.reason if last and last.reason else str(Reason.UNKNOWN)
    everything = reason in (Reason.UNAUTHORIZED, Reason.CONFIG_ERROR)
    given_up = [i for i in progress.pending if everything or progress.batches[i].rover in rovers]
    progress.failed.bits |= Indexes.of(given_up).bits
    progress.untried += len(given_up)
    progress.refusals.clear()
    if given_up:
        whose = "any rover" if everything else " and ".join(sorted(rovers))
        said = last.message if last else "it gave no reason"
        progress.notices.append(
            Notice(
                f"refused-{given_up[0]}-{len(given_up)}",
                reason,
                f"{len(given_up)} batches are not tried: the source refuses {whose}: {said}",
                warning=True,
            )
        )


def due(progress: Progress, blocked: Indexes, now: datetime) -> list[tuple[Batch, BatchRecord | None]]:
    """Return the batches that would start now, retries first, at most as many as parallelism leaves.

    Fresh batches wait while OPEN_RECORDS others are active or waiting already: a source that fails everything does not
    get every batch of the plan thrown at it, and the status stays small. What a source refused for good since the
    last success takes a place too: a wrong key costs as many Jobs as run at a time, and no more.
    """
    parallelism = progress.spec.parallelism
    room = parallelism - progress.count("Active") - sum(progress.refusals.values())
    if room <= 0:
        return []
    waiting = sorted(
        (
            r
            for r in progress.records.values()
            if r.state == "Waiting" and r.batch not in progress.occupied and r.batch not in blocked and _is_due(r, now)
        ),
        key=lambda r: (r.next_attempt or "", r.batch),
    )
    ready: list[tuple[Batch, BatchRecord | None]] = [(progress.batches[r.batch], r) for r in waiting[:room]]
    fresh = min(room - len(ready), max(OPEN_RECORDS, parallelism) - len(progress.records))
    if fresh > 0:
        free = Indexes(progress.pending.bits & ~blocked.bits & ~Indexes.of(i for i in progress.occupied if i >= 0).bits)
        ready += [(progress.batches[index], None) for index in islice(free, fresh)]
    return ready


def _is_due(record: BatchRecord, now: datetime) -> bool:
    when = parse_time(record.next_attempt)
    return when is None or when <= now


def start(progress: Progress, ready: Sequence[tuple[Batch, BatchRecord | None]]) -> None:
    """Write down that these batches start; their Jobs are created once that is stored."""
    for batch, record in ready:
        attempts = record.attempts + 1 if record else progress.first_attempt
        uncounted = record.uncounted if record else progress.first_attempt - 1
        progress.records[batch.index] = _record(progress, batch, attempts, uncounted)


def missing_jobs(progress: Progress, jobs: Iterable[Job]) -> list[CreateJob]:
    """Return the Jobs that Active records name and the cluster does not have."""
    present = {job.name for job in jobs}
    return [
        CreateJob(progress.batches[record.batch], record.attempts)
        for record in sorted(progress.records.values(), key=lambda r: r.batch)
        if record.state == "Active" and ingest_job_name(progress.plan, record.batch, record.attempts) not in present
    ]


def refuse(progress: Progress, refusals: Mapping[str, Refusal], jobs: Iterable[Job], now: datetime) -> None:
    """Write down why the API refused to create a Job (by Job name). It holds no slot, and is tried again later."""
    if not refusals:
        return
    present = {job.name for job in jobs}
    for record in list(progress.records.values()):
        said = refusals.get(record.job or "")
        if record.state == "Active" and said is not None and record.job not in present:
            reason = Reason.QUOTA if said.quota else Reason.REFUSED
            _fail(progress, record, None, Diagnosis(reason, said.message, counts=not said.quota), now)
