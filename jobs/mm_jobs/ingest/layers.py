"""A rover's layers: each asked for by itself, so that one which fails takes no other with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mm_contracts.documents import Layer, Place
from mm_contracts.photos import SetAside

from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import SourceClient
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


def fetch_layers(
    settings: SourceSettings, client: SourceClient, rover: str, former: Mapping[str, Any] | None, log: Log
) -> Layers:
    """Return the rover's layers.

    Args:
        settings: the source.
        client: asks it.
        rover: the rover.
        former: an earlier attempt's object: layers that it has are not asked for again.
        log: gets a line per layer.

    Raises:
        SourceFailure: the source has no layer of the rover.
    """
    found = Layers()
    had = {one["name"]: one for one in (former or {}).get("layers", []) if one["status"] == "complete"}
    for name, url in mmgis.layers_of(settings, rover).items():
        if name in had and former is not None:
            features = former["coordinates"] if name == mmgis.TRAVERSE else []
            read = mmgis.LayerRead(features, [one for one in former["places"] if one["layer"] == name], [])
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
