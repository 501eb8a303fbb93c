"""The alerts of the PrometheusRule, worked out from the operator's metrics by this process, for who has no Prometheus.

Each condition stands for one rule of the chart's ``files/rules.yaml``; the same test cases hold both to their word.
What the operator does not count, how full volumes are, is Prometheus' alone. Pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mm_dashboard.watch import Samples

Found = Iterable[tuple[Mapping[str, str], float]]
HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert: how grave, after how many seconds, when, and what it says (of labels and value)."""

    name: str
    severity: Literal["critical", "warning"]
    patience: float
    condition: Callable[[Samples, float], Found]
    sentence: Callable[[Mapping[str, str], float], str]


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule whose condition holds; it fires from ``fires_at`` (Unix seconds) on."""

    rule: Rule
    sentence: str
    since: float
    fires: bool


def total(found: Found, *by: str) -> list[tuple[dict[str, str], float]]:
    """Return sums by labels."""
    sums: dict[tuple[str, ...], float] = {}
    for labels, value in found:
        key = tuple(labels.get(name, "") for name in by)
        sums[key] = sums.get(key, 0.0) + value
    return [(dict(zip(by, key, strict=True)), value) for key, value in sums.items()]


def _jobs(
    samples: Samples, now: float, seconds: float, kinds: Sequence[str], good: Sequence[str]
) -> tuple[float, float | None]:
    """Return how many Jobs failed, and how many ended well; None where none was ever counted."""
    failed, well = 0.0, None
    for labels, grown in samples.increase("mars_jobs_ended_total", now, seconds):
        if labels.get("kind") in kinds:
            if labels.get("reason") in good:
                well = (well or 0.0) + grown
            else:
                failed += grown
    return failed, well


def _work(kinds: Sequence[str], good: Sequence[str], seconds: float, most: float) -> Callable[[Samples, float], Found]:
    def condition(samples: Samples, now: float) -> Found:
        failed, well = _jobs(samples, now, seconds, kinds, good)
        return [({}, failed)] if failed > most and well == 0 else []

    return condition


def _above(name: str, seconds: float, most: float, *by: str, **only: str) -> Callable[[Samples, float], Found]:
    def condition(samples: Samples, now: float) -> Found:
        grown = [
            (labels, value)
            for labels, value in samples.increase(name, now, seconds)
            if only.items() <= dict(labels).items()
        ]
        return [(labels, value) for labels, value in total(grown, *by) if value > most]

    return condition


def _operator(samples: Samples, now: float) -> Found:
    return [] if any(value == 1 for _, value in samples.at("up", now)) else [({}, 1.0)]


def _kafka(samples: Samples, now: float) -> Found:
    return [(labels, value) for labels, value in samples.at("mars_kafka_up", now) if value == 0]


def _stale(samples: Samples, now: float) -> Found:
    ages = [(labels, now - value) for labels, value in samples.at("mars_archive_manifest_timestamp_seconds", now)]
    return [(labels, age) for labels, age in ages if age > 86_400]


def _gaps(samples: Samples, now: float) -> Found:
    def at(when: float) -> dict[str, float]:
        open_ones = [
            (labels, value)
            for labels, value in samples.at("mars_archive_gaps", when)
            if labels.get("reason") != "StableMismatch"
        ]
        return {labels["rover"]: value for labels, value in total(open_ones, "rover")}

    today, yesterday = at(now), at(now - 86_400)
    return [
        ({"rover": rover}, gaps)
        for rover, gaps in today.items()
        if gaps > 0 and rover in yesterday and gaps >= yesterday[rover]
    ]


def _waiting(samples: Samples, now: float) -> Found:
    return [(labels, value) for labels, value in samples.at("mars_waiting_events", now) if value > 0]


def _aside(samples: Samples, now: float) -> Found:
    most = max((value for _, value in samples.at("mars_set_aside_objects", now)), default=0.0)
    return [({}, most)] if most > 0 else []


def _number(value: float) -> str:
    return f"{value:.4g}"


def _age(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 86_400}d {whole % 86_400 // 3600}h {whole % 3600 // 60}m {whole % 60}s"


RULES: Final = (
    Rule(
        "MarsOperatorDown",
        "critical",
        300,
        _operator,
        lambda _l, _v: "The operator has not answered for five minutes; nothing is scheduled, loaded or repaired.",
    ),
    Rule(
        "MarsKafkaAway",
        "critical",
        300,
        _kafka,
        lambda label, _v: f"Kafka does not answer the operator's reader of {label['topic']}.",
    ),
    Rule(
        "MarsArchiveStale",
        "warning",
        1800,
        _stale,
        lambda label, age: f"{label['rover']}'s manifest is {_age(age)} old, so new photos of it are not seen.",
    ),
    Rule(
        "MarsGapsNotClosing",
        "warning",
        7200,
        _gaps,
        lambda label, gaps: f"{label['rover']} has {gaps:.0f} gaps, no fewer than a day ago.",
    ),
    Rule(
        "MarsIngestFailing",
        "warning",
        600,
        _work(("ingest",), ("Success",), HOUR, 5),
        lambda _l, failed: f"No ingest Job has succeeded for an hour, and {_number(failed)} have failed.",
    ),
    Rule(
        "MarsPlanFailed",
        "warning",
        0,
        _above("mars_plans_ended_total", HOUR, 0, "reason", phase="Failed"),
        lambda label, _v: f"Plans ended with batches that failed for good: {label['reason']}.",
    ),
    Rule(
        "MarsLoadFailing",
        "critical",
        300,
        _work(("load", "sweep"), ("Success",), HOUR / 2, 2),
        lambda _l, failed: (
            f"No load has succeeded for half an hour, and {_number(failed)} have failed; objects wait in the bucket."
        ),
    ),
    Rule(
        "MarsTransformFailing",
        "critical",
        300,
        _work(("transform",), ("Success", "TestFailed"), HOUR, 1),
        lambda _l, _v: "dbt has not run through for an hour; silver, gold and planning stand still.",
    ),
    Rule(
        "MarsDataTestFailed",
        "warning",
        0,
        _above("mars_jobs_ended_total", 900, 0, kind="transform", reason="TestFailed"),
        lambda _l, _v: "A data test failed; the data are there and say something that they should not.",
    ),
    Rule(
        "MarsDeadLetters",
        "warning",
        0,
        _above("mars_dead_letters_total", 900, 0, "topic", "reason"),
        lambda label, _v: f"Messages of {label['topic']} could not be used: {label['reason']}.",
    ),
    Rule(
        "MarsObjectsSetAside",
        "warning",
        3600,
        _aside,
        lambda _l, value: f"{value:.0f} objects of the bucket cannot be used; the others are loaded.",
    ),
    Rule(
        "MarsEventsWaiting",
        "warning",
        2700,
        _waiting,
        lambda label, value: f"{value:.0f} events have waited for a {label['kind']} Job for 45 minutes.",
    ),
    Rule(
        "MarsSourceRefused",
        "warning",
        600,
        _above("mars_gate_closures_total", 2 * HOUR, 3, "source"),
        lambda label, value: f"Source {label['source']} was closed {_number(value)} times within two hours.",
    ),
    Rule(
        "MarsDecisionsFailing",
        "warning",
        600,
        _above("mars_reconcile_errors_total", 900, 5),
        lambda _l, _v: "The operator cannot decide about a plan, or not carry the decision out.",
    ),
)
WHERE: Final[Mapping[str, str]] = {
    "MarsArchiveStale": "/", "MarsGapsNotClosing": "/sols", "MarsDataTestFailed": "/tests",
    "MarsDeadLetters": "/letters",
    "MarsSourceRefused": "/",
}  # fmt: skip
"""Page that shows more of it; the others' is /work."""


class Watch:
    """The rules over time: a condition has to hold for as long as its rule says."""

    def __init__(self) -> None:
        self.samples = Samples()
        self._since: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._alerts: list[Alert] = []

    def look(self, now: float) -> list[Alert]:
        """Return what fires and what would, if it goes on; the gravest first."""
        found, since = [], {}
        for rule in RULES:
            for labels, value in rule.condition(self.samples, now):
                key = (rule.name, tuple(sorted(labels.items())))
                since[key] = self._since.get(key, now)
                fires = now - since[key] >= rule.patience
                found.append(Alert(rule, rule.sentence(labels, value), since[key], fires))
        self._since = since
        self._alerts = sorted(found, key=lambda one: (not one.fires, one.rule.severity != "critical", one.since))
        return self._alerts

    @property
    def alerts(self) -> list[Alert]:
        """What was seen last."""
        return self._alerts
