"""Manifests: what the API promises of a rover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mm_simulator.core.facts import Rover
from mm_simulator.core.timebase import earth_date


class Entry(NamedTuple):
    """One sol that has photos; ``cameras`` alphabetical."""

    sol: int
    earth_date: str
    total: int
    cameras: tuple[str, ...]


class Manifest(NamedTuple):
    """All sols with visible photos, ascending, and the sum of their photos."""

    entries: tuple[Entry, ...]
    total: int

    @property
    def max_sol(self) -> int:
        """The newest sol with photos; 0 if there is none."""
        return self.entries[-1].sol if self.entries else 0


def summed(entries: Sequence[Entry]) -> Manifest:
    """A manifest of entries in ascending order."""
    return Manifest(tuple(entries), sum(entry.total for entry in entries))


def manifest_object(rover: Rover, manifest: Manifest) -> dict[str, Any]:
    """The manifest as the API writes it."""
    return {
        "name": rover.name,
        "landing_date": rover.landing_date.isoformat(),
        "launch_date": rover.launch_date.isoformat(),
        "status": rover.status,
        "max_sol": manifest.max_sol,
        "max_date": earth_date(rover.landing_date, manifest.max_sol).isoformat(),
        "total_photos": manifest.total,
        "photos": [
            {"sol": e.sol, "earth_date": e.earth_date, "total_photos": e.total, "cameras": list(e.cameras)}
            for e in manifest.entries
        ],
    }
