"""What the other sources do before they answer: marsvista wants a key and counts; the feeds refuse when told to."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from starlette.datastructures import Headers
from starlette.responses import Response

from mm_simulator.render import dump
from mm_simulator.shell.bodies import JSON, page
from mm_simulator.shell.ratelimit import Verdict, Window

_UNAUTHORIZED = {
    "error": "Unauthorized",
    "message": "API key required. Provide via X-API-Key header. Sign up at https://marsvista.dev to get your API key.",
}


def retry_after(seconds: int, form: str, real_now: float) -> str:
    """Retry-After in either of its forms: ``seconds``, or the date (Unix s given) at which they are over."""
    return formatdate(real_now + seconds, usegmt=True) if form == "date" else str(seconds)


class VistaKeys:
    """marsvista's keys and limits: so many requests of a key in an hour, and in a day. ``real_now`` in Unix s."""

    def __init__(self, require_key: bool, per_hour: int, per_day: int, real_now: Callable[[], float]) -> None:
        self._require_key, self._real_now = require_key, real_now
        self._windows = (("Hour", Window(per_hour, 3600)), ("Day", Window(per_day, 86_400)))

    def clear(self) -> None:
        """Forget all requests."""
        for _, window in self._windows:
            window.clear()

    def enter(self, headers: Headers) -> tuple[Response | None, dict[str, str]]:
        """Decide about one request: (a refusal, or None and the headers for the answer)."""
        key = headers.get("x-api-key", "")
        if self._require_key and not key:
            return Response(dump(_UNAUTHORIZED), 401, headers={"content-type": JSON}), {}
        now = self._real_now()
        verdicts = [(name, window, window.peek(key, now)) for name, window in self._windows if window.limit]
        told: dict[str, str] = {}
        for name, window, verdict in verdicts:
            told |= _headers(name, window.limit, verdict, now)
        refused = [verdict.retry_after for _, _, verdict in verdicts if not verdict.allowed]
        if refused:
            return self.refuse(max(refused)), told
        for _, window, _ in verdicts:
            window.count(key, now)
        return None, told

    def refuse(self, seconds: int) -> Response:
        """Its answer to who asks too often."""
        body = {
            "error": "Too Many Requests",
            "message": f"Rate limit exceeded. Try again in {seconds} seconds.",
            "hourlyLimit": self._windows[0][1].limit,
        }
        return Response(dump(body), 429, headers={"content-type": JSON, "Retry-After": str(seconds)})


def _headers(name: str, limit: int, verdict: Verdict, now: float) -> dict[str, str]:
    wait = 3600 if name == "Hour" else 86_400
    return {
        f"X-RateLimit-Limit-{name}": str(limit),
        f"X-RateLimit-Remaining-{name}": str(verdict.remaining),
        f"X-RateLimit-Reset-{name}": str(int(now) + (verdict.retry_after or wait)),
    }


def too_many(seconds: int) -> Response:
    """The refusal of a host without a gateway of its own."""
    answer = page(429, "429 Too Many Requests", "You have sent too many requests in a given amount of time.")
    answer.headers["Retry-After"] = str(seconds)
    return answer
