"""Running the ``mars`` command line from this machine against the cluster.

What needs the warehouse runs here through a port-forward; what needs Kafka runs inside the operator's pod, where
Kafka's advertised address is right.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from mm_hack.forward import config_values, forwarding, port_forward, secret_values
from mm_hack.places import RELEASE
from mm_hack.venv import ensure_project

DOCS_PORT = 8000
DASHBOARD_PORT = 8000
WAREHOUSE_COMMANDS = frozenset({"sql", "status", "trace", "warehouse"})
BUCKET_COMMANDS = frozenset({"backup", "restore"})
"""What needs the bucket beside the warehouse, and files of this machine."""


@contextmanager
def archive_command(kubectl: Sequence[str], arguments: Sequence[str]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield (command, environment) for a ``mars`` call that needs the warehouse, while its port-forward lasts."""
    settings = config_values(kubectl, f"{RELEASE}-env")
    environment = {**os.environ, **{k: v for k, v in settings.items() if k.startswith("SNOWFLAKE_")}}
    environment |= secret_values(kubectl, f"{RELEASE}-warehouse")
    command = [str(ensure_project() / "mars"), *arguments]
    if "SNOWFLAKE_HOST" not in settings:
        yield command, environment
        return
    with port_forward(kubectl, f"svc/{RELEASE}-warehouse", int(settings["SNOWFLAKE_PORT"])) as port:
        yield command, {**environment, "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": str(port)}


@contextmanager
def bucket_environment(kubectl: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the variables by which the release's bucket is reached from here, while its port-forward lasts."""
    settings = config_values(kubectl, f"{RELEASE}-env")
    environment = {name: value for name, value in settings.items() if name.startswith(("S3_", "AWS_"))}
    host = urlsplit(settings.get("S3_ENDPOINT_URL", "")).hostname
    if host != f"{RELEASE}-minio":  # a store outside: its address is good here too, and its keys are the caller's own
        yield environment
        return
    environment |= secret_values(kubectl, host)
    with port_forward(kubectl, f"svc/{host}", urlsplit(settings["S3_ENDPOINT_URL"]).port or 80) as port:
        yield {**environment, "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


def run_command(kubectl: Sequence[str], arguments: Sequence[str]) -> int:
    """Run ``mars`` with these arguments against the cluster and return its exit code."""
    if arguments and arguments[0] in BUCKET_COMMANDS:
        with archive_command(kubectl, arguments) as (command, environment), bucket_environment(kubectl) as more:
            return subprocess.run(command, env={**environment, **more}).returncode
    if arguments and arguments[0] in WAREHOUSE_COMMANDS:
        with archive_command(kubectl, arguments) as (command, environment):
            return subprocess.run(command, env=environment).returncode
    return subprocess.run([*kubectl, "exec", "-i", f"deploy/{RELEASE}-operator", "--", "mars", *arguments]).returncode


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
    return _show(kubectl, "dashboard", DASHBOARD_PORT, local_port, "./mars ui")


def _show(kubectl: Sequence[str], service: str, port: int, local_port: int | None, command: str) -> int:
    with forwarding(kubectl, f"svc/{RELEASE}-{service}", port, local_port) as (reached, process):
        print(f"http://localhost:{reached}/   (Ctrl-C ends it)", flush=True)
        try:
            said, _ = process.communicate()
        except KeyboardInterrupt:
            return 0
    raise RuntimeError(f"the way to the page ended: {said.strip()[-400:]}; run {command} again")
