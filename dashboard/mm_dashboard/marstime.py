"""Local mean solar time of the rovers, for showing it beside UTC.

Formula: a sol is 88,775.244 s (Allison & McEwen 2000); a rover's sol 0 begins at its own local midnight before landing
(``midnight0_unix`` of silver.ref_rovers), from which local mean time runs evenly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

SOL_SECONDS: Final = 88_775.244

CONJUNCTIONS: Final = tuple(
    datetime.fromisoformat(f"{day}T12:00:00+00:00")
    for day in (
        "2004-09-15", "2006-10-23", "2008-12-05", "2011-02-04", "2013-04-18", "2015-06-14", "2017-07-27", "2019-09-02",
        "2021-10-08", "2023-11-18", "2026-01-09", "2028-03-21",
    )
)  # fmt: skip
"""When the Sun stood between Earth and Mars (JPL Horizons): for about ten sols either side little is sent."""
CONJUNCTION_HALF_WIDTH: Final = 9


@dataclass(frozen=True, slots=True)
class MarsTime:
    """A sol and hours since its local midnight, 0 to 24."""

    sol: int
    hours: float

    def __str__(self) -> str:
        return f"sol {self.sol:,}, {clock(self.hours)}"


def clock(hours: float) -> str:
    """Return hours since midnight as ``14:05``."""
    minutes = int(hours * 60) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def mars_time(when: datetime, midnight0: float) -> MarsTime:
    """Return the local mean solar time of a rover whose sol 0 began at ``midnight0`` (Unix seconds)."""
    sols = (when.replace(tzinfo=when.tzinfo or UTC).timestamp() - midnight0) / SOL_SECONDS
    return MarsTime(int(sols // 1), (sols % 1) * 24)


def conjunctions(midnight0: float, last_sol: int) -> list[tuple[int, int]]:
    """Return the (first, last) sols of the solar conjunctions within a rover's sols 0 to ``last_sol``."""
    middles = [mars_time(day, midnight0).sol for day in CONJUNCTIONS]
    around = [(middle - CONJUNCTION_HALF_WIDTH, middle + CONJUNCTION_HALF_WIDTH) for middle in middles]
    return [(max(0, first), min(last, last_sol)) for first, last in around if last >= 0 and first <= last_sol]


Midnights = Mapping[str, float]
"""Unix seconds at which sol 0 of each rover began."""
