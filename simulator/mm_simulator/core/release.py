"""How a new sol's photos reach the archive: in three parts, hours after the sol's end."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from mm_simulator.core.facts import Rover
from mm_simulator.core.rand import Rand
from mm_simulator.core.timebase import CLOCKS, SOL_SECONDS

_HOUR = 3600.0
_FIRST = ((4 * _HOUR, 0.55), (12 * _HOUR, 0.85))  # (seconds after the sol's end, share of its photos)
_REST_HOURS = 36.0


@dataclass(frozen=True, slots=True)
class Release:
    """When photos come. Of every ``late_sols``-th sol (0: none) the last part comes ``late_hours`` after its end."""

    late_sols: int = 0
    late_hours: float = _REST_HOURS

    @property
    def growing(self) -> int:
        """Newest sols, counted back from the present one, that may still get photos."""
        longest = max(_REST_HOURS, self.late_hours) if self.late_sols else _REST_HOURS
        return 3 + ceil(longest * _HOUR / SOL_SECONDS)

    def parts(self, rover: Rover, sol: int) -> tuple[tuple[float, float], ...]:
        """(Unix s, share of the sol's photos that are there from then on), ascending."""
        end = CLOCKS[rover.name].unix(sol + 1, 0.0)
        late = self.late_sols and sol % self.late_sols == 0
        rest = self.late_hours if late else _REST_HOURS
        return (*((end + delay, share) for delay, share in _FIRST), (end + rest * _HOUR, 1.0))

    def released(self, rover: Rover, sol: int, total: int, now: float) -> int:
        """How many of a sol's photos can be seen at a Unix time; all of them, for a rover that sends no more."""
        if not rover.active:
            return total
        shares = [share for moment, share in self.parts(rover, sol) if now >= moment]
        return min(total, ceil(total * shares[-1])) if shares else 0

    def received(self, rand: Rand, rover: Rover, sol: int, total: int) -> list[float]:
        """When (Unix s) each of a sol's photos, by its index, reached the archive."""
        parts = self.parts(rover, sol)
        order = _order(rand, rover.name, sol, total)
        times = [parts[-1][0]] * total
        for moment, share in reversed(parts):
            for i in order[: ceil(total * share)]:
                times[i] = moment
        return times

    def last(self, rover: Rover, sol: int, now: float) -> float | None:
        """When (Unix s) a sol last got photos, up to ``now``; None before its first."""
        return max((moment for moment, _ in self.parts(rover, sol) if now >= moment), default=None)


def first_seen(rand: Rand, rover: str, sol: int, total: int, count: int) -> list[int]:
    """Indices (ascending) of the ``count`` photos that come first, of a sol's ``total``; more counts add to fewer."""
    if count >= total:
        return list(range(total))
    return sorted(_order(rand, rover, sol, total)[:count])


def _order(rand: Rand, rover: str, sol: int, total: int) -> list[int]:
    return sorted(range(total), key=lambda i: (rand.u(rover, sol, "release", i), i))
