"""The source gate's arithmetic: may a request to a source start now? Times are Unix seconds."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from mm_operator.core.backoff import fraction

WINDOW: Final = 3600.0
SLOT: Final = 60.0
"""Requests are counted by minute; the limit holds for any 60 such minutes in a row."""
LONGEST_CLOSURE: Final = 86_400.0
"""No source is closed for longer than a day, whatever it said or a saved state says."""
CONCURRENCY: Final = "MaxConcurrency"


@dataclass(frozen=True)
class Limits:
    """What a source allows: requests an hour (None: any), requests at a time, and how long one may take at most."""

    per_hour: int | None = None
    concurrency: int = 8
    lease_seconds: float = 60.0


@dataclass(frozen=True)
class Permit:
    """The gate's answer; ``retry_after`` seconds if it is no."""

    granted: bool
    retry_after: int = 0
    reason: str = ""


@dataclass
class SourceGate:
    """One source: closed until when and why, permits of the last hour by minute, and permits that are in use."""

    name: str
    closed_until: float = 0.0
    reason: str = ""
    minutes: deque[tuple[int, int]] = field(default_factory=deque)
    leases: dict[str, float] = field(default_factory=dict)
    """Requests under way, and when each counts as over although nobody said so: its Job may have been killed."""
    refused: int = 0

    def used(self, now: float) -> int:
        """Return the permits of the last hour, and forget older ones."""
        first = math.floor((now - WINDOW) / SLOT) + 1
        while self.minutes and self.minutes[0][0] < first:
            self.minutes.popleft()
        return sum(count for _, count in self.minutes)

    def under_way(self, now: float) -> int:
        """Return the requests under way, and forget those whose time is over."""
        for lease in [lease for lease, until in self.leases.items() if until <= now]:
            del self.leases[lease]
        return len(self.leases)

    def permit(self, now: float, limits: Limits, lease: str | None = None) -> Permit:
        """Return whether a request may start, and count it if so; with a ``lease`` until that is given back.

        Everybody who is refused gets another time to come back, so that a re-opened source meets no stampede.
        """
        if now < self.closed_until:
            return self._refuse(self.closed_until - now, self.reason or "RateLimited")
        if limits.per_hour is not None and self.used(now) >= limits.per_hour:
            return self._refuse((self.minutes[0][0] + 1) * SLOT + WINDOW - now, "RequestsPerHour")
        if lease is not None:
            if self.under_way(now) >= limits.concurrency:
                return Permit(False, 1, CONCURRENCY)
            self.leases[lease] = now + limits.lease_seconds
        minute = math.floor(now / SLOT)
        if self.minutes and self.minutes[-1][0] == minute:
            self.minutes[-1] = (minute, self.minutes[-1][1] + 1)
        else:
            self.minutes.append((minute, 1))
        if limits.per_hour is None:
            self.used(now)
        return Permit(True)

    def give_back(self, lease: str) -> bool:
        """Note that a request has ended. Returns whether it was known to be under way."""
        return self.leases.pop(lease, None) is not None

    def _refuse(self, wait: float, reason: str) -> Permit:
        self.refused += 1
        spread = min(max(1.0, wait * 0.1), 30.0)
        return Permit(False, max(1, math.ceil(wait + spread * fraction(self.name, self.refused))), reason)

    def close(self, now: float, seconds: float, reason: str) -> bool:
        """Close the source for everybody. Returns whether that is later than it was closed until before."""
        until = now + min(seconds, LONGEST_CLOSURE)
        if until <= self.closed_until:
            return False
        self.closed_until, self.reason = until, reason
        return True

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON data. Leases are not part of it: they end by themselves."""
        return {
            "closedUntil": self.closed_until,
            "reason": self.reason,
            "minutes": [list(entry) for entry in self.minutes],
        }

    @classmethod
    def load(cls, name: str, data: Any, now: float) -> "SourceGate":
        """Return a gate from ``dump``'s data; data of another form gives an open gate.

        The clock that wrote it may have been wrong: nothing is closed for longer than a closure can be, and minutes
        that have not come yet count for nothing.
        """
        try:
            until = float(data["closedUntil"])
            minutes = [(int(minute), max(0, int(count))) for minute, count in data["minutes"]]
            reason = str(data["reason"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return cls(name)
        until = min(until, now + LONGEST_CLOSURE) if math.isfinite(until) else 0.0
        present = [entry for entry in minutes if entry[0] <= math.floor(now / SLOT)]
        return cls(name, until, reason, deque(sorted(present)))
