"""The cluster through ``kubectl``: whoever may use it may use this, with the same contexts, plugins and proxies."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mm_cli.errors import NOT_FOUND, UNAVAILABLE, USAGE, CliError

_FORWARDING: Final = re.compile(r"^Forwarding from 127\.0\.0\.1:([0-9]+) ->")
_AWAY: Final = re.compile(
    r"refused|unable to connect|no such host|i/o timeout|deadline exceeded|does not exist|current-context|"
    r"no configuration|tls:|x509|couldn't get current server|connection reset|unauthorized|must be logged in",
    re.IGNORECASE,
)
_UP: Final = "check that it runs (`./mars demo` brings a local one up) and that --context names it"


class NotThere(CliError):
    """The object that was asked for is not in the cluster."""


class Kube:
    """One namespace of one cluster. Every method raises CliError with a sentence."""

    def __init__(self, namespace: str = "", context: str = "", kubeconfig: str = "") -> None:
        """Args: the namespace (empty: the context's own), the context, the kubeconfig file (empty: kubectl's own)."""
        self.namespace = namespace
        self.context = context
        self._program = os.environ.get("MARS_KUBECTL") or "kubectl"
        options = {"--context": context, "--namespace": namespace, "--kubeconfig": kubeconfig}
        self._options = [part for name, value in options.items() if value for part in (name, value)]

    @property
    def command(self) -> list[str]:
        """What to run, up to the verb."""
        found = shutil.which(self._program)
        if found is None:
            raise CliError(
                f"there is no {self._program} here to reach a cluster with: install kubectl (`./mars up` brings one), "
                "or name it in MARS_KUBECTL; a warehouse or Kafka without a cluster is named by SNOWFLAKE_* and "
                "KAFKA_* variables (`mars --help`)"
            )
        return [found, *self._options]

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Return what kubectl prints."""
        command = [*self.command, *arguments]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise CliError(f"the cluster did not answer within {timeout:.0f} s: {_UP}") from None
        except OSError as error:
            raise CliError(f"cannot run {command[0]}: {error.strerror}") from None
        if answer.returncode != 0:
            raise problem(answer.stderr)
        return answer.stdout

    def json(self, *arguments: str) -> dict[str, Any]:
        """Return what kubectl prints as JSON."""
        answer = json.loads(self.run(*arguments, "-o", "json", "--request-timeout=20s"))
        return answer if isinstance(answer, dict) else {}

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects of a kind."""
        return list(self.json("get", kind, *arguments).get("items") or [])

    def config(self, name: str) -> dict[str, str]:
        """Return a ConfigMap's values."""
        return dict(self.json("get", "configmap", name).get("data") or {})

    def secret(self, name: str) -> dict[str, str]:
        """Return a Secret's values."""
        data: Mapping[str, str] = self.json("get", "secret", name).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        """Change an object by a merge patch."""
        self.run("patch", kind, name, "--type=merge", "--patch", json.dumps(change), "--request-timeout=20s")

    def stream(self, *arguments: str, stdin: int | None = None) -> int:
        """Run kubectl with this process's own streams, and return its exit code."""
        return subprocess.run([*self.command, *arguments], stdin=stdin, check=False).returncode

    @contextlib.contextmanager
    def forward(self, target: str, port: int) -> Iterator[int]:
        """Yield a local port that leads to a port of a target such as ``svc/mars-warehouse``, while the block lasts."""
        process = subprocess.Popen(
            [*self.command, "port-forward", "--address", "127.0.0.1", target, f":{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            heard: list[str] = []
            for line in process.stdout:
                heard.append(line.strip())
                if match := _FORWARDING.match(line):
                    yield int(match[1])
                    return
            raise CliError(f"cannot reach {target} in the cluster: {_one_line(' '.join(heard)) or 'kubectl ended'}")
        finally:
            process.terminate()
            process.wait()


def problem(said: str) -> CliError:
    """Return the error that kubectl's words are about, as a sentence with what to do."""
    text = _one_line(said)
    if "(NotFound)" in text or "not found" in text:
        return NotThere(text.removeprefix("Error from server (NotFound): "), NOT_FOUND)
    if "(Forbidden)" in text or "forbidden" in text:
        return CliError(f"you may not do this here: {text}. Ask for the right, or give another --context", USAGE)
    if "doesn't have a resource type" in text:
        return CliError(
            f"this cluster has no IngestionPlans ({text}): install the chart first, or give another --context"
        )
    if _AWAY.search(text):
        return CliError(f"the cluster does not answer ({text}): {_UP}", UNAVAILABLE)
    return CliError(f"kubectl failed: {text or 'it said nothing'}", UNAVAILABLE)


def _one_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # kubectl tells of each try in its own log format; the last line is the sentence for people.
    plain = [line for line in lines if not re.match(r"[EWI][0-9]{4} ", line)] or lines
    return " ".join(plain)[-400:]
