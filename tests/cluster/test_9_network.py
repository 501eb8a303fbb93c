"""The policies hold in the network itself: a pod of each part tries every server, and reaches what the part needs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.system import System, wait_until

PROBE = (Path(__file__).parent / "network_probe.py").read_text()
PORTS = {"kafka": 9092, "minio": 9000, "warehouse": 8080, "simulator": 8000, "operator": 8080, "docs": 8000}
NEEDS: dict[str, set[str]] = {
    "operator": {"kafka", "api"},
    "job-ingest": {"minio", "simulator", "operator"},
    "job-load": {"kafka", "minio", "warehouse"},
    "job-sweep": {"kafka", "minio", "warehouse"},
    "job-transform": {"kafka", "minio", "warehouse"},
    "setup": {"kafka", "minio"},
    "schedule": {"kafka"},
    "docs": {"minio"},
    "simulator": set(),
    "warehouse": set(),
}
STRANGER = "stranger"


def probe(part: str, image: str, servers: dict[str, tuple[str, int]]) -> dict[str, Any]:
    """Return a pod that tries all servers, with the labels of a part; a stranger has none of this release's.

    It is never ready, so that no Service sends anybody to it.
    """
    labels = {"mars-probe": part}
    if part != STRANGER:
        labels |= {
            "app.kubernetes.io/name": "martian-moments",
            "app.kubernetes.io/instance": "mars",
            "app.kubernetes.io/part-of": "martian-moments",
            "app.kubernetes.io/component": part,
        }
    container = {
        "name": "probe",
        "image": image,
        "command": ["/usr/bin/tini", "--", "python3", "-c", PROBE],
        "env": [{"name": "SERVERS", "value": json.dumps(servers)}],
        "readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 60},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"probe-{part}", "labels": labels},
        "spec": {
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        },
    }


@pytest.fixture(scope="module")
def probes(system: System) -> Iterator[System]:
    """One pod a part, taken away at the end."""
    (deployment,) = system.get("deployment", "mars-operator")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    servers = {name: (f"mars-{name}", port) for name, port in PORTS.items()}
    servers["api"] = ("kubernetes.default.svc", 443)
    pods = [probe(part, image, servers) for part in (*NEEDS, STRANGER)]
    system.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    yield system
    system.kubectl("delete", "pods", "-l", "mars-probe", "--wait=false")


def reached(system: System, part: str) -> set[str] | None:
    """Return which servers answered a part in its last whole round; None before the first."""
    lines = system.kubectl("logs", f"probe-{part}", "--tail=1", check=False).splitlines()
    return set(json.loads(lines[-1])) if lines and lines[-1].startswith("[") else None


@pytest.mark.parametrize("part", NEEDS)
def test_a_part_reaches_what_it_needs_and_nothing_else(probes: System, part: str) -> None:
    """A new pod's rules take a moment to be in place, so what counts is what it settles on."""
    wait_until(lambda: reached(probes, part) == NEEDS[part], f"{part} to reach {sorted(NEEDS[part])} only", 90)


def test_a_pod_that_is_not_of_the_release_reaches_none_of_its_servers(probes: System) -> None:
    """It has no policy of its own and reaches the API; everything of the release refuses it."""
    wait_until(lambda: reached(probes, STRANGER) == {"api"}, "the stranger to reach the API only", 90)
