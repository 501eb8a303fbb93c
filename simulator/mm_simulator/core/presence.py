"""Which sols have photos: gaps like the real ones, and the weeks when the Sun stands between Earth and Mars."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time

from mm_simulator.core.facts import Rover
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import missing_runs
from mm_simulator.core.timebase import CLOCKS

CONJUNCTIONS = (
    date(2004, 9, 15), date(2006, 10, 23), date(2008, 12, 5), date(2011, 2, 4), date(2013, 4, 18),
    date(2015, 6, 14), date(2017, 7, 27), date(2019, 9, 2), date(2021, 10, 8), date(2023, 11, 18),
    date(2026, 1, 9), date(2028, 3, 21),
)  # fmt: skip
CONJUNCTION_HALF_WIDTH = 9  # sols
FIRST_QUIET_YEAR = 2016  # until then a conjunction is a hole, from then on a few photos a sol

# Probability that a gap starts on a sol; Curiosity's is measured, the others are design choices.
GAP_START = {"Curiosity": 0.029, "Perseverance": 0.040, "Opportunity": 0.020, "Spirit": 0.018}


def conjunction_sols(rover: Rover) -> tuple[set[int], set[int]]:
    """The rover's sols of (empty, quiet) conjunctions; sols before its landing may be among them."""
    empty: set[int] = set()
    quiet: set[int] = set()
    for day in CONJUNCTIONS:
        middle = CLOCKS[rover.name].sol_at(datetime.combine(day, time(12), UTC).timestamp())
        sols = range(middle - CONJUNCTION_HALF_WIDTH, middle + CONJUNCTION_HALF_WIDTH + 1)
        (quiet if day.year >= FIRST_QUIET_YEAR else empty).update(sols)
    return empty, quiet


def gaps(rand: Rand, rover: Rover, first: int, last: int) -> set[int]:
    """Sols of first..last without photos: a two-state chain whose gaps have the lengths of the real ones.

    The same sols come out for every ``last``, so that a longer history never changes a shorter one.
    """
    runs = missing_runs()
    start = GAP_START[rover.name]
    missing: set[int] = set()
    sol = first
    while sol <= last:
        if rand.u(rover.name, sol, "gap") < start:
            length = runs[int(rand.u(rover.name, sol, "gap-length") * len(runs))]
            missing.update(range(sol, min(sol + length, last + 1)))
            sol += length + 1  # the sol after a gap has photos, else two gaps would be one
        else:
            sol += 1
    return missing


def present_sols(
    rand: Rand, rover: Rover, first: int, last: int, forced: AbstractSet[int], with_gaps_to: int | None = None
) -> tuple[list[int], set[int]]:
    """(sols of first..last with photos, ascending; the quiet ones among them).

    ``forced`` sols have photos whatever the draws say; gaps are drawn up to ``with_gaps_to`` (default: last).
    """
    empty, quiet = conjunction_sols(rover)
    until = last if with_gaps_to is None else min(last, with_gaps_to)
    missing = (gaps(rand, rover, first, until) - quiet) | empty
    sols = [sol for sol in range(first, last + 1) if sol in forced or sol not in missing]
    return sols, {sol for sol in sols if sol in quiet and sol not in forced}
