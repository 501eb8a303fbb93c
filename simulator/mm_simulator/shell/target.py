"""What a request is about, read from its path and query alone; faults, log and routes all go by this."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from mm_simulator.core.facts import find_rover

V1 = "/mars-photos/api/v1"
NEBULUM = "/nebulum/api/v1"
VISTA_V1, VISTA_V2 = "/marsvista/api/v1", "/marsvista/api/v2"
M20_FEED = "/rss/api"
MSL_FEED = "/api/v1/raw_image_items"
MMGIS = "/mmgis-maps"
V1_KINDS = ("rovers", "rover", "photos", "latest_photos", "photo", "manifest", "v1")
V2_KINDS = ("cameras", "v2")
FEED_KINDS = ("feed", "feed_latest")
MMGIS_KINDS = ("traverse", "waypoints", "heli", "mmgis")
KINDS = (*V1_KINDS, *V2_KINDS, *FEED_KINDS, *MMGIS_KINDS, "image", "other")
NASA_V1 = "nasa-v1"
# The sources that are imitated, as requests tell them apart by their paths.
FLAVOURS = (NASA_V1, "nebulum", "marsvista-v1", "marsvista-v2", "m20-raw", "msl-raw", "mmgis", "image", "other")

_ROUTES = (
    (re.compile(r"/rovers"), "rovers"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)"), "rover"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)/photos"), "photos"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)/latest_photos"), "latest_photos"),
    (re.compile(r"/photos/(?P<id>[^/]+)"), "photo"),
    (re.compile(r"/manifests/(?P<rover>[^/]+)"), "manifest"),
)
_VISTA_ROUTES = (*_ROUTES, (re.compile(r"/rovers/(?P<rover>[^/]+)/latest"), "latest_photos"))
_V2_ROUTES = (
    (re.compile(r"/rovers"), "rovers"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)"), "rover"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)/manifest"), "manifest"),
    (re.compile(r"/rovers/(?P<rover>[^/]+)/cameras"), "cameras"),
    (re.compile(r"/cameras"), "cameras"),
    (re.compile(r"/photos"), "photos"),
    (re.compile(r"/photos/(?P<id>[^/]+)"), "photo"),
)
_LAYER = re.compile(
    r"/(?P<site>M20|MSL)/Layers/json/(?:(?P=site)_(?P<layer>traverse|waypoints|waypoints_current)|"
    r"m20_(?P<heli>heli_waypoints|heli_flight_path))\.json"
)
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
    """A request's meaning: its kind, the rover (as named in the path) and sol if it has any, and its arguments.

    ``flavour`` is the source that it was sent to, one of FLAVOURS.
    """

    kind: str
    name: str  # rover segment, photo id or layer, as given
    rover: str | None  # the rover's proper name, if there is such a rover
    sol: int | None
    query: Mapping[str, str]
    flavour: str = NASA_V1

    @property
    def behind_gateway(self) -> bool:
        """Whether the API gateway answers for it (the map layers and images have another host)."""
        return self.flavour in (NASA_V1, "other")


def to_integer(text: str) -> int | None:
    """An integer argument as the API's database layer casts it: leading digits, else 0; nothing is NULL (None)."""
    if not text.strip():
        return None
    match = _INTEGER.match(text)
    return int(match.group(1).replace("_", "")) if match and len(match.group(1)) < 40 else 0


def classify(path: str, query_string: bytes) -> Target:
    """The target of a request; of an argument given twice the last counts."""
    query = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    for prefix, flavour, routes in _APIS:
        if path == prefix or path.startswith(prefix + "/"):
            return _api(path[len(prefix) :].rstrip("/"), query, flavour, routes)
    if path.rstrip("/") == M20_FEED:
        kind = "feed_latest" if query.get("latest", "").lower() == "true" else "feed"
        return Target(kind, "m20", "Perseverance", only_sol(query), query, "m20-raw")
    if path == MSL_FEED or path.startswith(MSL_FEED + "/"):
        latest = path.rstrip("/") == MSL_FEED + "/msl/latest"
        return Target("feed_latest" if latest else "feed", "msl", "Curiosity", only_sol(query), query, "msl-raw")
    if path.startswith(MMGIS + "/"):
        return _layer(path[len(MMGIS) :], query)
    for pattern, rover in _IMAGES:
        if image := pattern.fullmatch(path):
            return Target("image", path, rover, int(image[1]), query, "image")
    return Target("other", path, None, None, query, "other")


_Routes = tuple[tuple[re.Pattern[str], str], ...]
_APIS: tuple[tuple[str, str, _Routes], ...] = (
    (V1, NASA_V1, _ROUTES),
    (NEBULUM, "nebulum", _ROUTES),
    (VISTA_V1, "marsvista-v1", _VISTA_ROUTES),
    (VISTA_V2, "marsvista-v2", _V2_ROUTES),
)


def _api(path: str, query: Mapping[str, str], flavour: str, routes: _Routes) -> Target:
    path = path.removesuffix(".json")
    for pattern, kind in routes:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        named = match.groupdict()
        name = named.get("rover") or named.get("id") or (query.get("rovers", "") if kind == "photos" else "")
        rover = find_rover(name)
        sol = None
        if kind == "photos":
            sol = only_sol(query) if flavour == "marsvista-v2" else to_integer(query["sol"]) if "sol" in query else None
        return Target(kind, name, rover.name if rover else None, sol, query, flavour)
    return Target("v2" if flavour == "marsvista-v2" else "v1", path, None, None, query, flavour)


def _layer(path: str, query: Mapping[str, str]) -> Target:
    match = _LAYER.fullmatch(path)
    if match is None or (match["heli"] and match["site"] != "M20"):
        return Target("mmgis", path, None, None, query, "mmgis")
    if match["heli"]:
        return Target("heli", match["heli"], "Perseverance", None, query, "mmgis")
    kind = "traverse" if match["layer"] == "traverse" else "waypoints"
    return Target(kind, match["layer"], _SITES[match["site"]], None, query, "mmgis")


def sol_bounds(query: Mapping[str, str]) -> tuple[int | None, int | None]:
    """The least and the most sol that a feed's or the newer API's query asks for; None where it says nothing."""
    low = high = None
    for name, value in query.items():
        if name == "sol" or (name.startswith("condition_") and value.endswith((":sol:in", ":sol:eq"))):
            numbers = [to_integer(part) or 0 for part in value.partition(":")[0].split(",")]
            low, high = min(numbers), max(numbers)
        elif name == "sol_min" or (name.startswith("condition_") and value.endswith(":sol:gte")):
            low = to_integer(value)
        elif name == "sol_max" or (name.startswith("condition_") and value.endswith(":sol:lte")):
            high = to_integer(value)
    return low, high


def only_sol(query: Mapping[str, str]) -> int | None:
    """The sol of a query that asks for a single one, else None."""
    low, high = sol_bounds(query)
    return low if low == high else None
