"""Frames that belong to a drive of Perseverance: some before it, some during it, some after it."""

from __future__ import annotations

from mm_simulator.core.frames import Reading
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import Drive, m20_drives
from mm_simulator.core.timebase import CLOCKS

_ROVER = "Perseverance"
_BEFORE_S = 600
_AFTER_S = 1800
_EXACT_EVERY = 25  # every so manyth drive has one frame exactly at its start and one exactly at its end


def drive_readings(rand: Rand, drive: Drive) -> list[Reading]:
    """Clock readings of a drive's frames inside its own sol, the most needed first.

    Of the kinds during, after and before, each that has room comes early, so that few frames suffice for all.
    """
    begin, end = CLOCKS[_ROVER].sol_sclk(drive.sol)
    first, last = int(begin) + 1, int(end) - 1
    inside = _window(rand, drive, "during", max(first, drive.sclk_start + 1), min(last, drive.sclk_end - 1), 2, 6)
    before = _window(
        rand, drive, "before", max(first, drive.sclk_start - _BEFORE_S), min(last, drive.sclk_start - 1), 2, 4
    )
    after = _window(rand, drive, "after", max(first, drive.sclk_end + 1), min(last, drive.sclk_end + _AFTER_S), 4, 12)
    readings: list[Reading] = []
    if _is_exact(drive):
        readings = [(sclk, 0) for sclk in (drive.sclk_start, drive.sclk_end) if first <= sclk <= last]
    kinds = [kind for kind in (inside, after, before) if kind]
    while kinds:
        for kind in kinds:
            readings.append(kind.pop())
        kinds = [kind for kind in kinds if kind]
    return readings


def _window(rand: Rand, drive: Drive, kind: str, low: int, high: int, least: int, most: int) -> list[Reading]:
    """Readings drawn from the seconds low..high; none if there is no such second."""
    if low > high:
        return []
    count = rand.integer(_ROVER, drive.sol, f"{kind}-frames", 0, least, most)
    return [
        (
            rand.integer(_ROVER, drive.sol, f"{kind}-sclk", i, low, high),
            rand.integer(_ROVER, drive.sol, f"{kind}-ms", i, 1, 999),
        )
        for i in range(count)
    ]


def _is_exact(drive: Drive) -> bool:
    index = list(m20_drives()).index(drive.sol)
    return index % _EXACT_EVERY == _EXACT_EVERY - 1
