"""Ask the operator's source gate before each request, and tell it when the source said to stay away."""

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import urllib3
from mm_contracts.reasons import Reason

from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure

UNREACHABLE_FOR: Final = 30.0
"""Seconds for which a gate that does not answer is asked again: an operator's restart takes less."""
LONGEST_WAIT: Final = 60.0
"""Seconds that one request waits for its permit; beyond, the pod's slot is better given to another Job."""
PATIENCE: Final = 480.0
"""Seconds after a Job's start from which on it no longer waits: what it has is written well before its deadline."""
_ASK: Final = b'{"lease": true}'
"""``mm_contracts.gate.PermitRequest``, whose validation would be the heaviest import of a Job."""
_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=5.0)


class Gate(Protocol):
    """Who says whether a request to the source may start now."""

    def wait(self) -> str:
        """Return when a request may start, with the name of its permit; raise SourceFailure where that takes too long.

        The permit counts as one of the source's ``maxConcurrency`` until it is given back.
        """

    def give_back(self, permit: str) -> None:
        """Say that the request of a permit has ended."""

    def close(self, seconds: float, reason: str) -> None:
        """Tell everybody that the source must not be asked for that many seconds."""


class OpenGate:
    """No gate: a Job that runs alone, outside a cluster."""

    def wait(self) -> str:
        """Return at once."""
        return ""

    def give_back(self, permit: str) -> None:
        """Do nothing: nobody else waits."""

    def close(self, seconds: float, reason: str) -> None:
        """Do nothing: nobody else asks."""


class OperatorGate:
    """The operator's gate over HTTP. One object serves all threads of a Job."""

    def __init__(
        self,
        url: str,
        source: str,
        log: Log,
        *,
        longest_wait: float = LONGEST_WAIT,
        unreachable_for: float = UNREACHABLE_FOR,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = f"{url.rstrip('/')}/v1/sources/{source}"
        self._source = source
        self._log = log
        self._longest_wait = longest_wait
        self._unreachable_for = unreachable_for
        self._pause = pause or threading.Event().wait
        self._clock = clock
        self._impatient_from = clock() + PATIENCE
        self._http = urllib3.PoolManager(num_pools=1, maxsize=8, retries=False, timeout=_TIMEOUT)

    def wait(self) -> str:
        """Return when a request may start, with the name of its permit.

        Raises:
            SourceFailure: RateLimited, with the seconds to stay away, where the wait would be too long;
                GateUnreachable where the gate does not answer.
        """
        give_up = min(self._clock() + self._longest_wait, self._impatient_from)
        while not isinstance(answer := self._ask(), str):
            seconds = answer
            # Without jitter all Jobs that wait would ask in the same instant when the source opens again.
            wait = seconds + random.uniform(0.05, 0.25 + seconds * 0.1)
            if self._clock() + wait > give_up:
                message = f"source {self._source} is closed for another {seconds:.0f} s"
                raise SourceFailure(Reason.RATE_LIMITED, message, retry_after=max(seconds, 1.0))
            self._log.debug("gate.waiting", source=self._source, seconds=wait)
            self._pause(wait)
        return answer

    def give_back(self, permit: str) -> None:
        """Give a permit back. One that cannot be given back ends by itself, a little after the source's time limit."""
        if not permit:
            return
        try:
            self._http.request("DELETE", f"{self._base}/permits/{permit}")
        except urllib3.exceptions.HTTPError as error:
            self._log.debug("gate.permit_kept", source=self._source, error=type(error).__name__)

    def close(self, seconds: float, reason: str) -> None:
        """Close the source for everybody. A gate that cannot be told is logged: the others will hear it themselves."""
        body = json.dumps({"retry_after_seconds": min(max(seconds, 1.0), 86_400.0), "reason": reason}).encode()
        try:
            answer = self._http.request(
                "POST", f"{self._base}/closures", body=body, headers={"Content-Type": "application/json"}
            )
        except urllib3.exceptions.HTTPError as error:
            self._log.warning("gate.closure_unsent", source=self._source, error=type(error).__name__)
            return
        event = "gate.closed" if answer.status < 300 else "gate.closure_refused"
        self._log.info(event, source=self._source, seconds=seconds, status=answer.status)

    def _ask(self) -> str | float:
        """Return the name of a permit where one was granted, else the seconds to wait before asking again."""
        begun, tries = self._clock(), 0
        while True:
            try:
                answer = self._http.request("POST", f"{self._base}/permits", body=_ASK)
            except urllib3.exceptions.HTTPError as error:
                problem = type(error).__name__
            else:
                if answer.status == 200:
                    return _lease(answer.data)
                if answer.status == 429:
                    return _seconds(answer.headers.get("Retry-After"))
                if answer.status == 404:
                    message = f"the operator's gate knows no source named {self._source!r}: check the chart's sources"
                    raise SourceFailure(Reason.CONFIG_ERROR, message)
                problem = f"HTTP {answer.status}"
            tries += 1
            wait = min(0.25 * 2**tries, 4.0) * random.uniform(0.75, 1.25)
            if self._clock() - begun + wait > self._unreachable_for:
                message = f"the operator's gate did not answer for {self._unreachable_for:.0f} s ({problem})"
                raise SourceFailure(Reason.GATE_UNREACHABLE, message, retry_after=10.0)
            self._pause(wait)


def _lease(body: bytes) -> str:
    """Return the name of a granted permit; a gate that names none does not count what is under way."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    lease = found.get("lease") if isinstance(found, dict) else None
    return lease if isinstance(lease, str) else ""


def _seconds(text: str | None) -> float:
    try:
        return max(float(text or 1), 0.0)
    except ValueError:
        return 1.0
