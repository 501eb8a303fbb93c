"""Where Perseverance and Curiosity drove: real drives for the one, drawn ones for the other, and lines for both."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from math import atan2, ceil, cos, hypot, sin
from typing import Any

from mm_simulator.core.geo import Point, bowed, moved, offset, path_length
from mm_simulator.core.plan import SolPlan
from mm_simulator.core.rand import Rand, probit
from mm_simulator.core.tables import Drive
from mm_simulator.core.timebase import CLOCKS

_MSL_START: Point = (137.441633, -4.589466996, -4500.998142)
_MSL_GOAL: Point = (137.3817063, -4.814267199, -3570.545913)
_MSL_FIRST_SOL = 16
_MSL_CHANCE = 0.30  # of a sol with enough photos; gives about the real 1273 drives in 4868 sols
_MSL_WANDER = 1.4  # radians; makes the way about 2.7 times as long as the straight line, as it is
_LENGTH_DECILES = (0.4, 6.1, 11.2, 18.6, 30.4, 44.2, 72.7, 110.0, 159.0, 208.0, 400.0)
_MSL_LENGTH_SCALE = 0.31
_COUNTS_PER_METRE = 5.9  # of the rover motion counter


class Track:
    """One rover's drives by sol, and its rover motion counter at any time."""

    def __init__(self, drives: Mapping[int, Drive]) -> None:
        self.drives = drives
        self._sols = sorted(drives)

    def drive(self, sol: int) -> Drive | None:
        """The drive of that sol, if there was one."""
        return self.drives.get(sol)

    def rmc(self, sol: int, sclk: float) -> tuple[int, int]:
        """(site, drive) at a spacecraft clock reading of a sol; inside a drive the counter grows evenly."""
        here = self.drives.get(sol)
        if here is None:
            i = bisect_left(self._sols, sol)
            if i == 0:
                return _parse(self.drives[self._sols[0]].from_rmc) if self._sols else (0, 0)
            return _parse(self.drives[self._sols[i - 1]].to_rmc)
        start, end = _parse(here.from_rmc), _parse(here.to_rmc)
        if sclk < here.sclk_start:
            return start
        if sclk > here.sclk_end or start[0] != end[0]:
            return end
        part = (sclk - here.sclk_start) / max(1, here.sclk_end - here.sclk_start)
        return start[0], start[1] + int((end[1] - start[1]) * part)


def _parse(rmc: str) -> tuple[int, int]:
    site, drive = rmc.split("_")
    return int(site), int(drive)


def curiosity_drives(rand: Rand, plans: Iterable[SolPlan]) -> dict[int, Drive]:
    """Drawn drives of Curiosity: from its landing towards where it was on sol 4868, on sols with photos."""
    name, clock = "Curiosity", CLOCKS["Curiosity"]
    here, site, counter = _MSL_START, 0, 0
    drives: dict[int, Drive] = {}
    for plan in plans:
        sol = plan.sol
        if sol < _MSL_FIRST_SOL or plan.total < 8 or rand.u(name, sol, "drive") >= _MSL_CHANCE:
            continue
        length = _MSL_LENGTH_SCALE * _decile(rand.u(name, sol, "drive-length"))
        east, north = offset(here, _MSL_GOAL)
        heading = atan2(north, east) + _MSL_WANDER * probit(rand.u(name, sol, "drive-heading"))
        chord = length * rand.between(name, sol, "drive-chord", 0, 0.90, 0.99)
        climb = (_MSL_GOAL[2] - here[2]) * min(1.0, chord / (2.7 * hypot(east, north) + 1.0))
        there = moved(here, chord * cos(heading), chord * sin(heading), climb)
        source = f"{site}_{counter}"
        if rand.u(name, sol, "drive-site") < 0.1:
            site, counter = site + 1, 0
        else:
            counter += 2 * ceil(length * _COUNTS_PER_METRE / 2)
        hour = rand.between(name, sol, "drive-hour", 0, 11.0, 14.0)
        start = int(clock.sclk(clock.unix(sol, hour)))
        end = start + int(length / rand.between(name, sol, "drive-speed", 0, 0.006, 0.02)) + 60
        points = max(4, min(120, int(length * 0.9)))
        drives[sol] = Drive(sol, source, f"{site}_{counter}", round(length, 2), start, end, points, here, there)
        here = there
    return drives


def _decile(u: float) -> float:
    position = u * (len(_LENGTH_DECILES) - 1)
    i = int(position)
    return _LENGTH_DECILES[i] + (_LENGTH_DECILES[i + 1] - _LENGTH_DECILES[i]) * (position - i)


def line(rand: Rand, rover: str, drive: Drive) -> list[Point]:
    """The drive as points: its first one repeated, then a gently bent way to its end of about its length."""
    if drive.length == 0.0:
        return [drive.start] * drive.points
    repeats = min(drive.points - 2, rand.integer(rover, drive.sol, "line-repeats", 0, 1, 3))
    count = drive.points - repeats
    wobble = min(2.0, 0.15 * drive.length / count)
    jitter = [
        (
            rand.between(rover, drive.sol, "line-x", i, -wobble, wobble),
            rand.between(rover, drive.sol, "line-y", i, -wobble, wobble),
        )
        for i in range(count)
    ]
    east, north = offset(drive.start, drive.end)
    chord = hypot(east, north)
    ex, ey = (east / chord, north / chord) if chord > 0.001 else (1.0, 0.0)
    rise = drive.end[2] - drive.start[2]
    points = [
        moved(drive.start, along * ex - aside * ey, along * ey + aside * ex, rise * i / (count - 1))
        for i, (along, aside) in enumerate(bowed(chord, drive.length, jitter))
    ]
    return [drive.start] * repeats + [drive.start, *points[1:-1], drive.end]


def m20_feature(rand: Rand, drive: Drive) -> dict[str, Any]:
    """A GeoJSON feature as in M20_traverse.json; its length is that of its own points."""
    points = line(rand, "Perseverance", drive)
    return {
        "type": "Feature",
        "properties": {
            "sol": drive.sol,
            "fromRMC": drive.from_rmc,
            "toRMC": drive.to_rmc,
            "length": round(path_length(points), 2),
            "SCLK_START": drive.sclk_start,
            "SCLK_END": drive.sclk_end,
        },
        "geometry": {"type": "LineString", "coordinates": points},
    }


def msl_feature(rand: Rand, drive: Drive, parts: int = 1) -> dict[str, Any]:
    """A GeoJSON feature as in MSL_traverse.json, which tells a length and nothing else; two parts: MultiLineString."""
    points = line(rand, "Curiosity", drive)
    length = round(path_length(points), 2)
    middle = len(points) // 2
    geometry: dict[str, Any] = {"type": "LineString", "coordinates": points}
    if parts > 1:
        halves = [points[: middle + 1], points[middle:]]
        geometry = {"type": "MultiLineString", "coordinates": halves}
    return {"type": "Feature", "properties": {"Length": length}, "geometry": geometry}
