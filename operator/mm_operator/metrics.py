"""Prometheus metrics of the operator. Help texts are the documentation (docs/metrics.md); names are stable."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, get_args

from mm_contracts.reasons import DeadLetterReason, Reason
from mm_contracts.terminations import Details, IngestDetails, LoadDetails, RoverStanding, SourceStanding
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from mm_operator.core.settings import JobKind

# When a counter began is what its restarts show; a second series for each would say no more.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

MESSAGES: Final = Counter(
    "mars_kafka_messages", "Messages taken from a topic, by what came of them.", ["topic", "outcome"], registry=REGISTRY
)
DEAD_LETTERS: Final = Counter(
    "mars_dead_letters", "Messages put on a dead-letter topic, by reason.", ["topic", "reason"], registry=REGISTRY
)
PASS_SECONDS: Final = Histogram(
    "mars_pass_seconds",
    "Time of one pass over the plans that something has changed for.",
    registry=REGISTRY,
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10),
)
RECONCILE_ERRORS: Final = Counter(
    "mars_reconcile_errors", "Decisions about a plan that could not be made or carried out.", registry=REGISTRY
)
QUEUED: Final = Gauge("mars_queued_plans", "Plans that wait for a slot and hold none.", registry=REGISTRY)
SLOTS: Final = Gauge(
    "mars_slots",
    "Slots for ingest Jobs: those that are held, and how many there are (limit).",
    ["state"],
    registry=REGISTRY,
)
JOBS_STARTED: Final = Counter("mars_jobs_started", "Jobs created, by kind.", ["kind"], registry=REGISTRY)
JOBS_ENDED: Final = Counter(
    "mars_jobs_ended",
    "Jobs seen to end, by kind and reason (Success where there is none).",
    ["kind", "reason"],
    registry=REGISTRY,
)
# From 0 on: an alert on the increase of a series that begins at 1 would sleep through the first failure.
for _kind in get_args(JobKind):
    for _reason in ("Success", *Reason):
        JOBS_ENDED.labels(_kind, str(_reason))
TRANSFORM_SECONDS: Final = Gauge(
    "mars_transform_step_seconds", "Seconds of each step of the dbt run that ended last.", ["step"], registry=REGISTRY
)
BATCHES: Final = Gauge("mars_batches", "Batches of live plans, by state.", ["state"], registry=REGISTRY)
OBJECTS: Final = Gauge("mars_cached_objects", "Objects held in memory, by kind.", ["kind"], registry=REGISTRY)
WAITING: Final = Gauge("mars_waiting_events", "Events that wait for a Job of this kind.", ["kind"], registry=REGISTRY)
PERMITS: Final = Counter("mars_gate_permits", "Answers of the source gate.", ["source", "answer"], registry=REGISTRY)
CLOSURES: Final = Counter("mars_gate_closures", "Times a source was closed for all.", ["source"], registry=REGISTRY)
KAFKA_UP: Final = Gauge(
    "mars_kafka_up", "1 while Kafka answers the consumer of this topic.", ["topic"], registry=REGISTRY
)
KAFKA_LAG: Final = Gauge(
    "mars_kafka_lag_messages", "Messages of this topic whose effect does not exist yet.", ["topic"], registry=REGISTRY
)
MESSAGES_LOST: Final = Counter(
    "mars_kafka_messages_lost",
    "Messages that Kafka's retention deleted before they were read, at most.",
    ["topic"],
    registry=REGISTRY,
)

HISTORY_LOST: Final = Counter(
    "mars_history_records_lost",
    "Records of ended work that were given up before a Job had taken them into the warehouse.",
    registry=REGISTRY,
)

BUILD: Final = Info("mars_build", "Version of the operator.", registry=REGISTRY)
try:
    BUILD.info({"version": version("mm-operator")})
except PackageNotFoundError:
    BUILD.info({"version": "unknown"})
PLANS_ENDED: Final = Counter(
    "mars_plans_ended",
    "Plans seen to end, by phase (Complete, Failed, Invalid) and reason.",
    ["phase", "reason"],
    registry=REGISTRY,
)
for _reason in Reason:
    PLANS_ENDED.labels("Failed", str(_reason))
LAST_SUCCESS: Final = Gauge(
    "mars_last_success_timestamp_seconds",
    "When a Job of the kind was last seen to succeed, Unix time; 0 before the first.",
    ["kind"],
    registry=REGISTRY,
)
for _kind in get_args(JobKind):
    LAST_SUCCESS.labels(_kind)
ARCHIVE_PHOTOS: Final = Gauge(
    "mars_archive_photos",
    "Photos by rover that the manifest promises (promised) and that the archive has of them (archived), as the last "
    "dbt run found them.",
    ["rover", "state"],
    registry=REGISTRY,
)
ARCHIVE_GAPS: Final = Gauge(
    "mars_archive_gaps",
    "Sols by rover that the archive lacks or disagrees on, by what is wrong and why it is still so, as the last dbt "
    "run found them.",
    ["rover", "status", "reason"],
    registry=REGISTRY,
)
NEWEST_PHOTO: Final = Gauge(
    "mars_archive_newest_photo_timestamp_seconds",
    "When the rover's newest archived photo was taken, Unix time.",
    ["rover"],
    registry=REGISTRY,
)
MANIFEST_AGE: Final = Gauge(
    "mars_archive_manifest_timestamp_seconds",
    "When the rover's newest manifest was fetched, Unix time: what the archive knows of is no newer.",
    ["rover"],
    registry=REGISTRY,
)
SOURCE_IN_CHARGE: Final = Gauge(
    "mars_source_in_charge",
    "1 for the source whose manifest is the rover's promise, 0 for its others, as the last dbt run found them.",
    ["rover", "source"],
    registry=REGISTRY,
)
SOURCE_SUCCESS: Final = Gauge(
    "mars_source_last_success_timestamp_seconds",
    "When a source last answered as it should about a rover, Unix time.",
    ["rover", "source"],
    registry=REGISTRY,
)
SOURCE_ERRORS: Final = Gauge(
    "mars_source_error_ratio",
    "Share of a source's answers of a day that failed, 0 to 1; no series where it was not asked.",
    ["rover", "source"],
    registry=REGISTRY,
)
SOURCE_BUDGET: Final = Gauge(
    "mars_source_budget_remaining",
    "Requests that a source last said were left; no series where it does not say.",
    ["rover", "source"],
    registry=REGISTRY,
)
SOURCE_NEWEST_SOL: Final = Gauge(
    "mars_source_newest_sol", "The newest sol that a source has of a rover.", ["rover", "source"], registry=REGISTRY
)
SOURCE_NEWEST: Final = Gauge(
    "mars_source_newest_sol_timestamp_seconds",
    "When the newest sol that a source has of a rover ended, Unix time: its freshness is the time since.",
    ["rover", "source"],
    registry=REGISTRY,
)
SET_ASIDE: Final = Counter(
    "mars_set_aside",
    "Things that could not be used and were set aside by Jobs seen to end, by grain: photo, sol, feature and field of "
    "an answer, object of the bucket. silver.set_aside says which, and why.",
    ["grain"],
    registry=REGISTRY,
)
_GRAINS: Final = ("photo", "sol", "feature", "field", "object")
for _grain in _GRAINS:
    SET_ASIDE.labels(_grain)
OBJECTS_ASIDE: Final = Gauge(
    "mars_set_aside_objects",
    "Objects of the bucket that are not in the warehouse because they cannot be used, as the last sweep found them. "
    "Each is tried again by itself.",
    registry=REGISTRY,
)


PLANS: Final = Gauge("mars_plans", "Live plans, by phase and reason.", ["phase", "reason"], registry=REGISTRY)
OLDEST_WAIT: Final = Gauge(
    "mars_queued_plans_oldest_timestamp_seconds",
    "When the oldest of the plans that wait for a slot and hold none was created, Unix time; 0 where none waits.",
    registry=REGISTRY,
)
TO_JOB_SECONDS: Final = Histogram(
    "mars_schedule_to_job_seconds",
    "From a schedule that was taken from Kafka to the first Job of its plan, by the operator's own clock. A plan that "
    "waits for a slot, or needs no Job, is not counted before it has one.",
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600),
)
SOURCE_REQUESTS: Final = Gauge(
    "mars_source_requests",
    "Requests to a source within the last hour (used), and how many it allows (limit, where it has one).",
    ["source", "state"],
    registry=REGISTRY,
)
SOURCE_CLOSED: Final = Gauge(
    "mars_source_closed_until_timestamp_seconds",
    "Until when a source is closed for all Jobs, Unix time; 0 where it is open.",
    ["source"],
    registry=REGISTRY,
)
_MOST_ASKED: Final = 10_000
_asked: dict[str, float] = {}


def plan_asked(name: str, since: float) -> None:
    """Note that a schedule has become a plan.

    Args:
        name: the plan's.
        since: when the schedule was taken in, of ``time.monotonic``.
    """
    _asked[name] = since
    if len(_asked) > _MOST_ASKED:
        del _asked[next(iter(_asked))]


def job_made(kind: str, plan: str = "") -> None:
    """Count a Job that was created; the first one of a plan that was asked for tells how long that took.

    Args:
        kind: ingest, load, sweep or transform.
        plan: the plan of an ingest Job.
    """
    JOBS_STARTED.labels(kind).inc()
    since = _asked.pop(plan, None)
    if since is not None:
        TO_JOB_SECONDS.observe(time.monotonic() - since)


def show_plans(counts: Mapping[tuple[str, str], int]) -> None:
    """Show the live plans, by (phase, reason)."""
    PLANS.clear()
    for (phase, reason), count in counts.items():
        PLANS.labels(phase, reason).set(count)


def expect_topic(topic: str) -> None:
    """Make the series of a topic, from 0 on, for the same reason."""
    KAFKA_UP.labels(topic).set(0)
    MESSAGES_LOST.labels(topic)
    for why in DeadLetterReason:
        DEAD_LETTERS.labels(topic, why.value)


def job_ended(kind: str, reason: str) -> None:
    """Count a Job's end; ``reason`` is Success where there is none.

    Args:
        kind: ingest, load, sweep or transform.
        reason: a reason of the contracts, or Success.
    """
    JOBS_ENDED.labels(kind, reason).inc()
    if reason == "Success":
        LAST_SUCCESS.labels(kind).set(time.time())


def plan_ended(status: Mapping[str, Any]) -> None:
    """Count a plan's end.

    Args:
        status: the plan's status as it was stored last.
    """
    PLANS_ENDED.labels(str(status.get("phase") or "Unknown"), str(status.get("reason") or "")).inc()


def show_set_aside(kind: str, details: Details) -> None:
    """Count what a Job set aside, as its last word says.

    Args:
        kind: ingest, load or sweep.
        details: of the Job.
    """
    if isinstance(details, IngestDetails):
        for grain, count in details.set_aside.items():
            if grain in _GRAINS:
                SET_ASIDE.labels(grain).inc(count)
    elif isinstance(details, LoadDetails) and details.set_aside is not None:
        SET_ASIDE.labels("object").inc(details.set_aside)
        if kind == "sweep" and details.still_set_aside is not None:
            OBJECTS_ASIDE.set(details.set_aside + details.still_set_aside)


def show_archive(archive: Mapping[str, RoverStanding]) -> None:
    """Show how the archive stands, as a transform Job's last word says: by rover."""
    if not archive:
        return
    ARCHIVE_GAPS.clear()
    for rover, about in archive.items():
        ARCHIVE_PHOTOS.labels(rover, "promised").set(about.promised)
        ARCHIVE_PHOTOS.labels(rover, "archived").set(about.archived)
        for text, gauge in ((about.newest, NEWEST_PHOTO), (about.manifest, MANIFEST_AGE)):
            if (moment := _unix(text)) is not None:
                gauge.labels(rover).set(moment)
        # A rover without gaps has a series too: an alert on its gaps must be able to end.
        ARCHIVE_GAPS.labels(rover, "", "").set(0)
        for status, reason, count in about.gaps:
            ARCHIVE_GAPS.labels(rover, status, reason).set(count)


def show_sources(sources: Sequence[SourceStanding]) -> None:
    """Show how well the sources are, as a transform Job's last word says."""
    if not sources:
        return
    for gauge in (SOURCE_IN_CHARGE, SOURCE_SUCCESS, SOURCE_ERRORS, SOURCE_BUDGET, SOURCE_NEWEST_SOL, SOURCE_NEWEST):
        gauge.clear()
    for one in sources:
        values = {
            SOURCE_IN_CHARGE: float(one.in_charge),
            SOURCE_SUCCESS: _unix(one.success),
            SOURCE_ERRORS: one.errors,
            SOURCE_BUDGET: one.budget,
            SOURCE_NEWEST_SOL: one.newest,
            SOURCE_NEWEST: _unix(one.newest_end),
        }
        for gauge, value in values.items():
            if value is not None:
                gauge.labels(one.rover, one.source).set(value)


def _unix(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None
