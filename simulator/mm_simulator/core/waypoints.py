"""End-of-drive localizations, as in the MMGIS waypoint layers."""

from __future__ import annotations

from collections.abc import Iterable
from math import atan2, cos, degrees, hypot, radians
from typing import Any

from mm_simulator.core.geo import RADIUS_M, offset
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import Drive

_STANDARD_PARALLEL = {"Perseverance": 18.4663, "Curiosity": 0.0}  # degrees, of the layers' projection
ODOMETRY = 0.981  # official odometry over the length of the drawn line
_MILE_KM = 1.609344


def waypoints(rand: Rand, rover: str, drives: Iterable[Drive]) -> dict[int, dict[str, Any]]:
    """One GeoJSON point per drive end, by sol; distances add up over all drives given, in their order."""
    total = 0.0
    features: dict[int, dict[str, Any]] = {}
    for drive in drives:
        driven = drive.length * ODOMETRY
        total += driven
        features[drive.sol] = _feature(rand, rover, drive, driven, total)
    return features


def _feature(rand: Rand, rover: str, drive: Drive, driven: float, total: float) -> dict[str, Any]:
    lon, lat, elevation = drive.end
    site, counter = (int(part) for part in drive.to_rmc.split("_"))
    east, north = offset(drive.start, drive.end)
    yaw = degrees(atan2(east, north)) % 360.0
    roll = rand.between(rover, drive.sol, "roll", 0, -8.0, 8.0)
    pitch = rand.between(rover, drive.sol, "pitch", 0, -8.0, 8.0)
    properties: dict[str, Any] = {
        "RMC": drive.to_rmc,
        "site": site,
        "drive": counter,
        "sol": drive.sol,
        "easting": round(RADIUS_M * cos(radians(_STANDARD_PARALLEL[rover])) * radians(lon), 3),
        "northing": round(RADIUS_M * radians(lat), 3),
        "elev_geoid": elevation,
    }
    if rover == "Perseverance":
        properties |= {"elev_radii": -9999, "radius": -9999}
    properties |= {
        "lon": lon,
        "lat": lat,
        "roll": round(roll, 6),
        "pitch": round(pitch, 6),
        "yaw": round(yaw, 6),
        "yaw_rad": round(radians(yaw), 6),
        "tilt": round(hypot(roll, pitch), 6),
        "dist_m": round(driven, 3),
        "dist_total_m": round(total, 3),
        "dist_km": round(total / 1000.0, 2),
        "dist_mi": round(total / 1000.0 / _MILE_KM, 2),
    }
    if rover == "Perseverance":
        properties |= {"final": "y", "Note": "End-of-drive localization", "images": []}
    else:
        properties |= {"drive_type": "final"}
    geometry = {"type": "Point", "coordinates": [lon, lat, elevation]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}
