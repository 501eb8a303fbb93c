"""The MMGIS layers of Perseverance (M20) and Curiosity (MSL): traverse and waypoints of the profile's sols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from mm_simulator.core.drives import m20_feature, msl_feature
from mm_simulator.core.profiles import Profile
from mm_simulator.core.tables import Drive
from mm_simulator.core.timebase import CLOCKS
from mm_simulator.core.waypoints import waypoints
from mm_simulator.core.world import World
from mm_simulator.render import dump
from mm_simulator.shell.bodies import page
from mm_simulator.shell.target import Target

_CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
_LATENCY_SOLS = 1


class Layers:
    """Answers for the layers; ``world`` and ``now`` give the history and the simulated time."""

    def __init__(self, world: Callable[[float], World], now: Callable[[], float], profile: Profile) -> None:
        self._world, self._now, self._profile = world, now, profile
        self._bodies: dict[tuple[str, str], tuple[int, bytes]] = {}

    def answer(self, target: Target) -> Response:
        """The layer, or a plain 404 page (as for Spirit and Opportunity, which have none)."""
        if target.rover is None:
            return page(404, "404 Not Found", "The requested file is not on this server.")
        last = CLOCKS[target.rover].sol_at(self._now()) - _LATENCY_SOLS
        key = (target.rover, target.name)
        held = self._bodies.get(key)
        if held is None or held[0] != last:
            held = (last, dump(self._layer(target.rover, target.name)))
            self._bodies[key] = held
        return Response(held[1], media_type="application/json")

    def drives(self, rover: str) -> list[Drive]:
        """The drives that the profile shows so far, ascending by sol."""
        now = self._now()
        last = CLOCKS[rover].sol_at(now) - _LATENCY_SOLS
        every = self._world(now).tracks[rover].drives
        return [drive for sol, drive in every.items() if sol <= last and self._profile.shows(rover, sol)]

    def _layer(self, rover: str, layer: str) -> dict[str, Any]:
        world = self._world(self._now())
        drives = self.drives(rover)
        if layer == "traverse":
            return _traverse(world, rover, drives)
        # Odometry counts every drive of the rover, also those that the profile does not show.
        points = waypoints(world.rand, rover, world.tracks[rover].drives.values())
        features = [points[drive.sol] for drive in drives]
        if layer == "waypoints_current":
            features = features[-1:]
        name = f"M20_waypoints_sol{_newest(drives)}_all" if rover == "Perseverance" else "SELECT"
        return {"type": "FeatureCollection", "name": name, "features": features}


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
