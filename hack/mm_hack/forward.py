"""Reaching services of the cluster from this machine through ``kubectl port-forward``."""

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_FORWARDING = re.compile(r"^Forwarding from 127\.0\.0\.1:([0-9]+) ->")


@contextmanager
def port_forward(kubectl: Sequence[str], target: str, port: int, local_port: int | None = None) -> Iterator[int]:
    """Yield a local port that leads to ``port`` of ``target`` (``svc/mars-warehouse``) while the context lasts.

    Args:
        kubectl: the command with context and namespace.
        target: what to reach, as kubectl names it.
        port: the service's port.
        local_port: this port and no other, for a server that advertises its address; by default any free one.

    Raises:
        RuntimeError: kubectl ended before it forwarded; its own words are in the message.
    """
    with forwarding(kubectl, target, port, local_port) as (reached, _):
        yield reached


@contextmanager
def forwarding(
    kubectl: Sequence[str], target: str, port: int, local_port: int | None = None
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Like ``port_forward``, for who waits as well: yield the local port and kubectl, which ends when its pod does."""
    process = subprocess.Popen(
        [*kubectl, "port-forward", "--address", "127.0.0.1", target, f"{local_port or ''}:{port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        heard = []
        for line in process.stdout:
            heard.append(line.strip())
            if match := _FORWARDING.match(line):
                yield int(match.group(1)), process
                return
        raise RuntimeError(f"cannot reach {target} in the cluster: {' '.join(heard) or 'kubectl said nothing'}")
    finally:
        process.terminate()
        process.wait()


def secret_values(kubectl: Sequence[str], name: str) -> dict[str, str]:
    """Return the decoded values of a Secret. Raises CalledProcessError when it cannot be read."""
    answer = subprocess.run([*kubectl, "get", "secret", name, "-o", "json"], check=True, capture_output=True, text=True)
    data: dict[str, Any] = json.loads(answer.stdout).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def config_values(kubectl: Sequence[str], name: str) -> dict[str, str]:
    """Return the values of a ConfigMap. Raises CalledProcessError when it cannot be read."""
    answer = subprocess.run(
        [*kubectl, "get", "configmap", name, "-o", "json"], check=True, capture_output=True, text=True
    )
    return dict(json.loads(answer.stdout).get("data") or {})
