"""How a new sol's photos reach the archive: in three parts, hours after the sol's end."""

from __future__ import annotations

from math import ceil

from mm_simulator.core.facts import Rover
from mm_simulator.core.rand import Rand
from mm_simulator.core.timebase import CLOCKS

_HOUR = 3600.0
_PARTS = ((36 * _HOUR, 1.00), (12 * _HOUR, 0.85), (4 * _HOUR, 0.55))  # (seconds after the sol's end, share)
SETTLED_AFTER = _PARTS[0][0]


def released(rover: Rover, sol: int, total: int, now: float) -> int:
    """How many of a sol's photos can be seen at a Unix time; all of them, for a rover that sends no more."""
    if not rover.active:
        return total
    age = now - CLOCKS[rover.name].unix(sol + 1, 0.0)
    for delay, share in _PARTS:
        if age >= delay:
            return min(total, ceil(total * share))
    return 0


def first_seen(rand: Rand, rover: str, sol: int, total: int, count: int) -> list[int]:
    """Indices (ascending) of the ``count`` photos that come first, of a sol's ``total``; more counts add to fewer."""
    if count >= total:
        return list(range(total))
    order = sorted(range(total), key=lambda i: (rand.u(rover, sol, "release", i), i))
    return sorted(order[:count])


def received(rand: Rand, rover: Rover, sol: int, total: int) -> list[float]:
    """When (Unix s) each of a sol's photos, by its index, reached the archive."""
    end = CLOCKS[rover.name].unix(sol + 1, 0.0)
    order = sorted(range(total), key=lambda i: (rand.u(rover.name, sol, "release", i), i))
    times = [end + SETTLED_AFTER] * total
    for delay, share in _PARTS[1:]:
        for i in order[: ceil(total * share)]:
            times[i] = end + delay
    return times


def last_release(rover: Rover, sol: int, now: float) -> float | None:
    """When (Unix s) a sol last got photos, up to ``now``; None before its first."""
    end = CLOCKS[rover.name].unix(sol + 1, 0.0)
    return next((end + delay for delay, _ in _PARTS if now >= end + delay), None)
