"""The API gateway: wants a key, counts requests, and tells every caller what is left."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response

from mm_simulator.shell.bodies import KEY_INVALID, KEY_MISSING, OVER_LIMIT, error_format, gateway_error
from mm_simulator.shell.faults import FaultBook
from mm_simulator.shell.ratelimit import Verdict, Window

DEMO_KEY = "DEMO_KEY"
_KEY_LENGTH = 40


class Pass(NamedTuple):
    """The gateway's decision: an answer of its own, or None and the headers to add to the backend's answer."""

    answer: Response | None
    headers: Mapping[str, str]


class Gateway:
    """Decides key, then rate limit. ``real_now`` tells real Unix seconds: limits are about callers, not about Mars."""

    def __init__(
        self, require_key: bool, limit: int, demo_per_hour: int, demo_per_day: int, faults: FaultBook,
        real_now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._require_key, self._faults, self._real_now = require_key, faults, real_now
        self._entered = 0
        self._hour = Window(limit, 3600)
        self._demo = (Window(demo_per_hour, 3600), Window(demo_per_day, 86_400))

    def clear(self) -> None:
        """Forget all requests."""
        for window in (self._hour, *self._demo):
            window.clear()

    def _identity(self) -> dict[str, str]:
        self._entered += 1
        name = blake2b(f"request {self._entered}".encode(), digest_size=10).hexdigest()
        return {"X-Api-Umbrella-Request-Id": name}

    def enter(self, path: str, query: Mapping[str, str], headers: Headers, client: str) -> Pass:
        """Decide about one request, and count it if it may pass."""
        form = error_format(path, query.get("format"), headers.get("accept", ""))
        key = api_key(query, headers)
        if self._require_key:
            if not key:
                return Pass(gateway_error(KEY_MISSING, form), self._identity())
            if key != DEMO_KEY and not (len(key) == _KEY_LENGTH and key.isalnum()):
                return Pass(gateway_error(KEY_INVALID, form), self._identity())
        windows = self._demo if key == DEMO_KEY else (self._hour,)
        owner = f"{DEMO_KEY} {client}" if key == DEMO_KEY else key or client
        closed = self._faults.closed_for()
        if closed:
            return self.refuse(form, windows[0].limit, closed)
        now = self._real_now()
        limited = [window for window in windows if window.limit]
        verdicts = [window.peek(owner, now) for window in limited]
        refused = [verdict for verdict in verdicts if not verdict.allowed]
        if refused:
            return self.refuse(form, windows[0].limit, max(verdict.retry_after for verdict in refused))
        for window in limited:
            window.count(owner, now)
        if not verdicts:
            return Pass(None, self._identity())
        return Pass(None, self._identity() | _limit_headers(windows[0].limit, verdicts[0]))

    def refuse(self, form: str, limit: int, seconds: int) -> Pass:
        """Refuse for so many seconds."""
        answer = gateway_error(OVER_LIMIT, form)
        answer.headers["Retry-After"] = str(seconds)
        return Pass(answer, self._identity() | _limit_headers(limit, Verdict(False, 0, seconds)))


def _limit_headers(limit: int, verdict: Verdict) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(verdict.remaining)}


def api_key(query: Mapping[str, str], headers: Headers) -> str:
    """The caller's key: argument, header, or user name of HTTP Basic; empty if there is none."""
    given = query.get("api_key") or headers.get("x-api-key")
    if given:
        return given
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode("latin-1").partition(":")[0]
        except (binascii.Error, ValueError):
            return ""
    return ""
