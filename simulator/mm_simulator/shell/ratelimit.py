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


class Window:
    """At most ``limit`` requests of one key in any ``seconds``; refused requests do not count."""

    def __init__(self, limit: int, seconds: int) -> None:
        self.limit, self._seconds = limit, seconds
        self._buckets: OrderedDict[str, deque[list[int]]] = OrderedDict()

    def peek(self, key: str, now: float) -> Verdict:
        """What a request at ``now`` (Unix seconds) would be told, without counting it."""
        buckets = self._buckets.get(key, deque())
        while buckets and buckets[0][0] <= now - self._seconds:
            buckets.popleft()
        left = self.limit - sum(count for _, count in buckets)
        if left > 0:
            return Verdict(True, left - 1, 0)
        wait = ceil(buckets[0][0] + self._seconds - now) if buckets else self._seconds
        return Verdict(False, 0, max(1, wait))

    def count(self, key: str, now: float) -> None:
        """Count one request."""
        buckets = self._buckets.setdefault(key, deque())
        self._buckets.move_to_end(key)
        second = int(now)
        if buckets and buckets[-1][0] == second:
            buckets[-1][1] += 1
        else:
            buckets.append([second, 1])
        while len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._buckets.clear()
