"""The faults in force: which requests they strike, and how often.

A fault strikes requests in its scope (path kind, rover, sols) with a probability, for a number of times.
Chance is a hash of the fault, the request's meaning and how often that came before, so runs repeat exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any

from mm_simulator.clock import SimClock
from mm_simulator.core.rand import Rand
from mm_simulator.shell.fault_spec import FATAL, Fault, parse
from mm_simulator.shell.shapes import Shapes
from mm_simulator.shell.target import NASA_V1, Target


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens to one request: a delay (s), at most one fault that ends it, deformed data, and by which faults."""

    delay: float = 0.0
    fatal: Fault | None = None
    shapes: Shapes = field(default_factory=Shapes)
    by: tuple[str, ...] = ()


class FaultBook:
    """The faults in force, in the order in which they were set, and whether the gateway is closed."""

    def __init__(self, seed: str, real_now: Callable[[], float], sim: SimClock | None = None) -> None:
        self._rand, self._real_now, self._sim = Rand(seed), real_now, sim
        self.clear()

    def clear(self) -> None:
        """Remove all faults and open the gateway; ids start anew."""
        self._faults: dict[str, Fault] = {}
        self._seen: dict[tuple[str, str, str, int], int] = {}
        self._next = 1
        self._closed_until: dict[str, float] = {}

    def add(self, given: Mapping[str, Any]) -> Fault:
        """Set a fault. Raises FaultError."""
        fault = parse(f"f{self._next}", given)
        self._next += 1
        self._faults[fault.id] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """Remove one fault (a gateway that it closed opens); False if there is none of that id."""
        fault = self._faults.pop(fault_id, None)
        if fault is not None and fault.kind == "rate_limit":
            self._closed_until.clear()
        return fault is not None

    def describe(self) -> list[dict[str, Any]]:
        """All faults, as the control plane shows them."""
        return [fault.describe() for fault in self._faults.values()]

    def closed_for(self, flavour: str = NASA_V1) -> int:
        """Seconds for which a source refuses everything; 0 if it is open."""
        return max(0, ceil(self._closed_until.get(flavour, 0.0) - self._real_now()))

    def close(self, fault: Fault, flavour: str = NASA_V1) -> int:
        """Close a source as a rate_limit fault asks; returns the seconds: as told, else to the fault's end, else 30."""
        seconds = fault.parameters.get("retry_after")
        if seconds is None:
            seconds = 30
            if self._sim is not None and self._sim.rate > 0 and fault.end < inf:
                seconds = max(1, ceil((fault.end - self._sim.now()) / self._sim.rate))
        self._closed_until[flavour] = self._real_now() + seconds
        return int(seconds)

    def strike(self, target: Target) -> Strike:
        """Decide what happens to a request, and count it."""
        if not self._faults:
            return Strike()
        now = self._sim.now() if self._sim is not None else 0.0
        delay, fatal, by = 0.0, None, []
        shapes: dict[str, Any] = {}
        for fault in self._faults.values():
            if fault.times == 0 or (fatal is not None and fault.kind in FATAL) or not fault.covers(target, now):
                continue
            if not self._chance(fault, target):
                continue
            fault.hits += 1
            fault.times = None if fault.times is None else fault.times - 1
            by.append(fault.id)
            if fault.kind == "slow":
                delay += fault.parameters.get("delay_seconds", 5.0)
            elif fault.kind in FATAL:
                fatal = fault
            else:
                shapes |= _shape(fault)
        return Strike(delay, fatal, Shapes(**shapes), tuple(by))

    def _chance(self, fault: Fault, target: Target) -> bool:
        if fault.probability >= 1.0:
            return True
        sol = -1 if target.sol is None else target.sol
        key = (fault.id, f"{target.flavour} {target.kind}", target.rover or target.name, sol)
        attempt = self._seen[key] = self._seen.get(key, -1) + 1
        tag = f"fault-{fault.id}-{target.kind}"
        return self._rand.u(target.rover or "-", sol, tag, attempt) < fault.probability


def _camera(fault: Fault) -> dict[str, Any]:
    if "camera" in fault.parameters:
        return {"renamed_camera": fault.parameters["camera"]}
    return {"unknown_camera": fault.parameters.get("count") or 1}


def _shape(fault: Fault) -> dict[str, Any]:
    count = fault.parameters.get("count")
    shape: dict[str, Any] = {
        "stale_manifest": {"drop_last": count or 1},
        "manifest_count_delta": {"count_delta": fault.parameters.get("delta", 1)},
        "duplicate_pages": {"overlap": count or 5},
        "extended_rover": {"extended_rover": True},
        "missing_earth_date": {"missing_earth_date": True},
        "unknown_camera": _camera(fault),
        "lag": {"lag": 3600.0 * fault.parameters.get("hours", 24.0)},
        "fallback_images": {"fallback": True},
        "string_page": {"string_page": True},
        "unk_fields": {"unk_fields": True},
        "half_character": {"half_character": count or 1},
        "sol_twice": {"sol_twice": True},
        "page_limit": {"page_limit": count or 100},
        "moved_photos": {"moved": count or 1, "moved_from": min(fault.sols or {0})},
        "layer_drift": {"drift": fault.parameters.get("shape", "strings")},
    }[fault.kind]
    # Where photos move from is their own: the other deformations of the same manifest may be of other sols.
    return shape if fault.sols is None or fault.kind == "moved_photos" else shape | {"sols": fault.sols}
