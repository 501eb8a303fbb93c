"""A rover's layers: each asked for by itself, so that one which fails takes no other with it."""

from dataclasses import dataclass, field
from typing import Any, TypedDict

from mm_contracts.documents import Layer, Place
from mm_contracts.photos import SetAside

from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.kept import of_shape
from mm_jobs.ingest.sources import mmgis
from mm_jobs.ingest.spec import SourceSettings


@dataclass(slots=True)
class Layers:
    """What came of a rover's layers."""

    features: list[dict[str, Any]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    failures: dict[str, SourceFailure] = field(default_factory=dict)


class Former(TypedDict):
    """What an earlier attempt's object has of the layers."""

    coordinates: list[dict[str, Any]]
    places: list[Place]
    layers: list[Layer]
    set_aside: list[SetAside]


def former_layers(document: Any) -> Former | None:
    """Return what an earlier attempt's object has; None where it is no such object, or not as whole as it says."""
    lacked: dict[str, Any] = {"places": [], "layers": [], "set_aside": []}  # by objects of older versions
    held = of_shape(lacked | document, Former) if isinstance(document, dict) else None
    if held is None:
        return None
    names = [one["name"] for one in held["layers"]]
    had = sum(one["features"] for one in held["layers"] if one["status"] == "complete")
    places_of = {one["layer"] for one in held["places"]}
    whole = had == len(held["coordinates"]) + len(held["places"]) and places_of <= set(names) - {mmgis.TRAVERSE}
    return held if whole and len(set(names)) == len(names) else None


def fetch_layers(settings: SourceSettings, client: SourceClient, rover: str, former: Former | None, log: Log) -> Layers:
    """Return the rover's layers.

    Args:
        settings: the source.
        client: asks it.
        rover: the rover.
        former: what an earlier attempt brought: layers that it has are not asked for again.
        log: gets a line per layer.

    Raises:
        SourceFailure: the source has no layer of the rover.
    """
    found = Layers(set_aside=list(former["set_aside"]) if former else [])
    had = _complete(former) if former else {}
    for name, url in mmgis.layers_of(settings, rover).items():
        if name in had:
            read = had[name]
        else:
            try:
                read = mmgis.ask(client, url, name, rover)
            except SourceFailure as failure:
                found.failures[name] = failure
                found.layers.append(
                    Layer(
                        name=name, status="failed", reason=failure.reason.value, message=str(failure)[:500], features=0
                    )
                )
                log.warning("layer", rover=rover, layer=name, status="failed", reason=failure.reason.value)
                continue
        count = len(read.features) + len(read.places)
        found.features.extend(read.features)
        found.places.extend(read.places)
        found.set_aside.extend(read.set_aside)
        found.layers.append(Layer(name=name, status="complete", reason=None, message="", features=count))
        log.info("layer", rover=rover, layer=name, status="complete", features=count)
    return found


def _complete(former: Former) -> dict[str, mmgis.LayerRead]:
    found = {}
    for layer in former["layers"]:
        features = former["coordinates"] if layer["name"] == mmgis.TRAVERSE else []
        places = [place for place in former["places"] if place["layer"] == layer["name"]]
        if layer["status"] == "complete" and layer["features"] == len(features) + len(places):
            found[layer["name"]] = mmgis.LayerRead(features, places, [])
    return found
