"""MMGIS layers: a rover's traverse, its waypoints and the helicopter's, as GeoJSON features.

The layers change their shape over the years: numbers as texts, geometry in metres, names cut to ten letters or with
capitals, no longitude, no features at all. Traverse features are kept as served; a waypoint becomes a ``Place`` whose
values are typed or null, and keeps its feature. A layer none of whose features can be used, or that had some and now
has none, is a failure, never an empty traverse.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mm_contracts.documents import Place
from mm_contracts.photos import SetAside
from mm_contracts.reasons import Reason

from mm_jobs.ingest import fields
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.manifests import bad
from mm_jobs.ingest.model import Unusable, aside
from mm_jobs.ingest.spec import SourceSettings

TRAVERSE: Final = "traverse"
LAYERS: Final[dict[str, dict[str, str]]] = {
    "Perseverance": {
        TRAVERSE: "M20/Layers/json/M20_traverse.json",
        "waypoints": "M20/Layers/json/M20_waypoints.json",
        "waypoints_current": "M20/Layers/json/M20_waypoints_current.json",
        "helicopter_waypoints": "M20/Layers/json/m20_heli_waypoints.json",
        "helicopter_path": "M20/Layers/json/m20_heli_flight_path.json",
    },
    "Curiosity": {
        TRAVERSE: "MSL/Layers/json/MSL_traverse.json",
        "waypoints": "MSL/Layers/json/MSL_waypoints.json",
        "waypoints_current": "MSL/Layers/json/MSL_waypoints_current.json",
    },
}
"""Paths below ``baseUrl`` (``https://mars.nasa.gov/mmgis-maps``), by rover and layer."""


class LayerRead(NamedTuple):
    """A layer's usable features (of the traverse) or places (of all others), and what was set aside."""

    features: list[dict[str, Any]]
    places: list[Place]
    set_aside: list[SetAside]


def layers_of(settings: SourceSettings, rover: str) -> dict[str, str]:
    """Return the URLs of the rover's layers by name.

    Raises:
        SourceFailure: BadArguments, where the source has none.
    """
    base = settings.base_url if settings.kind == "mmgis" else settings.mmgis_url
    found = {name: f"{base}/{path}" for name, path in LAYERS.get(rover, {}).items()} if base else {}
    if settings.traverse_urls.get(rover):
        found[TRAVERSE] = settings.traverse_urls[rover]
    if not found:
        known = ", ".join([*(LAYERS if base else ()), *settings.traverse_urls]) or "no rover"
        message = f"source {settings.name} has no traverse layer of {rover}: it has those of {known}"
        raise SourceFailure(Reason.BAD_ARGUMENTS, message)
    return found


def ask(client: SourceClient, url: str, layer: str, rover: str) -> LayerRead:
    """Return a layer, or raise SourceFailure."""
    return read_layer(client.get(url, "features", remember=True, judge=_not_emptied), layer, rover)


def _not_emptied(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise SourceFailure where a layer that had features has none: real layers were seen so for a day."""
    had = before.get("features")
    if now.get("features") == [] and isinstance(had, list) and had:
        raise bad(f"the layer is empty; it had {len(had)} features before, which stay")


def read_layer(answer: Mapping[str, Any], layer: str, rover: str) -> LayerRead:
    """Return what a FeatureCollection holds, or raise SourceFailure where nothing of it can be used."""
    features = answer.get("features")
    if not isinstance(features, list):
        raise bad(f"the {layer} layer has no list of features")
    found = LayerRead([], [], [])
    for feature in features:
        try:
            _check(feature)
        except Unusable as problem:
            found.set_aside.append(aside("feature", problem, feature))
            continue
        if layer == TRAVERSE:
            found.features.append({**feature, "rover_name": rover})
        else:
            found.places.append(read_place(feature, layer, rover))
    if features and not found.features and not found.places:
        why = found.set_aside[0]["message"]
        raise bad(f"the {layer} layer holds nothing that is a usable feature, of {len(features)}: {why}")
    return found


def _check(feature: Any) -> None:
    if not isinstance(feature, dict):
        raise Unusable("NotAnObject", f"a feature is {str(feature)[:60]!r}")
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict):
        raise Unusable("NoGeometry", "a feature has no geometry")
    if geometry.get("type") in ("LineString", "MultiLineString"):
        ends = _ends(geometry.get("coordinates"))
        if ends and not all(_degrees(*end) for end in ends):
            raise Unusable("NoGeometry", f"a line's points are not in degrees but {str(ends[0])[:60]}")


def _ends(value: Any) -> list[tuple[Any, Any]]:
    """Return the first and the last position in nested lists of coordinates."""
    found = []
    for index in (0, -1):
        position = value
        while isinstance(position, list) and position and isinstance(position[index], list):
            position = position[index]
        if isinstance(position, list) and len(position) >= 2:
            found.append((position[0], position[1]))
    return found


def _degrees(lon: Any, lat: Any) -> bool:
    east, north = fields.number(lon), fields.number(lat)
    return east is not None and north is not None and abs(east) <= 360 and abs(north) <= 90


def read_place(feature: dict[str, Any], layer: str, rover: str) -> Place:
    """Return a waypoint or a flight, typed. Names are found whatever their case, and cut to ten letters too."""
    said = {str(name).lower(): value for name, value in fields.mapping(feature.get("properties")).items()}

    def number(*names: str) -> float | None:
        return next((found for name in names if (found := fields.number(said.get(name))) is not None), None)

    def clock(name: str) -> float | None:
        seconds = fields.number(said.get(name))
        return seconds if seconds is not None and seconds > 0 else None

    lon, lat = number("lon"), number("lat")
    if lon is None or lat is None or not _degrees(lon, lat):
        ends = _ends(feature["geometry"].get("coordinates")) if feature["geometry"].get("type") == "Point" else []
        lon, lat = (float(ends[0][0]), float(ends[0][1])) if ends and _degrees(*ends[0]) else (None, None)
    final = fields.text(said.get("final"))
    return Place(
        layer=layer,
        rover_name=rover,
        sol=fields.whole(said.get("sol")),
        flight=fields.whole(said.get("flight")),
        site=fields.whole(said.get("site")),
        drive=fields.whole(said.get("drive")),
        rmc=fields.text(said.get("rmc")),
        lon=lon,
        lat=lat,
        elevation_m=number("elev_geoid", "elevation"),
        easting_m=number("easting"),
        northing_m=number("northing"),
        distance_m=number("dist_m", "length_m", "length"),
        total_distance_m=number("dist_total_m", "dist_total", "total_m"),
        roll=number("roll"),
        pitch=number("pitch"),
        yaw=number("yaw"),
        tilt=number("tilt"),
        sclk_start=clock("sclk_start"),
        sclk_end=clock("sclk_end"),
        final=final.lower() if final else None,
        raw=feature,
    )
