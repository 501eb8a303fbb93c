"""Plans by hand: exactly these sols, refusals in words, deletion that never hangs."""

from typing import Any

import pytest

from tests.cluster.archive import wait_quiet
from tests.cluster.system import System, wait_until


def plan(name: str, **spec: Any) -> dict[str, Any]:
    """Return a plan as kubectl takes it."""
    return {
        "apiVersion": "martian-moments.io/v1alpha1",
        "kind": "IngestionPlan",
        "metadata": {"name": name},
        "spec": {"rovers": [{"name": "Curiosity", "sols": ["1"]}], **spec},
    }


def test_a_plan_by_hand_ingests_exactly_its_sols(system: System) -> None:
    """Two rovers, a range and a number; the objects hold these sols and no other."""
    system.simulator("POST", "/__sim/reset")
    rovers = [{"name": "Curiosity", "sols": ["1-2"]}, {"name": "Perseverance", "sols": ["14", "16"]}]
    assert "created" in system.apply(plan("by-hand", rovers=rovers))
    wait_until(lambda: system.phase("by-hand") == "Complete", "the plan's end")
    requests = system.simulator("GET", "/__sim/requests?kind=photos")["requests"]
    assert {(r["rover"], r["sol"]) for r in requests} == {
        ("Curiosity", 1),
        ("Curiosity", 2),
        ("Perseverance", 14),
        ("Perseverance", 16),
    }
    wait_quiet(system)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"rovers": []}, "at least 1"),
        ({"rovers": [{"name": "Sojourner", "sols": ["1"]}]}, "Sojourner"),
        ({"rovers": [{"name": "Curiosity"}]}, "sols"),
        ({"rovers": [{"name": "Curiosity", "sols": ["-5"]}]}, "sols"),
        ({"rovers": [{"name": "Curiosity", "sols": ["9-3"]}]}, "sols"),
        ({"rovers": [{"name": "Curiosity", "sols": ["1"]}, {"name": "Curiosity", "sols": ["2"]}]}, "Duplicate"),
        ({"dataset": "manifests"}, "sols"),
        ({"dataset": "selfies"}, "selfies"),
        ({"parallelism": 0}, "parallelism"),
        ({"retry": {"backoff": "soon"}}, "backoff"),
        ({"batchh": {}}, "batchh"),
    ],
)
def test_an_impossible_plan_is_refused_in_words(system: System, spec: dict[str, Any], words: str) -> None:
    """kubectl refuses it at once and names what is wrong; nothing is made."""
    answer = system.apply(plan("impossible", **spec))
    assert words in answer, answer
    assert "created" not in answer
    assert system.plan("impossible") is None


def test_a_sol_beyond_max_sol_is_recorded_as_not_promised(system: System) -> None:
    """No photo can come of it and none is invented; the good sol beside it is ingested."""
    system.apply(plan("beyond", rovers=[{"name": "Spirit", "sols": ["2", "99999"]}]))
    wait_until(lambda: system.phase("beyond") in ("Complete", "Failed"), "the plan's end")
    status = (system.plan("beyond") or {})["status"]
    assert status["phase"] == "Complete"
    wait_quiet(system)
    outcomes = system.sql("select distinct status from silver.sol_outcomes where rover_name = 'Spirit' and sol = 99999")
    assert outcomes == [("not_promised",)]
    assert system.sql("select count(*) from silver.ingestion_planning where sol = 99999") == [(0,)]


@pytest.mark.parametrize("operator_up", [True, False])
def test_deleting_a_plan_leaves_nothing(system: System, operator_up: bool) -> None:
    """While its Jobs run, with the operator up and down: gone within seconds, Jobs and pods too."""
    slow = system.simulator("POST", "/__sim/faults", {"kind": "slow", "path": "photos", "delay_seconds": 120})
    name = f"deleted-{'up' if operator_up else 'down'}"
    try:
        system.apply(plan(name, rovers=[{"name": "Opportunity", "sols": ["1", "2", "3"]}], batch={"maxSols": 1}))
        label = f"martian-moments.io/plan={name}"
        wait_until(lambda: system.get("pods", "-l", label), "the plan's pods")
        if not operator_up:
            system.kubectl("scale", "deploy/mars-operator", "--replicas=0")
            wait_until(lambda: not system.get("pods", "-l", "app.kubernetes.io/component=operator"), "no operator")
        system.kubectl("delete", "iplan", name, "--timeout=20s")
        assert system.plan(name) is None
        wait_until(lambda: not system.get("jobs,pods", "-l", label), "no Job and no pod of it", 60)
    finally:
        system.simulator("DELETE", f"/__sim/faults/{slow['id']}")
        if not operator_up:
            system.kubectl("scale", "deploy/mars-operator", "--replicas=1")
            system.kubectl("rollout", "status", "deploy/mars-operator", "--timeout=120s")
    wait_quiet(system)
