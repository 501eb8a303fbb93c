"""The page's alerts against the PrometheusRule: the same names, and the same answers to the same cases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from mm_dashboard.alerts import RULES, Watch
from mm_dashboard.watch import Labels, Samples, read_metrics

from .conftest import Site

ROOT = Path(__file__).parents[3]
CASES = yaml.safe_load((ROOT / "tests/unit/chart/alerts.yaml").read_text())["tests"]
CHART = {
    rule["alert"]: rule
    for group in yaml.safe_load((ROOT / "charts/martian-moments/files/rules.yaml").read_text())["groups"]
    for rule in group["rules"]
}
PROMETHEUS_ALONE = {"MarsVolumeFilling"}


def _seconds(text: str) -> float:
    return sum(float(n) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[u] for n, u in re.findall(r"(\d+)([smhd])", text))


def _values(text: str) -> list[float]:
    """Promtool's notation: ``1x3`` is four ones, ``0+5x2`` is 0 5 10."""
    found: list[float] = []
    for word in text.split():
        match = re.fullmatch(r"(-?[0-9.]+)(?:([+-][0-9.]+))?(?:x(\d+))?", word)
        assert match, word
        begin, step, times = float(match[1]), float(match[2] or 0), int(match[3] or 0)
        found += [begin + step * i for i in range(times + 1)]
    return found


def _series(test: dict[str, Any]) -> list[tuple[str, Labels, list[float]]]:
    made = []
    for one in test["input_series"]:
        name, _, inside = one["series"].partition("{")
        if "SCOPE" in inside:  # what is not of this release the operator does not serve
            labels = tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', inside)))
            made.append((name, labels, _values(one["values"])))
    return made


def test_each_rule_has_its_condition_here() -> None:
    assert {rule.name for rule in RULES} == set(CHART) - PROMETHEUS_ALONE
    for rule in RULES:
        assert rule.severity == CHART[rule.name]["labels"]["severity"], rule.name
        assert rule.patience == _seconds(CHART[rule.name].get("for", "0s")), rule.name


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_page_says_what_prometheus_would(number: int) -> None:
    test = CASES[number]
    step, series = _seconds(test["interval"]), _series(test)
    wanted = [case for case in test["alert_rule_test"] if case["alertname"] not in PROMETHEUS_ALONE]
    watch, compared = Watch(), 0
    for minute in range(int(max(_seconds(case["eval_time"]) for case in wanted)) // 60 + 1):
        now = minute * 60.0
        place = int(now // step)
        seen = {
            (name, labels): values[place] for name, labels, values in series if place < len(values) and name != "up"
        }
        up = [values[min(place, len(values) - 1)] for name, _, values in series if name == "up"] or [1.0]
        watch.samples.take(now, seen if up[0] else None)
        alerts = watch.look(now)
        for case in wanted:
            if _seconds(case["eval_time"]) == now:
                said = sorted(one.sentence for one in alerts if one.fires and one.rule.name == case["alertname"])
                expected = sorted(one["summary"] for one in case.get("exp_alerts", []))
                if (case["alertname"], up[0]) == ("MarsKafkaAway", 0.0):
                    # The case has a reader that still speaks while the operator is gone; nobody would hear it here.
                    continue
                assert said == expected, (case["alertname"], case["eval_time"])
                compared += 1
    assert compared >= len(wanted) - 1


def test_a_kafka_that_is_away_fires_while_the_operator_says_so() -> None:
    watch = Watch()
    for minute in range(7):
        watch.samples.take(minute * 60, {("mars_kafka_up", (("topic", "minio-events"),)): 0.0})
        watch.look(minute * 60)
    (alert,) = watch.alerts
    assert (alert.fires, alert.sentence) == (True, "Kafka does not answer the operator's reader of minio-events.")


def test_samples_are_kept_where_they_change_and_as_long_as_they_are_asked_for() -> None:
    samples = Samples()
    key = ("mars_dead_letters_total", (("reason", "NotJson"), ("topic", "t")))
    for minute in range(600):
        samples.take(minute * 60.0, {key: float(minute // 100)})
    times, _ = samples._series[key[0]][key[1]]
    assert times == [400 * 60.0, 500 * 60.0]
    assert [grown for _, grown in samples.increase(key[0], 599 * 60.0, 7200)] == [1.0]
    assert [value for _, value in samples.at(key[0], 599 * 60.0 - 60 * 150)] == [4.0]


def test_a_counter_that_begins_anew_counts_from_nothing() -> None:
    samples = Samples()
    for at, value in enumerate((5.0, 7.0, 1.0, 2.0)):
        samples.take(at * 60.0, {("mars_reconcile_errors_total", ()): value})
    assert [grown for _, grown in samples.increase("mars_reconcile_errors_total", 180.0, 900)] == [4.0]


def test_metrics_are_read_as_the_operator_writes_them() -> None:
    from mm_operator import metrics
    from prometheus_client import generate_latest

    metrics.DEAD_LETTERS.labels("minio-events", 'of "theirs"').inc(3)
    metrics.DEAD_LETTERS.labels("of-this-test", "NotJson").inc(0)
    found = read_metrics(generate_latest(metrics.REGISTRY).decode())
    mine = (("reason", 'of "theirs"'), ("topic", "minio-events"))
    assert found["mars_dead_letters_total", mine] >= 3
    assert found["mars_dead_letters_total", (("reason", "NotJson"), ("topic", "of-this-test"))] == 0
    assert {name for name, _ in found} >= {"mars_reconcile_errors_total"}


def test_the_page_shows_what_fires_what_may_and_what_to_do(site: Site) -> None:
    page = site.client.get("/alerts").text
    assert "There is no operator to ask." in page
    watch = site.client.app.state.context.watch  # type: ignore[attr-defined]
    key = ("mars_dead_letters_total", (("reason", "<b>"), ("topic", "minio-events")))
    for at, value in ((0.0, 0.0), (60.0, 2.0)):
        watch.samples.take(at, {key: value, ("mars_kafka_up", (("topic", "t"),)): 1.0 - value / 2})
        watch.look(at)
    fragment = site.client.get("/alerts").text
    for text in ("Messages of minio-events could not be used: &lt;b&gt;.", "MarsKafkaAway", "It may become an alert"):
        assert text in fragment
    assert "docs/runbooks/MarsDeadLetters.md" in fragment
