"""What a fault is, and how it is written: the JSON that the control plane and SIM_FAULTS take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

from mm_simulator.core.facts import CAMERA_BY_ID, find_rover
from mm_simulator.core.timebase import format_instant, parse_instant
from mm_simulator.shell.drift import DRIFTS
from mm_simulator.shell.target import FEED_KINDS, FLAVOURS, KINDS, MMGIS_KINDS, NASA_V1, V1_KINDS, V2_KINDS, Target

FATAL = ("rate_limit", "status", "manifest_500", "gone", "truncated", "reset")
SHAPE_KINDS = (
    "stale_manifest",
    "manifest_count_delta",
    "duplicate_pages",
    "extended_rover",
    "missing_earth_date",
    "unknown_camera",
    "lag",
    "fallback_images",
    "string_page",
    "unk_fields",
    "half_character",
    "sol_twice",
    "page_limit",
    "moved_photos",
    "layer_drift",
)
FAULT_KINDS = (*FATAL, "slow", *SHAPE_KINDS)
_GROUPS: dict[str, tuple[str, ...]] = {"any": KINDS, "v1": V1_KINDS, "mmgis": MMGIS_KINDS, "feed": FEED_KINDS}
_FLAVOUR_KINDS: dict[str, tuple[str, ...]] = {
    "marsvista-v2": (*V1_KINDS, *V2_KINDS), "m20-raw": FEED_KINDS, "msl-raw": FEED_KINDS, "mmgis": MMGIS_KINDS,
    "image": ("image",), "other": ("other",), "any": KINDS,
}  # fmt: skip
_DATA = ("photos", "latest_photos", "photo")
_DEFAULT_PATHS: dict[str, tuple[str, ...]] = {
    "manifest_500": ("manifest",), "stale_manifest": ("manifest",), "manifest_count_delta": ("manifest",),
    "duplicate_pages": ("photos", "latest_photos"), "extended_rover": _DATA,
    "missing_earth_date": (*_DATA, "manifest"), "unknown_camera": (*_DATA, "manifest", "feed"),
    "lag": KINDS, "fallback_images": ("feed",), "string_page": ("feed",), "unk_fields": ("feed",),
    "half_character": ("photos", "latest_photos"), "sol_twice": ("manifest",), "page_limit": ("photos",),
    "moved_photos": ("photos", "manifest"), "layer_drift": MMGIS_KINDS,
}  # fmt: skip
_BODIES = ("html", "empty", "json", "heroku")
# parameter: (kinds that take it, type, least, most)
_NUMBERS: dict[str, tuple[tuple[str, ...], type, float, float]] = {
    "status": (("status",), int, 400, 599),
    "retry_after": (("rate_limit",), int, 1, 86_400),
    "delay_seconds": (("slow",), float, 0, 3600),
    "hours": (("lag",), float, 0, 100_000),
    "fraction": (("truncated",), float, 0, 0.999),
    "delta": (("manifest_count_delta",), int, -100_000, 100_000),
    "count": (
        ("stale_manifest", "duplicate_pages", "unknown_camera", "half_character", "page_limit", "moved_photos"),
        int,
        1,
        100_000,
    ),
}
_FIELDS = {
    "kind", "flavour", "path", "rover", "sol", "sols", "probability", "times", "from", "until", "body", "mode",
    "retry_form", "shape", "camera", *_NUMBERS,
}  # fmt: skip
_WITHOUT_A_GATEWAY = {"mmgis", "image"}  # plain files, which nobody counts


class FaultError(ValueError):
    """A fault cannot be set; the message says why."""


@dataclass(slots=True)
class Fault:
    """One fault; ``times`` is what is left of its strikes (None: no end), ``hits`` how often it struck.

    It strikes while the simulated clock (Unix s) is in ``begin``..``end``.
    """

    id: str
    kind: str
    paths: tuple[str, ...]
    rover: str | None = None
    sols: frozenset[int] | None = None
    probability: float = 1.0
    times: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    hits: int = 0
    flavours: frozenset[str] = frozenset(FLAVOURS)
    begin: float = -inf
    end: float = inf

    def covers(self, target: Target, now: float) -> bool:
        """Whether a request at a simulated time is in scope, whatever chance says."""
        if target.flavour not in self.flavours or not self.begin <= now < self.end:
            return False
        if target.kind not in self.paths or (self.rover is not None and self.rover != target.rover):
            return False
        if self.sols is None or (self.kind in SHAPE_KINDS and target.kind == "manifest"):
            return True
        return target.sol in self.sols or (self.kind == "moved_photos" and (target.sol or 0) - 1 in self.sols)

    def describe(self) -> dict[str, Any]:
        """As the control plane shows it."""
        sols = sorted(self.sols) if self.sols is not None else None
        return {
            "id": self.id, "kind": self.kind, "flavours": sorted(self.flavours), "paths": list(self.paths),
            "rover": self.rover, "sols": sols, "from": _told(self.begin), "until": _told(self.end),
            "probability": self.probability, "times_left": self.times, "hits": self.hits, **self.parameters,
        }  # fmt: skip


def parse(fault_id: str, given: Mapping[str, Any]) -> Fault:
    """A fault from its JSON form. Raises FaultError."""
    if unknown := sorted(set(given) - _FIELDS):
        raise FaultError(f"unknown fields: {', '.join(unknown)}; known are {', '.join(sorted(_FIELDS))}")
    kind = given.get("kind")
    if kind not in FAULT_KINDS:
        raise FaultError(f"kind must be one of {', '.join(FAULT_KINDS)}")
    flavour = given.get("flavour")
    paths = _paths(kind, given.get("path"), flavour)
    fault = Fault(fault_id, kind, paths, _rover(given.get("rover")), _sols(given))
    fault.flavours = _flavours(kind, given.get("path"), flavour)
    fault.begin, fault.end = _instant(given, "from", -inf), _instant(given, "until", inf)
    fault.probability = _number("probability", given.get("probability", 1.0), float, 0, 1)
    if given.get("times") is not None:
        fault.times = _number("times", given["times"], int, 1, 1_000_000)
    for name, (kinds, number, least, most) in _NUMBERS.items():
        if given.get(name) is not None:
            if kind not in kinds:
                raise FaultError(f"{name} does not go with {kind}")
            fault.parameters[name] = _number(name, given[name], number, least, most)
    if kind == "moved_photos" and (fault.sols is None or len(fault.sols) != 1):
        raise FaultError("moved_photos needs sol: its first photos are shown in the next one")
    _choice(fault, given, "body", "status", _BODIES)
    _choice(fault, given, "mode", "truncated", ("json", "connection"))
    _choice(fault, given, "retry_form", "rate_limit", ("seconds", "date"))
    _choice(fault, given, "camera", "unknown_camera", sorted({camera.name for camera in CAMERA_BY_ID.values()}))
    _choice(fault, given, "shape", "layer_drift", DRIFTS)
    return fault


def _choice(fault: Fault, given: Mapping[str, Any], name: str, kind: str, allowed: Iterable[str]) -> None:
    if given.get(name) is not None:
        if fault.kind != kind or given[name] not in allowed:
            raise FaultError(f"{name} goes with {kind} and must be one of {', '.join(allowed)}")
        fault.parameters[name] = given[name]


def _told(moment: float) -> str | None:
    return format_instant(moment) if isfinite(moment) else None


def _instant(given: Mapping[str, Any], name: str, default: float) -> float:
    if given.get(name) is None:
        return default
    try:
        return parse_instant(str(given[name]))
    except ValueError:
        raise FaultError(f"{name} must be an instant of the simulated clock, such as 2026-01-05T12:00:00Z") from None


def _paths(kind: str, given: Any, flavour: Any) -> tuple[str, ...]:
    if given is None:
        return _DEFAULT_PATHS.get(kind) or _FLAVOUR_KINDS.get(str(flavour), V1_KINDS)
    if given not in _GROUPS and given not in KINDS:
        raise FaultError(f"path must be one of {', '.join((*_GROUPS, *KINDS))}")
    return _GROUPS.get(given, (given,))


def _flavours(kind: str, path: Any, given: Any) -> frozenset[str]:
    """The sources that a fault strikes: those named, else all that have its path; NASA's API where several have it."""
    if given is not None and given != "any" and given not in FLAVOURS:
        raise FaultError(f"flavour must be any or one of {', '.join(FLAVOURS)}")
    if given == "any" or (given is None and path == "any"):
        found = frozenset(FLAVOURS)
    elif given is not None:
        found = frozenset({str(given)})
    elif path in (*MMGIS_KINDS, "image", "other") or (path is None and kind == "layer_drift"):
        found = frozenset({"mmgis", "image", "other"})
    elif path in FEED_KINDS or (path is None and _DEFAULT_PATHS.get(kind) == ("feed",)):
        found = frozenset({"m20-raw", "msl-raw"})
    else:
        found = frozenset({NASA_V1})
    if kind == "rate_limit":
        found -= _WITHOUT_A_GATEWAY
        if not found or path in (*MMGIS_KINDS, "image"):
            raise FaultError("rate_limit is an API gateway's; it cannot strike the map layers or images")
    return found


def _rover(given: Any) -> str | None:
    if given is None:
        return None
    rover = find_rover(str(given))
    if rover is None:
        raise FaultError(f"there is no rover {given!r}")
    return rover.name


def _sols(given: Mapping[str, Any]) -> frozenset[int] | None:
    wanted = [given["sol"]] if given.get("sol") is not None else given.get("sols")
    if wanted is None:
        return None
    sols: set[int] = set()
    try:
        for part in wanted:
            first, _, last = str(part).partition("-")
            if int(last or first) - int(first) > 100_000:
                raise ValueError
            sols.update(range(int(first), int(last or first) + 1))
    except (TypeError, ValueError):
        raise FaultError('sol must be a number, sols a list such as [3, "10-20"]') from None
    return frozenset(sols)


def _number(name: str, given: Any, number: type, least: float, most: float) -> Any:
    allowed = (int,) if number is int else (int, float)
    if isinstance(given, bool) or not isinstance(given, allowed) or not least <= given <= most:
        raise FaultError(f"{name} must be {'a whole number' if number is int else 'a number'} from {least} to {most}")
    return number(given)
