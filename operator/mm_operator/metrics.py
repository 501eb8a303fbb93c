"""Prometheus metrics of the operator. Help texts are the documentation; names are stable."""

from typing import Final, get_args

from mm_contracts.reasons import DeadLetterReason, Reason
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from mm_operator.core.settings import JobKind

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


def expect_topic(topic: str) -> None:
    """Make the series of a topic, from 0 on, for the same reason."""
    KAFKA_UP.labels(topic).set(0)
    MESSAGES_LOST.labels(topic)
    for why in DeadLetterReason:
        DEAD_LETTERS.labels(topic, why.value)
