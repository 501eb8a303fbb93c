"""How map layers have changed their shape over the years: each as it was captured once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

Feature = dict[str, Any]


def _strings(feature: Feature) -> None:
    """All numbers as text, no longitude and latitude, and points without height (June 2021)."""
    properties = feature["properties"]
    feature["properties"] = {
        name: str(value) if isinstance(value, int | float) else value
        for name, value in properties.items()
        if name.lower() not in ("lon", "lat")
    }
    _flatten(feature)


def _flatten(feature: Feature) -> None:
    geometry = feature["geometry"]
    if geometry["type"] == "Point":
        geometry["coordinates"] = geometry["coordinates"][:2]


def _string_sol(feature: Feature) -> None:
    """The sol as text."""
    for name in ("sol", "Sol"):
        if name in feature["properties"]:
            feature["properties"][name] = str(feature["properties"][name])


def _metres(feature: Feature) -> None:
    """Points in projected metres where degrees should be."""
    properties = feature["properties"]
    if feature["geometry"]["type"] == "Point" and "easting" in properties:
        feature["geometry"]["coordinates"] = [properties["easting"], properties["northing"]]


def _no_lonlat(feature: Feature) -> None:
    """No longitude and latitude among the properties."""
    for name in ("lon", "lat", "Lon", "Lat"):
        feature["properties"].pop(name, None)


def _cut_keys(feature: Feature) -> None:
    """Names cut to ten letters, as a shapefile cuts them."""
    feature["properties"] = {name[:10]: value for name, value in feature["properties"].items()}


def _odometer(feature: Feature) -> None:
    """The odometer back at zero."""
    for name in ("dist_total_m", "dist_km", "dist_mi"):
        if name in feature["properties"]:
            feature["properties"][name] = 0.0


def _lower_case(feature: Feature) -> None:
    """Names in lower case."""
    feature["properties"] = {name.lower(): value for name, value in feature["properties"].items()}


def _nulls(feature: Feature) -> None:
    """Properties without values."""
    feature["properties"] = dict.fromkeys(feature["properties"])


def _shaken(feature: Feature) -> None:
    """Longitudes that moved in the eighth decimal."""
    properties = feature["properties"]
    if isinstance(properties.get("lon"), float):
        properties["lon"] = round(properties["lon"] + 1e-8, 8)


_EACH: dict[str, Callable[[Feature], None]] = {
    "strings": _strings,
    "string_sol": _string_sol,
    "metres": _metres,
    "no_lonlat": _no_lonlat,
    "cut_keys": _cut_keys,
    "odometer_reset": _odometer,
    "lower_case": _lower_case,
    "null_properties": _nulls,
    "moved_lon": _shaken,
}
# Shapes of the whole layer: no features at all, and ends of drives marked as in several years at once.
DRIFTS = (*_EACH, "empty", "final_letters")


def drifted(layer: Mapping[str, Any], shape: str) -> Mapping[str, Any]:
    """A layer as it looks after one of DRIFTS (empty text: as it is); the given one is not touched."""
    if not shape:
        return layer
    if shape == "empty":
        return {**layer, "features": []}
    features = copy.deepcopy(layer["features"])
    for index, feature in enumerate(features):
        if shape == "final_letters":
            _mark(feature, index)
        else:
            _EACH[shape](feature)
    return {**layer, "features": features}


def _mark(feature: Feature, index: int) -> None:
    """Every third end of a drive is written Y, and every third is a stop on the way (m), which adds no distance."""
    properties = feature["properties"]
    if "final" not in properties or index % 3 == 0:
        return
    properties["final"] = "Y" if index % 3 == 1 else "m"
    if index % 3 == 2:
        properties["dist_m"] = 0
