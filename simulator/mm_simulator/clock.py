"""The simulated clock: stands still, or runs at a rate, and can be set."""

from __future__ import annotations

from collections.abc import Callable


class SimClock:
    """Simulated Unix time over a steady real clock (seconds)."""

    def __init__(self, start: float, rate: float, steady: Callable[[], float]) -> None:
        self._start, self._start_rate, self._steady = start, rate, steady
        self.reset()

    def now(self) -> float:
        """The simulated time."""
        return self._base + (self._steady() - self._mark) * self.rate

    def set(self, now: float | None = None, rate: float | None = None) -> None:
        """Go on from another time, or at another rate, or both."""
        self._base, self._mark = self.now() if now is None else now, self._steady()
        if rate is not None:
            self.rate = rate

    def advance(self, seconds: float) -> None:
        """Jump ahead (or back)."""
        self.set(self.now() + seconds)

    def reset(self) -> None:
        """Back to the start."""
        self._base, self._mark, self.rate = self._start, self._steady(), self._start_rate
