"""A rover's way as a drawing: local metres, an SVG path, the elevation along it, and where pictures were taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from mm_dashboard.warehouse import Row

MARS_RADIUS: Final = 3_396_190.0
"""Metres: the equatorial radius of the IAU 2000 ellipsoid, which the traverse layers use."""
POINTS: Final = 3000
"""Points of a drawing at most: more than a screen shows."""
WIDTH: Final = 1000.0
PROFILE: Final = 160.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A place where pictures were taken, in the drawing's coordinates."""

    x: float
    y: float
    radius: float
    photos: int
    first_sol: int
    last_sol: int
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A traverse: view box sizes, path data, and what the page says of it."""

    width: float
    height: float
    path: str
    start: tuple[float, float]
    end: tuple[float, float]
    spots: list[Spot]
    scale: tuple[float, str]
    """A bar's length in the drawing, and what it stands for."""
    profile: str
    lowest: float
    highest: float
    length_m: float
    drives: int
    first_sol: int | None
    last_sol: int | None


def draw(points: Sequence[Row], spots: Sequence[Row]) -> Drawing | None:
    """Return the drawing of a rover's drives, None where there are fewer than two points.

    Args:
        points: rows of ``queries.ROUTE`` in order; degrees and metres.
        spots: rows of ``queries.SPOTS``.
    """
    known = [row for row in points if row["longitude"] is not None and row["latitude"] is not None]
    if len(known) < 2:
        return None
    middle = math.radians(float(known[0]["latitude"]))
    degree = math.pi * MARS_RADIUS / 180
    metres = [(float(r["longitude"]) * degree * math.cos(middle), float(r["latitude"]) * degree) for r in known]
    left, right = min(x for x, _ in metres), max(x for x, _ in metres)
    low, high = min(y for _, y in metres), max(y for _, y in metres)
    span = max(right - left, (high - low) * 1.4, 1.0)
    factor = (WIDTH - 60) / span
    height = (high - low) * factor + 60

    def place(x: float, y: float) -> tuple[float, float]:
        return round(30 + (x - left) * factor + (span - right + left) * factor / 2, 1), round(
            30 + (high - y) * factor, 1
        )

    placed = [place(x, y) for x, y in metres]
    step = max(1, len(placed) // POINTS)
    kept = placed[::step] + ([placed[-1]] if (len(placed) - 1) % step else [])
    along, elevations = _along(known, metres)
    ends = {(row["to_site"], row["to_drive"]): placed[i] for i, row in enumerate(known) if row["to_site"] is not None}
    sols = [int(row["sol"]) for row in known if row["sol"] is not None]
    profile, lowest, highest = _profile(along, elevations)
    return Drawing(
        width=WIDTH,
        height=round(max(height, 120.0), 1),
        path="M" + "L".join(f"{x:g} {y:g}" for x, y in kept),
        start=placed[0],
        end=placed[-1],
        spots=_spots(spots, ends),
        scale=_scale(factor),
        profile=profile,
        lowest=lowest,
        highest=highest,
        length_m=along[-1],
        drives=len({row["drive_number"] for row in known}),
        first_sol=min(sols, default=None),
        last_sol=max(sols, default=None),
    )


def _along(rows: Sequence[Row], metres: Sequence[tuple[float, float]]) -> tuple[list[float], list[float | None]]:
    along, total = [0.0], 0.0
    for before, after in pairwise(metres):
        total += math.dist(before, after)
        along.append(total)
    return along, [None if row["elevation_m"] is None else float(row["elevation_m"]) for row in rows]


def _profile(along: Sequence[float], elevations: Sequence[float | None]) -> tuple[str, float, float]:
    pairs = [(a, e) for a, e in zip(along, elevations, strict=True) if e is not None]
    if len(pairs) < 2:
        return "", 0.0, 0.0
    lowest, highest = min(e for _, e in pairs), max(e for _, e in pairs)
    wide, tall = WIDTH / max(along[-1], 1.0), (PROFILE - 20) / max(highest - lowest, 1.0)
    step = max(1, len(pairs) // POINTS)
    kept = pairs[::step]
    line = "L".join(f"{a * wide:.1f} {10 + (highest - e) * tall:.1f}" for a, e in kept)
    return f"M{line}", lowest, highest


def _spots(rows: Sequence[Row], ends: dict[tuple[Any, Any], tuple[float, float]]) -> list[Spot]:
    found = [(row, ends[row["site"], row["drive"]]) for row in rows if (row["site"], row["drive"]) in ends]
    most = max((int(row["photos"]) for row, _ in found), default=1)
    return [
        Spot(
            x,
            y,
            round(2.5 + 9 * math.sqrt(int(row["photos"]) / most), 1),
            int(row["photos"]),
            int(row["first_sol"]),
            int(row["last_sol"]),
            f"{int(row['photos']):,} pictures, sols {int(row['first_sol']):,} to {int(row['last_sol']):,}",
        )
        for row, (x, y) in found
    ]


def _scale(factor: float) -> tuple[float, str]:
    for metres in (10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5):
        if metres * factor <= WIDTH / 4:
            return round(metres * factor, 1), f"{metres // 1000} km" if metres >= 1000 else f"{metres} m"
    return round(factor, 1), "1 m"
