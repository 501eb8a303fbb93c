"""The source gate's arithmetic: may a request to a source start now? Times are Unix seconds."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from mm_operator.core.backoff import fraction

WINDOW: Final = 3600.0
SLOT: Final = 60.0
"""Requests are counted by minute; the limit holds for any 60 such minutes in a row."""


@dataclass(frozen=True)
class Permit:
    """The gate's answer; ``retry_after`` seconds if it is no."""

    granted: bool
    retry_after: int = 0
    reason: str = ""


@dataclass
class SourceGate:
    """One source: closed until when and why, and how many permits each of the last minutes took."""

    name: str
    closed_until: float = 0.0
    reason: str = ""
    minutes: deque[tuple[int, int]] = field(default_factory=deque)
    refused: int = 0

    def used(self, now: float) -> int:
        """Return the permits of the last hour, and forget older ones."""
        first = math.floor((now - WINDOW) / SLOT) + 1
        while self.minutes and self.minutes[0][0] < first:
            self.minutes.popleft()
        return sum(count for _, count in self.minutes)

    def permit(self, now: float, per_hour: int | None) -> Permit:
        """Return whether a request may start, and count it if so.

        Everybody who is refused gets another time to come back, so that a re-opened source meets no stampede.
        """
        if now < self.closed_until:
            return self._refuse(self.closed_until - now, self.reason or "RateLimited")
        if per_hour is not None and self.used(now) >= per_hour:
            return self._refuse((self.minutes[0][0] + 1) * SLOT + WINDOW - now, "RequestsPerHour")
        minute = math.floor(now / SLOT)
        if self.minutes and self.minutes[-1][0] == minute:
            self.minutes[-1] = (minute, self.minutes[-1][1] + 1)
        else:
            self.minutes.append((minute, 1))
        if per_hour is None:
            self.used(now)
        return Permit(True)

    def _refuse(self, wait: float, reason: str) -> Permit:
        self.refused += 1
        spread = min(max(1.0, wait * 0.1), 30.0)
        return Permit(False, max(1, math.ceil(wait + spread * fraction(self.name, self.refused))), reason)

    def close(self, now: float, seconds: float, reason: str) -> bool:
        """Close the source for everybody. Returns whether that is later than it was closed until before."""
        until = now + seconds
        if until <= self.closed_until:
            return False
        self.closed_until, self.reason = until, reason
        return True

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON data."""
        return {
            "closedUntil": self.closed_until,
            "reason": self.reason,
            "minutes": [list(entry) for entry in self.minutes],
        }

    @classmethod
    def load(cls, name: str, data: Any) -> "SourceGate":
        """Return a gate from ``dump``'s data; data of another form gives an open gate."""
        try:
            return cls(
                name,
                float(data["closedUntil"]),
                str(data["reason"]),
                deque((int(minute), int(count)) for minute, count in data["minutes"]),
            )
        except (KeyError, TypeError, ValueError):
            return cls(name)
