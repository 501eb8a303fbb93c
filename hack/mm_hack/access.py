"""Running the product's own ``mars`` from this machine against the local cluster, and ways to its pages."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

from mm_hack import tools
from mm_hack.forward import forwarding, secret_values
from mm_hack.places import CONTEXT, NAMESPACE, RELEASE, REPO
from mm_hack.venv import ensure_project

DOCS_PORT = 8000
DASHBOARD_PORT = 8000
UI_PORT = 8000
"""Where the dashboard is on this machine, unless another port is asked for or somebody listens there."""


def archive_environment(namespace: str = "", given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment in which ``mars`` finds the release of the local cluster.

    Args:
        namespace: where the release is; by default what MARS_NAMESPACE says, or the demo's.
        given: the environment to begin with; by default this process's. Its MARS_* variables stay; where it names a
            warehouse or Kafka of its own, that is left out, since the local cluster's is meant.
    """
    begin = os.environ if given is None else given
    kept = {k: v for k, v in begin.items() if not k.startswith(("SNOWFLAKE_", "KAFKA_"))}
    kubectl = tools.folder() / "kubectl"
    own = {"MARS_KUBECTL": str(kubectl)} if kubectl.exists() else {}
    there = {"MARS_NAMESPACE": namespace} if namespace else {}
    return {"MARS_CONTEXT": CONTEXT, "MARS_NAMESPACE": NAMESPACE, **own, **kept, **there}


def archive_command(arguments: Sequence[str]) -> list[str]:
    """Return the command of a ``mars`` call; its environment is ``archive_environment``."""
    return [str(ensure_project() / "mars"), *arguments]


def run_command(arguments: Sequence[str], namespace: str = "") -> int:
    """Run ``mars`` with these arguments and return its exit code. Help needs neither cluster nor packages."""
    environment = archive_environment(namespace)
    if set(arguments) & {"-h", "--help"}:
        path = os.pathsep.join(str(REPO / room) for room in ("cli", "contracts"))
        return subprocess.run(
            [sys.executable, "-m", "mm_cli.main", *arguments], env={**environment, "PYTHONPATH": path}
        ).returncode
    try:
        return subprocess.run(archive_command(arguments), env=environment).returncode
    except KeyboardInterrupt:
        return 130


def show_docs(kubectl: Sequence[str], local_port: int | None = None) -> int:
    """Print the address of the page that describes the models, and keep the way to it open until Ctrl-C.

    Raises:
        RuntimeError: there is no way to it, or the way ended; kubectl's words are in the message.
    """
    return _show(kubectl, "docs", DOCS_PORT, local_port, "./mars docs")


def show_dashboard(kubectl: Sequence[str], local_port: int | None = None) -> int:
    """Print the dashboard's address, and the token where visitors may act; keep the way to it open until Ctrl-C.

    Raises:
        RuntimeError: there is no way to it, or the way ended; kubectl's words are in the message.
    """
    try:
        token = secret_values(kubectl, f"{RELEASE}-dashboard").get("DASHBOARD_TOKEN")
    except subprocess.CalledProcessError:
        token = None  # its buttons are switched off, or a proxy names its visitors
    if token:
        print(f"to retry, suspend or ask again, sign in with the token {token}", flush=True)
    return _show(kubectl, "dashboard", DASHBOARD_PORT, local_port or _where_free(UI_PORT), "./mars ui")


def _where_free(port: int) -> int | None:
    """Return the port, or None where somebody listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what an ended way has left does not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
    return port


def _show(kubectl: Sequence[str], service: str, port: int, local_port: int | None, command: str) -> int:
    with forwarding(kubectl, f"svc/{RELEASE}-{service}", port, local_port) as (reached, process):
        print(f"http://localhost:{reached}/   (Ctrl-C ends it)", flush=True)
        try:
            said, _ = process.communicate()
        except KeyboardInterrupt:
            return 0
    raise RuntimeError(f"the way to the page ended: {said.strip()[-400:]}; run {command} again")
