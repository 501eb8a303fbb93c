"""Rendered charts, each rendered once a session. Needs a helm binary: the local cluster's own, or one on the PATH."""

import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[3] / "charts/martian-moments"
Objects = list[dict[str, Any]]


def find_helm() -> str | None:
    """Return a helm binary: MARS_HELM, the PATH's, or the one that the local cluster's tools hold."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "martian-moments/tools/helm"
    return os.environ.get("MARS_HELM") or shutil.which("helm") or (str(cache) if cache.exists() else None)


@functools.cache
def _run(arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    helm = find_helm()
    if helm is None:
        pytest.skip("there is no helm: put one on the PATH or bring up the local cluster once")
    return subprocess.run([helm, *arguments], capture_output=True, text=True, timeout=60)


def helm_template(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Render the chart as release mars of namespace mars; refusals are in the answer."""
    return _run(("template", "mars", str(CHART), "-n", "mars", "--kube-version", "1.34.0", *arguments))


@functools.cache
def _objects(arguments: tuple[str, ...]) -> str:
    answer = helm_template(*arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture(scope="session")
def render() -> Callable[..., Objects]:
    """Return a function from helm arguments to the rendered objects."""

    def rendered(*arguments: str) -> Objects:
        return [found for found in yaml.load_all(_objects(arguments), yaml.CSafeLoader) if found]

    return rendered


EXTERNAL: Sequence[str] = (
    "--set=kafka.provider=external",
    "--set=kafka.external.bootstrapServers=broker-1.example.org:9094",
    "--set=kafka.external.securityProtocol=SASL_SSL",
    "--set=kafka.external.existingSecret=my-kafka",
    "--set=kafka.external.caSecret=my-ca",
    "--set=minio.provider=external",
    "--set=minio.external.endpointUrl=https://s3.example.org",
    "--set=minio.existingSecret=my-store",
    "--set=warehouse.provider=snowflake",
    "--set=warehouse.snowflake.account=org-account",
    "--set=warehouse.existingSecret=my-snowflake",
)
VARIANTS: dict[str, Sequence[str]] = {
    "default": (),
    "demo": (f"--values={CHART}/values-demo.yaml",),
    "tiny": (f"--values={CHART}/values-tiny.yaml",),
    "live": (f"--values={CHART}/values-live.yaml",),
    "team": (f"--values={CHART}/values-team.yaml",),
    "strimzi": ("--set=kafka.provider=strimzi",),
    "external": EXTERNAL,
    "everything": (
        "--set=access.aggregatedClusterRoles=true",
        "--set=operator.podDisruptionBudget.enabled=true",
        "--set=operator.serviceMonitor.enabled=true",
        "--set=minio.embedded.queueEvents=true",
        "--set=simulator.capturesConfigMap=recorded",
        "--set=pod.nodeSelector.disk=fast",
        "--set=pod.priorityClassName=low",
        "--set=pod.labels.team=mars",
        "--set=imagePullSecrets[0].name=pull",
        "--set=dashboard.actions.enabled=true",
        "--set=dashboard.ingress.enabled=true",
        "--set=dashboard.ingress.host=mars.example.org",
        "--set=dashboard.ingress.tlsSecret=mars-tls",
        "--set=dashboard.httpRoute.parentRefs[0].name=gateway",
    ),
}


@pytest.fixture(params=sorted(VARIANTS))
def variant(request: pytest.FixtureRequest, render: Callable[..., Objects]) -> Objects:
    """Return the objects of each way to install the chart in turn."""
    return render(*VARIANTS[request.param])
