"""Alerts, dashboard and the page of metrics against the metrics that there are; the alerts with promtool itself."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mm_hack import promtool
from mm_hack.run import SetupError

from .conftest import CHART
from .objects import Object, named

ROOT = CHART.parents[1]
sys.path.insert(0, str(CHART.parent))
import metrics_docs  # noqa: E402

Render = Callable[..., list[Object]]
ON = ("--set=monitoring.rules.enabled=true", "--set=monitoring.grafana.enabled=true")
RUNBOOKS = ROOT / "docs/runbooks"
OF_OTHERS = {"up", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"}
_METRIC = re.compile(r"\b(?:mars|kubelet|process)_[a-z_]+\b|\bup\b(?=\{)")
_LABEL = re.compile(r'\b([a-z_]+)(?:=~|!~|!=|=)"')


def _tool() -> Path:
    try:
        return promtool.find()
    except SetupError as error:
        pytest.skip(str(error))


def _rules(objects: list[Object]) -> Object:
    spec: Object = named(objects, "PrometheusRule", "mars-alerts")["spec"]
    return spec


def _alerts(objects: list[Object]) -> Iterator[Object]:
    for group in _rules(objects)["groups"]:
        yield from group["rules"]


def _dashboard(objects: list[Object]) -> Any:
    (text,) = named(objects, "ConfigMap", "mars-grafana")["data"].values()
    return json.loads(text)


def _expressions(objects: list[Object]) -> dict[str, str]:
    panels = _dashboard(objects)["panels"]
    shown = {f"panel {one['title']}/{t['refId']}": t["expr"] for one in panels for t in one["targets"]}
    return shown | {rule["alert"]: rule["expr"] for rule in _alerts(objects)}


def test_the_page_lists_the_metrics_that_there_are() -> None:
    assert metrics_docs.PAGE.read_text() == metrics_docs.page(), "run: uv run python charts/metrics_docs.py"


def test_expressions_name_metrics_and_labels_that_there_are(render: Render) -> None:
    known = {name: set(labels) for name, _, labels, _ in metrics_docs.metrics()}
    scope = {"namespace", "service", "persistentvolumeclaim"}
    for where, expression in _expressions(render(*ON)).items():
        names = set(_METRIC.findall(expression))
        assert names, where
        assert names <= set(known) | OF_OTHERS, where
        labels = set().union(*(known.get(name, set()) for name in names))
        assert set(_LABEL.findall(expression)) <= labels | scope, where
        grouped = {word.strip() for found in re.findall(r"by \(([^)]*)\)", expression) for word in found.split(",")}
        assert grouped <= labels | scope, where


def test_every_metric_of_the_archive_is_shown_or_alerted_on(render: Render) -> None:
    used = {name for expression in _expressions(render(*ON)).values() for name in _METRIC.findall(expression)}
    archive = {name for name, *_ in metrics_docs.metrics() if name.startswith("mars_archive_")}
    assert archive - used <= {"mars_archive_newest_photo_timestamp_seconds"}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert(render: Render) -> None:
    alerts = {
        rule["alert"]: rule for rule in _alerts(render(*ON, "--set=monitoring.rules.runbookUrl=https://a.org/r/"))
    }
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(alerts)
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"] == f"https://a.org/r/{name}.md"
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")
        assert f"({name}.md)" in (RUNBOOKS / "README.md").read_text()


def test_a_release_alerts_of_itself_alone(render: Render) -> None:
    objects = render(*ON, "--set=fullnameOverride=archive", "--set=monitoring.rules.alertLabels.team=mars")
    rules = named(objects, "PrometheusRule", "archive-alerts")["spec"]["groups"][0]["rules"]
    for rule in rules:
        for selector in re.findall(r"\{([^}]*)\}", rule["expr"]):
            mine = 'service="archive-operator"' in selector or "data-archive-" in selector
            assert 'namespace="mars"' in selector, rule["alert"]
            assert mine, rule["alert"]
        assert rule["labels"]["team"] == "mars"


def test_nothing_of_it_is_made_unless_asked_for(render: Render) -> None:
    kinds = {one["kind"] for one in render()}
    assert not kinds & {"PrometheusRule", "ServiceMonitor"}
    assert not [one for one in render() if one["metadata"]["name"] == "mars-grafana"]


def test_the_dashboard_is_one(render: Render) -> None:
    panels = _dashboard(render(*ON))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_promtool_takes_every_expression(render: Render, tmp_path: Path) -> None:
    tool = _tool()
    objects = render(*ON)
    rules, panels = tmp_path / "rules.yaml", tmp_path / "panels.yaml"
    rules.write_text(yaml.safe_dump(_rules(objects)))
    shown = [expression.replace("$__rate_interval", "5m") for expression in _expressions(objects).values()]
    recorded = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(shown)]
    panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    for path in (rules, panels):
        said = subprocess.run([tool, "check", "rules", path], capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr


def test_alerts_fire_when_they_should_and_only_then(render: Render, tmp_path: Path) -> None:
    tool = _tool()
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_rules(render(*ON))))
    cases = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text())
    fired = {case["alertname"] for test in cases["tests"] for case in test["alert_rule_test"] if case.get("exp_alerts")}
    quiet = {
        case["alertname"] for test in cases["tests"] for case in test["alert_rule_test"] if not case.get("exp_alerts")
    }
    names = {rule["alert"] for rule in _alerts(render(*ON))}
    assert (fired, quiet) == (names, names), "each alert wants a case in which it fires and one in which it does not"
    for test in cases["tests"]:
        for series in test["input_series"]:
            series["series"] = series["series"].replace("SCOPE", 'namespace="mars",service="mars-operator"')
    # What is said beside labels is the rules' business: promtool compares it too.
    annotations = {rule["alert"]: rule for rule in _alerts(render(*ON))}
    for test in cases["tests"]:
        for case in test["alert_rule_test"]:
            for expected in case.get("exp_alerts", []):
                rule = annotations[case["alertname"]]
                expected["exp_labels"] = {**rule["labels"], **expected.get("exp_labels", {})}
                said = {**rule["annotations"], "summary": expected.pop("summary")}
                expected["exp_annotations"] = said
    cases["rule_files"] = ["rules.yaml"]
    path = tmp_path / "tests.yaml"
    path.write_text(yaml.safe_dump(cases))
    answer = subprocess.run([tool, "test", "rules", path], capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
