"""Single flight and folding: when a load, a sweep or a dbt run starts. Decided from Jobs that exist, not from events.

A failed Job of these kinds is retried by what is left of it in the cluster: failures since the last success give the
back-off, so that a restart neither forgets a failure nor hurries a retry.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from mm_contracts.plan import parse_duration
from mm_contracts.reasons import Reason
from mm_contracts.terminations import TransformDetails

from mm_operator.core.backoff import next_attempt
from mm_operator.core.observe import Job
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.times import parse_time

AFTER_UPGRADE: Final = timedelta(seconds=15)
"""After a start, before the first dbt run of another image: the upgrade restarts the warehouse too."""


@dataclass(frozen=True)
class Waiting:
    """Events that wait to be acted on: how many, and when the first one came."""

    count: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class Sweeps:
    """What the process itself knows of sweeps. The Jobs alone would not do: anybody may delete those that have ended.

    Attributes:
        started_at: when the process started.
        requested_at: from when on it wants a sweep, if it does.
        last_at: when the last completed sweep that it has seen was created.
    """

    started_at: datetime
    requested_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """What to start now, if anything, and when to decide again at the latest (None: on the next event)."""

    start: Literal["load", "sweep", "transform"] | None = None
    wake_at: datetime | None = None
    attempt: int = 1
    why: str = ""


def completed(job: Job) -> bool:
    """Return whether a Job did its work. A dbt run whose data tests failed has built and planned all the same."""
    if job.state == "succeeded":
        return True
    end = job.termination
    return job.kind == "transform" and job.state == "failed" and end is not None and end.reason == Reason.TEST_FAILED


def transform_details(job: Job) -> TransformDetails:
    """Return what a dbt run said of itself; of one that said nothing that can be read, nothing."""
    said = job.termination.details if job.termination else None
    return said if isinstance(said, TransformDetails) else TransformDetails()


def _ended(job: Job) -> datetime | None:
    """Return when a Job ended by the clock that ``created_at`` is of."""
    return job.finished_at or job.created_at


def _seen_to_end(job: Job) -> datetime | None:
    """Return when a Job ended by the operator's clock."""
    return job.ended_at or _ended(job)


def failures_since_success(jobs: Iterable[Job]) -> tuple[int, datetime | None, str]:
    """Return (failures after the last completed Job, when the last of them ended, its name)."""
    count, last, name = 0, None, ""
    ended = [(when, job) for job in jobs if job.state != "active" and (when := _seen_to_end(job)) is not None]
    for when, job in sorted(ended, key=lambda pair: (pair[0], pair[1].name)):
        if completed(job):
            count, last, name = 0, None, ""
        else:
            count, last, name = count + 1, when, job.name
    return count, last, name


def _not_before(jobs: Sequence[Job], settings: OperatorSettings) -> tuple[int, datetime | None]:
    count, last, name = failures_since_success(jobs)
    if last is None:
        return 0, None
    base, longest = parse_duration(settings.job_backoff), parse_duration(settings.job_max_backoff)
    return count, next_attempt(last, count, base, longest, name)


def last_completed(jobs: Iterable[Job], kind: str) -> Job | None:
    """Return the completed Job of a kind that was created last."""
    found = [job for job in jobs if job.kind == kind and completed(job) and job.created_at]
    return max(found, key=lambda job: (job.created_at, job.name), default=None)


def last_sweep(jobs: Iterable[Job], known: datetime | None) -> datetime | None:
    """Return when the last completed sweep was created, of those that exist and the one that is ``known``."""
    found = last_completed(jobs, "sweep")
    return max((t for t in (known, found.created_at if found else None) if t is not None), default=None)


def _earliest(*times: datetime | None) -> datetime | None:
    return min((t for t in times if t is not None), default=None)


def decide_load(
    now: datetime,
    waiting: Waiting,
    jobs: Sequence[Job],
    sweeps: Sweeps,
    busy: bool,
    settings: OperatorSettings,
) -> Decision:
    """Return whether a load or a sweep starts now.

    A sweep is wanted on request (a start, an outage), after a failed load or sweep, and now and then. It takes the
    waiting events with it, because it finds their objects. After a failed sweep waiting events get a load of their
    own first, so that an object which spoils sweeps does not hold up new ones; nor does a failed sweep's back-off.

    Args:
        now: the time.
        waiting: object events without a Job.
        jobs: the load and sweep Jobs that exist.
        sweeps: what this process knows of sweeps beside the Jobs.
        busy: whether batches are under way, so that more objects are about to come: each load is a pod to start.
        settings: fold window, parallelism, interval, back-off.
    """
    live = [job for job in jobs if job.state == "active"]
    if len(live) >= settings.load_parallelism or any(job.kind == "sweep" for job in live):
        return Decision()
    failures, sweep_after = _not_before(jobs, settings)
    _, load_after = _not_before([job for job in jobs if job.kind == "load" or completed(job)], settings)
    wanted_at = _sweep_wanted_at(jobs, sweeps, settings)
    last = max((j for j in jobs if j.created_at), key=lambda j: (j.created_at, j.name), default=None)
    after_failed_sweep = failures > 0 and last is not None and last.kind == "sweep"
    sweep_at = None if live or (after_failed_sweep and waiting.count) else _latest(wanted_at, sweep_after)
    if sweep_at is not None and sweep_at <= now:
        return Decision(start="sweep", attempt=failures + 1, why=f"wanted since {wanted_at}")
    load_at = None
    if waiting.since is not None:
        fold = float(parse_duration(settings.load_max_delay)) if busy else settings.load_fold_seconds
        if waiting.count >= settings.load_max_objects:
            fold = 0.0
        load_at = _latest(waiting.since + timedelta(seconds=fold), load_after)
    if load_at is not None and load_at <= now:
        return Decision(start="load", attempt=failures + 1)
    return Decision(wake_at=_earliest(load_at, sweep_at))


def _latest(wanted: datetime, not_before: datetime | None) -> datetime:
    """Return when something that is wanted from a time on may be done, given when it may be done at the earliest."""
    return max(wanted, not_before or wanted)


def _sweep_wanted_at(jobs: Sequence[Job], sweeps: Sweeps, settings: OperatorSettings) -> datetime:
    """Return from when on a sweep is wanted. There is always such a time: sweeps are what finds what events lost."""
    swept_at, requested_at = last_sweep(jobs, sweeps.last_at), sweeps.requested_at
    if requested_at is not None and (swept_at is None or requested_at > swept_at):
        return requested_at
    failed = [job for job in jobs if job.state == "failed" and _ended(job) is not None]
    lost = [
        seen
        for job in failed
        if swept_at is None or (_ended(job) or swept_at) > swept_at
        if (seen := _seen_to_end(job))
    ]
    if lost:
        return min(lost)
    return (swept_at or sweeps.started_at) + timedelta(seconds=parse_duration(settings.sweep_interval))


def decide_transform(
    now: datetime,
    waiting: Waiting,
    jobs: Sequence[Job],
    busy: bool,
    started_at: datetime,
    settings: OperatorSettings,
    released: bool = False,
) -> Decision:
    """Return whether a dbt run starts now: one at a time, events folded.

    While batches or loads are still under way, a run would be made again for each of them: it waits until they have
    settled, at most ``transformMaxDelay`` after the first waiting event.

    Args:
        now: the time.
        waiting: finished loads that no completed run has seen.
        jobs: the dbt Jobs that exist.
        busy: whether ingest or load work is still under way.
        started_at: when this process started, for the interval where no run is known.
        settings: fold window, delay, interval, back-off.
        released: whether a plan has ended since the last run that had gaps in hand which that run left alone.
    """
    if any(job.state == "active" for job in jobs):
        return Decision()
    failures, not_before = _not_before(jobs, settings)
    if not_before is not None and now < not_before:
        return Decision(wake_at=not_before)
    if failures:
        return Decision(start="transform", attempt=failures + 1, why="the last run failed")
    last = last_completed(jobs, "transform")
    timer = _timer(last, started_at, settings)
    if last is not None and last.image != settings.image:
        # An upgrade: its models are to be there soon, and not when the next photos come. A run finds out what differs.
        timer = min(timer, started_at + AFTER_UPGRADE)
        if timer <= now:
            return Decision(start="transform", why="the last run was of another image")
    if timer <= now:
        return Decision(start="transform", why="a gap's next attempt is due")
    if released and not busy:
        return Decision(start="transform", why="a plan that had due gaps in hand has ended")
    if not waiting.count or waiting.since is None:
        return Decision(wake_at=timer)
    ready = waiting.since + timedelta(seconds=settings.transform_fold_seconds)
    if busy:
        ready = max(ready, waiting.since + timedelta(seconds=parse_duration(settings.transform_max_delay)))
    if ready <= now:
        return Decision(start="transform", why="loads have finished")
    return Decision(wake_at=min(ready, timer))


def _timer(last: Job | None, started_at: datetime, settings: OperatorSettings) -> datetime:
    interval = timedelta(seconds=parse_duration(settings.transform_interval))
    if last is None:
        return started_at + interval
    ended = _seen_to_end(last) or started_at
    told = parse_time(transform_details(last).next_due_at)
    if told is None:
        return ended + interval
    # The pod's word, as a time from the pod's end: both are of one clock, which need not be ours.
    pod_ended = next((pod.finished_at for pod in last.pods if pod.finished_at), None) or _ended(last) or ended
    # A gap that was due when the run ended should have been scheduled by it: try again, but never spin.
    soonest = timedelta(seconds=parse_duration(settings.transform_max_delay))
    return ended + min(max(told - pod_ended, soonest), interval)
