"""What a request is about, read from its path and query alone; faults, log and routes all go by this."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from mm_simulator.core.facts import find_rover

V1 = "/mars-photos/api/v1"
MMGIS = "/mmgis-maps"
V1_KINDS = ("rovers", "rover", "photos", "latest_photos", "photo", "manifest", "v1")
MMGIS_KINDS = ("traverse", "waypoints", "mmgis")
KINDS = (*V1_KINDS, *MMGIS_KINDS, "image", "other")

_ROUTES = (
    (re.compile(r"/rovers"), "rovers"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)"), "rover"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)/photos"), "photos"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)/latest_photos"), "latest_photos"),
    (re.compile(r"/photos/(?P<id>[^/]+)"), "photo"),
    (re.compile(r"/manifests/(?P<rover>[^/]+)"), "manifest"),
)
_LAYER = re.compile(r"/(?P<site>M20|MSL)/Layers/json/(?P=site)_(?P<layer>traverse|waypoints|waypoints_current)\.json")
_SITES = {"M20": "Perseverance", "MSL": "Curiosity"}
_IMAGES = (
    (re.compile(r"/mars2020-raw-images/pub/ods/surface/sol/(\d{5})/.+"), "Perseverance"),
    (re.compile(r"/msl-raw-images/(?:msss|proj/msl/redops/ods/surface/sol)/(\d{5})/.+"), "Curiosity"),
    (re.compile(r"/mer/gallery/all/1/[a-z]/(\d{3,4})/.+"), "Opportunity"),
    (re.compile(r"/mer/gallery/all/2/[a-z]/(\d{3,4})/.+"), "Spirit"),
)
_INTEGER = re.compile(r"\s*([+-]?\d+(?:_\d+)*)")


@dataclass(frozen=True, slots=True)
class Target:
    """A request's meaning: its kind, the rover (as named in the path) and sol if it has any, and its arguments."""

    kind: str
    name: str  # rover segment, photo id or layer, as given
    rover: str | None  # the rover's proper name, if there is such a rover
    sol: int | None
    query: Mapping[str, str]

    @property
    def behind_gateway(self) -> bool:
        """Whether the API gateway answers for it (the map layers and images have another host)."""
        return self.kind in V1_KINDS or self.kind == "other"


def to_integer(text: str) -> int | None:
    """An integer argument as the API's database layer casts it: leading digits, else 0; nothing is NULL (None)."""
    if not text.strip():
        return None
    match = _INTEGER.match(text)
    return int(match.group(1).replace("_", "")) if match and len(match.group(1)) < 40 else 0


def classify(path: str, query_string: bytes) -> Target:
    """The target of a request; of an argument given twice the last counts."""
    query = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    if path == V1 or path.startswith(V1 + "/"):
        return _v1(path[len(V1) :].rstrip("/"), query)
    if path.startswith(MMGIS + "/"):
        match = _LAYER.fullmatch(path[len(MMGIS) :])
        if match is None:
            return Target("mmgis", path, None, None, query)
        kind = "traverse" if match["layer"] == "traverse" else "waypoints"
        return Target(kind, match["layer"], _SITES[match["site"]], None, query)
    for pattern, rover in _IMAGES:
        if image := pattern.fullmatch(path):
            return Target("image", path, rover, int(image[1]), query)
    return Target("other", path, None, None, query)


def _v1(path: str, query: Mapping[str, str]) -> Target:
    path = path.removesuffix(".json")
    for pattern, kind in _ROUTES:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        name = match.groupdict().get("rover") or match.groupdict().get("id") or ""
        rover = find_rover(name) if "rover" in match.groupdict() else None
        sol = to_integer(query["sol"]) if kind == "photos" and "sol" in query else None
        return Target(kind, name, rover.name if rover else None, sol, query)
    return Target("v1", path, None, None, query)
