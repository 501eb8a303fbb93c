"""Plans by hand: exactly these sols, refusals in words, deletion that never hangs, slots and sols given back."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from mm_hack import release

from tests.cluster.archive import wait_quiet
from tests.cluster.conftest import NAMESPACE
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


def test_a_second_release_of_the_namespace_is_refused_before_it_makes_anything(system: System) -> None:
    """Both would take the plans that name no release, and each would see the other's Jobs."""
    command = [*release.helm(NAMESPACE), "install", "other", str(release.CHART), "--set", "crds.install=false"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode != 0
    assert 'release "mars" of namespace mars-test takes the plans that name no release' in answer.stderr
    assert "other" not in system.kubectl("get", "all,configmaps,secrets", "-o", "name")


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
    assert (status["phase"], status["reason"], status["notPromisedSols"]) == ("Complete", "SolNotPromised", 1)
    told = [e["message"] for e in system.get("events", "--field-selector", "reason=SolNotPromised,type=Warning")]
    assert any("1 of 2 sols is not in the rover's manifest" in message for message in told), told
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


@contextmanager
def fault(system: System, **given: Any) -> Iterator[None]:
    """While this holds, the simulator's source is odd in one way."""
    made = system.simulator("POST", "/__sim/faults", {"path": "photos", **given})
    try:
        yield
    finally:
        system.simulator("DELETE", f"/__sim/faults/{made['id']}")


def active(system: System, name: str) -> int:
    """Return how many batches of a plan are active."""
    return int((((system.plan(name) or {}).get("status") or {}).get("batches") or {}).get("active", 0))


def test_a_suspended_plan_gives_its_slots_to_who_waits(system: System) -> None:
    """One plan has all slots and the next waits; once the first is suspended that one starts, and ends."""
    sols = [{"name": "Opportunity", "sols": ["1", "2", "3"]}]
    with fault(system, kind="slow", rover="Opportunity", delay_seconds=120):
        system.apply(plan("holds-all", rovers=sols, batch={"maxSols": 1}, parallelism=3))
        wait_until(lambda: active(system, "holds-all") == 3, "the plan to have all slots", every=0.5)
        system.apply(plan("waits", rovers=[{"name": "Spirit", "sols": ["1"]}]))
        place = wait_until(lambda: queued(system, "waits"), "its place in the queue to be told", every=0.5)
        assert place["place"] == 1
        assert active(system, "waits") == 0
        system.kubectl("patch", "iplan", "holds-all", "--type=merge", "-p", '{"spec":{"suspend":true}}')
        wait_until(lambda: system.phase("waits") == "Complete", "the waiting plan's end", every=0.5)
        assert system.phase("holds-all") == "Suspended"
    system.kubectl("delete", "iplan", "holds-all", "waits")


def queued(system: System, name: str) -> dict[str, Any] | None:
    """Return a plan's place in the queue for slots, as the operator tells it on demand."""
    told = requests.get(f"http://127.0.0.1:{system.port('operator', 8080)}/v1/queue", timeout=30).json()
    return next((place for place in told["queue"] if place["plan"] == name), None)


def test_sols_of_a_deleted_plan_are_the_waiting_plans_again(system: System) -> None:
    """A suspended plan has two sols in hand: another fetches the third, waits, and gets the two once it is deleted."""
    system.apply(plan("coverer", rovers=[{"name": "Spirit", "sols": ["1-2"]}], suspend=True))
    wait_until(lambda: system.phase("coverer") == "Suspended", "the first plan to be suspended", every=0.5)
    system.apply(plan("heir", rovers=[{"name": "Spirit", "sols": ["1-3"]}]))

    def status() -> dict[str, Any]:
        return (system.plan("heir") or {}).get("status") or {}

    wait_until(lambda: status().get("batches", {}).get("succeeded") == 1, "the sol that nobody else has", every=0.5)
    assert status()["phase"] != "Complete"
    assert [(one["sols"], one["plan"]) for one in status()["dropped"]] == [("1-2", "coverer")]
    system.simulator("POST", "/__sim/reset")
    system.kubectl("delete", "iplan", "coverer")
    wait_until(lambda: system.phase("heir") == "Complete", "the end with all three sols", every=0.5)
    asked = system.simulator("GET", "/__sim/requests?kind=photos")["requests"]
    assert {(r["rover"], r["sol"]) for r in asked} == {("Spirit", 1), ("Spirit", 2)}


def test_a_wrong_key_costs_as_many_pods_as_run_at_a_time_and_is_told_once(system: System) -> None:
    """Twelve batches, two at a time: two pods, one sentence on the refusal, one on what was therefore not tried."""
    sols = [{"name": "Perseverance", "sols": [str(sol) for sol in range(100, 112)]}]
    with fault(system, kind="status", status=403, rover="Perseverance", path="manifest"):
        system.apply(plan("wrong-key", rovers=sols, batch={"maxSols": 1}, parallelism=2))
        wait_until(lambda: system.phase("wrong-key") == "Failed", "the plan's end", every=0.5)
    assert len(system.get("pods", "-l", "martian-moments.io/plan=wrong-key")) <= 2
    events = system.get("events", "--field-selector", "involvedObject.name=wrong-key,reason=Unauthorized")
    told = sorted(event["message"] for event in events)
    assert len(told) == 2, told
    assert "10 batches are not tried" in told[0]
    assert "failed for good after 1 attempt" in told[1]
    wait_quiet(system)
