"""A worker is drained, a worker is lost: no attempt is used up by the one, nothing is lost or doubled by the other.

Everything of the release but its Jobs runs on the first worker (conftest.py): what is lost here are Jobs.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.archive import archived, duplicates, gaps, grow, promised, wait_complete, wait_quiet
from tests.cluster.conftest import SPARE_WORKER as LOST
from tests.cluster.system import System, wait_until

PLAN: dict[str, Any] = {
    "apiVersion": "martian-moments.io/v1alpha1",
    "kind": "IngestionPlan",
    "spec": {"rovers": [{"name": "Curiosity", "sols": ["1", "2", "3"]}], "batch": {"maxSols": 1}, "parallelism": 3},
}


def plan(name: str) -> dict[str, Any]:
    """Return a plan of three batches by hand."""
    return {**PLAN, "metadata": {"name": name}}


def on_node(system: System, node: str, *selector: str) -> set[str]:
    """Return the kinds of the product's Jobs that have a running pod on a node."""
    pods = system.get("pods", "-l", ",".join(("martian-moments.io/kind", *selector)))
    return {
        pod["metadata"]["labels"]["martian-moments.io/kind"]
        for pod in pods
        if pod["spec"].get("nodeName") == node and pod["status"]["phase"] == "Running"
    }


@contextmanager
def slow(system: System) -> Iterator[None]:
    """While this holds, each answer with photos takes long enough to lose a node in it."""
    fault = system.simulator("POST", "/__sim/faults", {"kind": "slow", "path": "photos", "delay_seconds": 20})
    try:
        yield
    finally:
        system.simulator("DELETE", f"/__sim/faults/{fault['id']}")


def node_ready(system: System, node: str) -> bool:
    """Return whether the API believes that a node works."""
    (found,) = system.get("node", node)
    return any(c["type"] == "Ready" and c["status"] == "True" for c in found["status"]["conditions"])


def test_jobs_spread_over_the_workers(system: System) -> None:
    """Three batches at a time land on more than one node."""
    wait_quiet(system)
    with slow(system):
        system.apply(plan("spread"))
        label = "martian-moments.io/plan=spread"
        wait_until(lambda: len({p["spec"].get("nodeName") for p in system.get("pods", "-l", label)} - {None}) > 1,
                   "pods on two nodes", 60)  # fmt: skip
    wait_until(lambda: system.phase("spread") == "Complete", "the plan's end")


def test_a_drained_worker_uses_up_no_attempt(system: System) -> None:
    """Its pods are evicted; the batches are made again elsewhere and their attempts do not count."""
    wait_quiet(system)
    try:
        with slow(system):
            system.apply(plan("drained"))
            wait_until(lambda: on_node(system, LOST, "martian-moments.io/plan=drained"), "a batch on the worker", 60)
            system.kubectl(
                "drain", LOST, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--grace-period=1"
            )
        wait_until(lambda: system.phase("drained") in ("Complete", "Failed"), "the plan's end")
        status = (system.plan("drained") or {})["status"]
        assert status["phase"] == "Complete", json.dumps(status)
        counted = [record["attempts"] - record.get("uncounted", 0) for record in status.get("records", [])]
        assert all(count <= 1 for count in counted), status["records"]
    finally:
        system.kubectl("uncordon", LOST)


def test_a_lost_worker_costs_no_photo_and_doubles_none(system: System) -> None:
    """Its container is killed with batches and whatever else runs on it; all is done without it in five minutes."""
    wait_complete(system)
    wait_quiet(system)
    keep = next(n["metadata"]["name"] for n in system.get("nodes") if n["metadata"]["name"].endswith("-worker"))
    system.kubectl("cordon", keep)  # so that all that starts now starts on the other
    try:
        with slow(system):
            grow(system, Curiosity="40-43", Spirit="40-41")
            wait_until(lambda: "ingest" in on_node(system, LOST) and _photos_plan(system), "batches on it", 180)
            subprocess.run([system.docker, "kill", LOST], check=True, capture_output=True)
            system.kubectl("uncordon", keep)
            wait_until(lambda: not node_ready(system, LOST), "the API to miss the node", 120)
        wait_until(lambda: archived(system) == promised(system) and not gaps(system), "all of it", 300, every=3)
        assert duplicates(system) == []
    finally:
        system.kubectl("uncordon", keep)
        subprocess.run([system.docker, "start", LOST], check=True, capture_output=True)
        wait_until(lambda: node_ready(system, LOST), "the worker to come back", 180)
    wait_complete(system)


def _photos_plan(system: System) -> bool:
    plans = [p for p in system.get("iplan") if p["spec"].get("dataset", "photos") == "photos"]
    return any((p.get("status") or {}).get("phase") == "Running" for p in plans)
