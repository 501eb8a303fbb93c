"""The helicopter's flights: real figures, and drawn ways between its airfields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from mm_simulator.core.geo import Point, bowed, moved, offset, path_length
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import rows

_FOOT_M = 0.3048
_MILE_M = 1609.344
_POINTS_A_SECOND = 0.5
_MPH = 2.236936  # in a metre a second


class Flight(NamedTuple):
    """A flight and where it ended: metres, seconds, spacecraft clock (s), degrees. Flight 0 is the day it was set down.

    ``sclk_start`` is when it landed and ``sclk_end`` when it left again, as the layer has it; the last never left (-1).
    """

    flight: int
    sol: int
    easting: float
    northing: float
    end: Point
    length: float
    total: float
    altitude: float
    speed: float
    duration: float
    total_seconds: float
    earth_date: str
    sclk_start: float
    sclk_end: float
    from_airfield: str
    to_airfield: str


@cache
def m20_flights() -> tuple[Flight, ...]:
    """The real flights, ascending."""
    return tuple(
        Flight(
            int(row["Flight"]), int(row["Sol"]), float(row["Easting"]), float(row["Northing"]),
            (float(row["Lon"]), float(row["Lat"]), float(row["Elev_Geoid"])), float(row["Dist_m"]),
            float(row["Total_m"]), float(row["Max_Alt_m"]), float(row["Max_Spd_m"]), float(row["Duration_s"]),
            float(row["total_s"]), row["Earth_Date"], float(row["SCLK_START"]), float(row["SCLK_END"]),
            row["FromAirfld"], row["ToAirfld"],
        )
        for row in rows("m20_flights_0_72.csv")
    )  # fmt: skip


def heli_waypoints(flights: Iterable[Flight]) -> list[dict[str, Any]]:
    """GeoJSON points as in m20_heli_waypoints.json: where each flight ended."""
    return [_waypoint(flight) for flight in flights]


def _waypoint(flight: Flight) -> dict[str, Any]:
    lon, lat, elevation = flight.end
    origin = m20_flights()[0]
    properties: dict[str, Any] = {
        "Flight": flight.flight,
        "Sol": flight.sol,
        "SF3_X": round(flight.northing - origin.northing + 13.981, 3),
        "SF3_Y": round(flight.easting - origin.easting + 7.501, 3),
        "SF3_Z": round(origin.end[2] - elevation + 0.091, 3),
        "Easting": flight.easting,
        "Northing": flight.northing,
        "Elev_Geoid": elevation,
        "Lon": lon,
        "Lat": lat,
        "Dist_m": flight.length,
        "Total_m": flight.total,
        "Total_km": round(flight.total / 1000.0, 3),
        "Dist_ft": round(flight.length / _FOOT_M, 3),
        "Total_ft": round(flight.total / _FOOT_M, 2),
        "Total_mi": round(flight.total / _MILE_M, 3),
        "Max_Alt_m": flight.altitude,
        "Max_Alt_ft": round(flight.altitude / _FOOT_M, 2),
        "Max_Spd_m": flight.speed,
        "Max_mph": round(flight.speed * _MPH, 2),
        "Duration_s": flight.duration,
        "total_s": flight.total_seconds,
        "total_min": round(flight.total_seconds / 60.0, 2),
        "Earth_Date": flight.earth_date,
        "SCLK_START": flight.sclk_start,
        "SCLK_END": flight.sclk_end,
        "FromAirfld": flight.from_airfield,
        "ToAirfld": flight.to_airfield,
    }
    level = {"QUAT_X": 0.0, "QUAT_Y": 0.0, "QUAT_Z": 0.0, "QUAT_C": 1.0}
    properties |= level | {"roll": 0.0, "pitch": 0.0, "yaw": 0.0, "yaw_rad": 0.0, "tilt": 0.0}
    return _feature(properties, "Point", [lon, lat, elevation])


def heli_paths(rand: Rand, flights: Sequence[Flight]) -> list[dict[str, Any]]:
    """GeoJSON lines as in m20_heli_flight_path.json: the way of each flight, without heights."""
    features = []
    for before, flight in pairwise(flights):
        points = _way(rand, before.end, flight)
        properties = {
            "Flight": flight.flight,
            "Sol": flight.sol,
            "Length_m": round(path_length(points), 3),
            # A flight begins when the helicopter leaves the place where the one before it ended.
            "SCLK_START": before.sclk_end,
            "SCLK_END": flight.sclk_start,
        }
        features.append(_feature(properties, "LineString", [list(point[:2]) for point in points]))
    return features


def _way(rand: Rand, start: Point, flight: Flight) -> list[Point]:
    count = max(8, int(flight.duration * _POINTS_A_SECOND))
    jitter = [
        (0.0, rand.between("Perseverance", flight.sol, f"flight-{flight.flight}", i, -0.05, 0.05)) for i in range(count)
    ]
    east, north = offset(start, flight.end)
    chord = max((east**2 + north**2) ** 0.5, 0.001)
    bent = bowed(chord, max(chord, flight.length), jitter)
    ex, ey = east / chord, north / chord
    return [moved(start, a * ex - b * ey, a * ey + b * ex, 0.0) for a, b in bent]


def _feature(properties: dict[str, Any], kind: str, coordinates: list[Any]) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}
