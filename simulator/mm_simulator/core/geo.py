"""Distances and shapes on Mars, with the radius that NASA's own drive lengths use."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import asin, cos, hypot, pi, radians, sin, sqrt

RADIUS_M = 3_396_190.0
METRES_PER_DEGREE = RADIUS_M * pi / 180.0

Point = tuple[float, float, float]  # longitude and latitude in degrees, elevation in metres


def haversine(a: Sequence[float], b: Sequence[float]) -> float:
    """Great-circle metres between two (longitude, latitude, ...) points; elevation does not count."""
    lat1, lat2 = radians(a[1]), radians(b[1])
    half_lat, half_lon = (lat2 - lat1) / 2.0, radians(b[0] - a[0]) / 2.0
    h = sin(half_lat) ** 2 + cos(lat1) * cos(lat2) * sin(half_lon) ** 2
    return 2.0 * RADIUS_M * asin(min(1.0, sqrt(h)))


def path_length(points: Sequence[Sequence[float]]) -> float:
    """Metres along a line of points."""
    return sum(haversine(a, b) for a, b in pairwise(points))


def moved(origin: Point, east: float, north: float, up: float) -> Point:
    """The point that lies so many metres east and north of, and above, another; rounded as the layers are."""
    lat = origin[1] + north / METRES_PER_DEGREE
    lon = origin[0] + east / (METRES_PER_DEGREE * cos(radians(origin[1])))
    return round(lon, 8), round(lat, 8), round(origin[2] + up, 6)


def offset(origin: Point, target: Point) -> tuple[float, float]:
    """Metres (east, north) from one point to another nearby."""
    east = (target[0] - origin[0]) * METRES_PER_DEGREE * cos(radians(origin[1]))
    return east, (target[1] - origin[1]) * METRES_PER_DEGREE


def bowed(chord: float, length: float, jitter: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line of about ``length`` metres as (along, aside) of a straight chord, bent to one side like a half sine.

    ``jitter`` holds one small displacement per point; it fades to zero at both ends, which stay where they are.
    """
    last = len(jitter) - 1
    steps = [i / last for i in range(last + 1)]
    bend = [sin(pi * t) if 0 < i < last else 0.0 for i, t in enumerate(steps)]

    def line(height: float) -> list[tuple[float, float]]:
        return [(chord * t + dx * b, height * b + dy * b) for t, b, (dx, dy) in zip(steps, bend, jitter, strict=True)]

    def measure(points: list[tuple[float, float]]) -> float:
        return sum(hypot(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in pairwise(points))

    low, high = 0.0, length
    for _ in range(14):
        middle = (low + high) / 2.0
        low, high = (middle, high) if measure(line(middle)) < length else (low, middle)
    return line(low)
