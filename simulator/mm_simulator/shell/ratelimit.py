"""A rolling window of requests per key, counted by the second so that its size does not grow with the limit."""

from __future__ import annotations

from collections import OrderedDict, deque
from math import ceil
from typing import NamedTuple

_MOST_KEYS = 1000


class Verdict(NamedTuple):
    """Whether a request may pass, how many more may follow, and how many seconds to wait if not."""

    allowed: bool
    remaining: int
    retry_after: int


class _Tally:
    """Requests of one key: (second, count) pairs, oldest first, and their sum."""

    __slots__ = ("seconds", "total")

    def __init__(self) -> None:
        self.seconds: deque[list[int]] = deque()
        self.total = 0


class Window:
    """At most ``limit`` (at least one) requests of one key in any ``seconds``; refused requests do not count."""

    def __init__(self, limit: int, seconds: int) -> None:
        self.limit, self._seconds = limit, seconds
        self._tallies: OrderedDict[str, _Tally] = OrderedDict()

    def peek(self, key: str, now: float) -> Verdict:
        """What a request at ``now`` (Unix seconds) would be told, without counting it."""
        tally = self._tallies.get(key)
        if tally is None:
            return Verdict(True, self.limit - 1, 0)
        while tally.seconds and tally.seconds[0][0] <= now - self._seconds:
            tally.total -= tally.seconds.popleft()[1]
        left = self.limit - tally.total
        if left > 0:
            return Verdict(True, left - 1, 0)
        return Verdict(False, 0, max(1, ceil(tally.seconds[0][0] + self._seconds - now)))

    def count(self, key: str, now: float) -> None:
        """Count one request."""
        tally = self._tallies.setdefault(key, _Tally())
        self._tallies.move_to_end(key)
        second = int(now)
        if tally.seconds and tally.seconds[-1][0] == second:
            tally.seconds[-1][1] += 1
        else:
            tally.seconds.append([second, 1])
        tally.total += 1
        while len(self._tallies) > _MOST_KEYS:
            self._tallies.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._tallies.clear()
