"""Installing the chart into the local cluster, and removing it."""

import json
import subprocess
import time
from collections.abc import Sequence

from mm_hack import app, tools
from mm_hack.places import CONTEXT, RELEASE, REPO

CHART = REPO / "charts" / "martian-moments"
CRDS = REPO / "crds"


def kubectl(namespace: str) -> list[str]:
    """Return the kubectl command for a namespace of the local cluster, whatever the user's current context is."""
    return [str(tools.paths().kubectl), "--context", CONTEXT, "--namespace", namespace]


def helm(namespace: str) -> list[str]:
    """Return the helm command for a namespace of the local cluster."""
    return [str(tools.paths().helm), "--kube-context", CONTEXT, "--namespace", namespace]


def _run(command: list[str], stdin: str | None = None) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, input=stdin)
    if answer.returncode != 0:
        raise RuntimeError(f"{' '.join([command[0], *command[5:8]])} failed: {answer.stderr.strip()[-2000:]}")
    return str(answer.stdout)


def cluster_answers() -> bool:
    """Return whether the local cluster's API server is up."""
    command = [*kubectl("default"), "get", "--raw", "/readyz", "--request-timeout=5s"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def install(namespace: str, profile: str, extra: Sequence[str] = ()) -> None:
    """Install or upgrade the release in a namespace that enforces Pod Security ``restricted``; wait until it is ready.

    Args:
        namespace: made when it does not exist.
        profile: the values file beside the chart's own, ``demo`` or ``tiny``.
        extra: further arguments for helm, such as ``--set image.tag=...``.

    Raises:
        RuntimeError: helm gave up; the message holds its words and the pods that are not ready.
    """
    make_namespace(namespace)
    # One CRD serves the releases of all namespaces here, so none of them owns it.
    _run([*kubectl(namespace), "apply", "--server-side", "--force-conflicts", "-f", str(CRDS)])
    command = [
        *helm(namespace), "upgrade", "--install", RELEASE, str(CHART),
        "--values", str(CHART / f"values-{profile}.yaml"), "--timeout", "10m", "--wait",
        "--set", "crds.install=false", "--set", f"image.tag={app.content_name().partition(':')[2]}", *extra,
    ]  # fmt: skip
    try:
        _run(command)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{not_ready(namespace)}") from None


def renew(namespace: str) -> None:
    """Upgrade the release to the chart and the app image as they are now, with the values that it has.

    Pods whose template names another build are replaced; the operator's next Jobs start from the new one.

    Raises:
        RuntimeError: helm gave up; the message holds its words and the pods that are not ready.
    """
    command = [
        *helm(namespace), "upgrade", RELEASE, str(CHART), "--reset-then-reuse-values", "--no-hooks",
        "--timeout", "5m", "--wait", "--set", f"image.tag={app.content_name().partition(':')[2]}",
    ]  # fmt: skip
    _run([*kubectl(namespace), "apply", "--server-side", "--force-conflicts", "-f", str(CRDS)])
    try:
        _run(command)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{not_ready(namespace)}") from None


def make_namespace(namespace: str) -> None:
    """Make a namespace that enforces Pod Security ``restricted``, or let one be that is there. Raises RuntimeError."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    _run([*kubectl(namespace), "apply", "-f", "-"], stdin=json.dumps(manifest))


def not_ready(namespace: str) -> str:
    """Return a line for each pod that is neither ready nor done, and for the last warnings."""
    pods = json.loads(_run([*kubectl(namespace), "get", "pods", "-o", "json"]))["items"]
    lines = []
    for pod in pods:
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        if ready or pod["status"].get("phase") == "Succeeded":
            continue
        waiting = [
            state["waiting"].get("reason", "") + " " + state["waiting"].get("message", "")
            for state in (s["state"] for s in pod["status"].get("containerStatuses", []))
            if "waiting" in state
        ]
        lines.append(f"pod {pod['metadata']['name']}: {pod['status'].get('phase')} {' '.join(waiting).strip()}")
    return "\n".join(lines) or "all pods are ready"


def installed(namespace: str) -> bool:
    """Return whether the release is deployed in a namespace."""
    command = [*helm(namespace), "status", RELEASE]
    return subprocess.run(command, capture_output=True).returncode == 0


def uninstall(namespace: str, timeout: float = 180) -> None:
    """Remove the release and its namespace with all its data; wait until both are gone.

    Raises:
        RuntimeError: the namespace is still there after ``timeout`` seconds.
    """
    if installed(namespace):
        _run([*helm(namespace), "uninstall", RELEASE, "--wait", "--timeout", "3m"])
    subprocess.run(
        [*kubectl(namespace), "delete", "namespace", namespace, "--ignore-not-found", f"--timeout={timeout:.0f}s"],
        capture_output=True,
    )
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = subprocess.run([*kubectl(namespace), "get", "namespace", namespace], capture_output=True, text=True)
        if "NotFound" in answer.stderr:
            return
        time.sleep(1)
    raise RuntimeError(f"namespace {namespace} did not go within {timeout:.0f} s: kubectl get all -n {namespace}")
