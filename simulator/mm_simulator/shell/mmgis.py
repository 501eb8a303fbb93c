"""The MMGIS layers of Perseverance (M20) and Curiosity (MSL): traverse and waypoints of the profile's sols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from mm_simulator.captures import Captures
from mm_simulator.core.drives import m20_feature, msl_feature
from mm_simulator.core.flights import Flight, heli_paths, heli_waypoints, m20_flights
from mm_simulator.core.profiles import Profile
from mm_simulator.core.tables import Drive
from mm_simulator.core.timebase import CLOCKS
from mm_simulator.core.waypoints import waypoints
from mm_simulator.core.world import World
from mm_simulator.render import dump
from mm_simulator.shell.bodies import page
from mm_simulator.shell.drift import drifted
from mm_simulator.shell.shapes import Shapes
from mm_simulator.shell.target import Target

_CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
_LATENCY_SOLS = 1


class Layers:
    """Answers for the layers; ``world`` and ``now`` give the history and the simulated time."""

    def __init__(
        self, world: Callable[[float], World], now: Callable[[], float], profile: Profile, captures: Captures
    ) -> None:
        self._world, self._now, self._profile, self._captures = world, now, profile, captures
        self._bodies: dict[tuple[str, str, str], tuple[int, bytes]] = {}

    def answer(self, target: Target, shapes: Shapes) -> Response:
        """The layer, or a plain 404 page (as for Spirit and Opportunity, which have none)."""
        if target.rover is None:
            return page(404, "404 Not Found", "The requested file is not on this server.")
        now = shapes.at(self._now())
        recorded = self._captures.layer(target.rover, target.name, now)
        if recorded is not None:
            return Response(dump(drifted(recorded, shapes.drift)), media_type="application/json")
        last = CLOCKS[target.rover].sol_at(now) - _LATENCY_SOLS
        key = (target.rover, target.name, shapes.drift)
        held = self._bodies.get(key)
        if held is None or held[0] != last:
            held = (last, dump(drifted(self._layer(target.rover, target.name, now), shapes.drift)))
            self._bodies[key] = held
        return Response(held[1], media_type="application/json")

    def modified(self, rover: str) -> float:
        """When (simulated Unix s) the rover's layers last changed: as its newest drive came into them."""
        drives = self.drives(rover, self._now())
        return CLOCKS[rover].unix(_newest(drives) + 1 + _LATENCY_SOLS, 0.0)

    def drives(self, rover: str, now: float) -> list[Drive]:
        """The drives that the profile shows at a simulated time, ascending by sol."""
        last = CLOCKS[rover].sol_at(now) - _LATENCY_SOLS
        every = self._world(now).tracks[rover].drives
        return [drive for sol, drive in every.items() if sol <= last and self._profile.shows(rover, sol)]

    def _layer(self, rover: str, layer: str, now: float) -> dict[str, Any]:
        world = self._world(now)
        if layer.startswith("heli"):
            flights = [f for f in m20_flights() if self._flown(f, now)]
            features = heli_waypoints(flights) if layer == "heli_waypoints" else heli_paths(world.rand, flights)
            name = "m20_heli_waypoints" if layer == "heli_waypoints" else "m20_heli_flight_paths"
            return {"type": "FeatureCollection", "name": name, "features": features}
        drives = self.drives(rover, now)
        if layer == "traverse":
            return _traverse(world, rover, drives)
        # Odometry counts every drive of the rover, also those that the profile does not show.
        points = waypoints(world.rand, rover, world.tracks[rover].drives.values())
        features = [points[drive.sol] for drive in drives]
        if layer == "waypoints_current":
            features = features[-1:]
        name = f"M20_waypoints_sol{_newest(drives)}_all" if rover == "Perseverance" else "SELECT"
        return {"type": "FeatureCollection", "name": name, "features": features}

    def _flown(self, flight: Flight, now: float) -> bool:
        """Whether a flight is over; its first entry is where the helicopter was set down."""
        last = CLOCKS["Perseverance"].sol_at(now) - _LATENCY_SOLS
        return flight.sol <= last and self._profile.shows("Perseverance", flight.sol)


def _newest(drives: list[Drive]) -> int:
    return drives[-1].sol if drives else 0


def _traverse(world: World, rover: str, drives: list[Drive]) -> dict[str, Any]:
    if rover == "Perseverance":
        return {
            "type": "FeatureCollection",
            "name": f"M20_Traverse_Path_tosol{_newest(drives)}",
            "crs": _CRS,
            "features": [m20_feature(world.rand, drive) for drive in drives],
        }
    first = next(iter(world.tracks[rover].drives), None)  # one line of the real layer is in two parts
    features = [msl_feature(world.rand, drive, 2 if drive.sol == first else 1) for drive in drives]
    return {"type": "FeatureCollection", "name": "SELECT", "features": features}
