"""Recorded answers of the real sources, served in place of generated ones.

A sol that was recorded from one source is shown by the others too, in their own shapes: its pictures are the same.
Map layers and manifests are served as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mm_simulator.core.facts import CAMERA_ID, ROVERS, find_rover
from mm_simulator.core.photos import Photo
from mm_simulator.core.records import stem
from mm_simulator.core.tables import ManifestRow
from mm_simulator.core.timebase import CLOCKS, earth_date

_CLOCK = re.compile(r"_(\d{10})_(\d{3})|^(?:[A-Z]{2}[AB0]_|[12][A-Z])(\d{9})()")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LAYER = re.compile(r"(m20|msl)_(traverse|waypoints|waypoints_current|heli_waypoints|heli_flight_path)\b")
_FOLDED = re.compile(r"^(FHAZ|RHAZ|NAV|MAST|CHEMCAM)(?:_(?:LEFT|RIGHT))?(?:_[AB]|_RMI)?$")
_FEED_ID = 30_000_000  # ids of pictures that were recorded from a feed without numbers


class CaptureError(ValueError):
    """A capture file cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded photo; ``raw`` is what its source sent, ``flavour`` that source."""

    photo: Photo
    camera: str
    flavour: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Capture:
    """The recorded photos of one sol, by camera id and id; ``feed`` holds them in their source's order."""

    rover: str
    sol: int
    earth_date: str
    photos: tuple[Recorded, ...]
    feed: tuple[Recorded, ...]

    @property
    def cameras(self) -> list[str]:
        """Distinct camera names, alphabetical."""
        return sorted({item.camera for item in self.photos})


@dataclass(frozen=True, slots=True)
class Captures:
    """Everything recorded: sols, map layers by (rover, layer) as (day, document), ascending, and manifests' sols."""

    sols: Mapping[tuple[str, int], Capture] = field(default_factory=dict)
    layers: Mapping[tuple[str, str], tuple[tuple[float, Mapping[str, Any]], ...]] = field(default_factory=dict)
    manifests: Mapping[str, tuple[ManifestRow, ...]] = field(default_factory=dict)

    def layer(self, rover: str, name: str, now: float) -> Mapping[str, Any] | None:
        """The newest recording of a layer on a simulated day, else the oldest there is."""
        held = self.layers.get((rover, name), ())
        past = [document for day, document in held if day <= now]
        return past[-1] if past else held[0][1] if held else None


def load_captures(folder: Path) -> Captures:
    """Read every ``*.json`` of a folder and of those in it: answers of v1, of the two raw feeds, and map layers.

    Raises CaptureError for a folder that is missing or empty, a file that is no such answer, or a rover nobody knows.
    """
    if not folder.is_dir():
        raise CaptureError(f"SIM_CAPTURES_DIR: there is no folder {folder}; name one with recorded answers")
    # A mounted ConfigMap holds each file twice, the second time in a folder of its own bookkeeping (..2026_01_01).
    mine = (path for path in folder.rglob("*.json") if ".." not in str(path.relative_to(folder)))
    paths = sorted(mine)
    if not paths:  # to serve generated sols to who asked for recorded ones would go unnoticed
        raise CaptureError(f"SIM_CAPTURES_DIR: no file of {folder} ends in .json; put recorded answers there")
    sols: dict[tuple[str, int], dict[int, Recorded]] = {}
    layers: dict[tuple[str, str], list[tuple[float, Mapping[str, Any]]]] = {}
    manifests: dict[str, tuple[ManifestRow, ...]] = {}
    for path in paths:
        try:
            document = json.loads(path.read_bytes())
            if document.get("type") == "FeatureCollection":
                layers.setdefault(_layer_of(path.name), []).append((_day(path.name), document))
            elif "photo_manifest" in document:
                name, rows = _manifest(document["photo_manifest"])
                manifests[name] = rows
            elif not _says_nothing_of_photos(document):
                for rover, sol, item in _items(document):
                    sols.setdefault((rover, sol), {})[item.photo.id] = item
        except CaptureError as error:
            raise CaptureError(f"{path.name} {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CaptureError(f"{path.name} is not a recorded answer ({error!r}); take it out of the folder") from None
    return Captures(
        {key: _capture(*key, items.values()) for key, items in sorted(sols.items())},
        {key: tuple(sorted(found, key=lambda pair: pair[0])) for key, found in layers.items()},
        manifests,
    )


def _says_nothing_of_photos(document: Mapping[str, Any]) -> bool:
    """An end page, a feed's news, or the list of rovers: valid answers, but of nothing that could be shown."""
    return document.get("images") == [] or "latest_sol" in document or "rovers" in document


def _items(document: Mapping[str, Any]) -> Iterator[tuple[str, int, Recorded]]:
    if "images" in document or "imageid" in document:
        for index, image in enumerate(document.get("images", [document])):
            yield "Perseverance", int(image["sol"]), _m20(image, index)
    elif "items" in document:
        for item in document["items"]:
            yield "Curiosity", int(item["sol"]), _msl(item)
    else:
        for photo in document["latest_photos"] if "latest_photos" in document else document["photos"]:
            rover = find_rover(photo["rover"]["name"])
            if rover is None:
                raise CaptureError(f"has photos of an unknown rover: {photo['rover']['name']}")
            yield rover.name, int(photo["sol"]), _v1(rover.name, photo)


def _v1(rover: str, photo: Mapping[str, Any]) -> Recorded:
    _ = photo["earth_date"]
    camera = photo["camera"]
    made = _photo(rover, int(photo["id"]), int(camera["id"]), photo["img_src"], int(photo["sol"]), None)
    return Recorded(made, str(camera["name"]), "nasa-v1", photo)


def _m20(image: Mapping[str, Any], index: int) -> Recorded:
    camera, sol = image["camera"]["instrument"], int(image["sol"])
    # No number of its own: one that its sol and place in the answer give, so that it is the same each time.
    number = _FEED_ID + sol * 1000 + index
    made = _photo("Perseverance", number, CAMERA_ID["Perseverance", camera], image["image_files"]["large"], sol, None)
    return Recorded(made, camera, "m20-raw", image)


def _msl(item: Mapping[str, Any]) -> Recorded:
    folded = _FOLDED.match(item["instrument"])
    camera = (folded[1] if folded else item["instrument"]).replace("NAV", "NAVCAM").replace("NAVCAMCAM", "NAVCAM")
    made = _photo(
        "Curiosity", int(item["id"]), CAMERA_ID["Curiosity", camera], item["url"], int(item["sol"]),
        item["spacecraft_clock"],
    )  # fmt: skip
    return Recorded(made, camera, "msl-raw", item)


def _photo(rover: str, number: int, camera: int, address: str, sol: int, clock: float | None) -> Photo:
    match = _CLOCK.search(stem(rover, address))
    if clock is None and match is None:
        clock = CLOCKS[rover].sclk(CLOCKS[rover].unix(sol, 12.0))
    if clock is not None:
        return Photo(number, camera, int(clock), int(clock * 1000) % 1000, address)
    assert match is not None
    return Photo(number, camera, int(match[1] or match[3]), int(match[2] or 0), address)


def _capture(rover: str, sol: int, items: Iterable[Recorded]) -> Capture:
    feed = tuple(items)
    ordered = tuple(sorted(feed, key=lambda item: (item.photo.camera_id, item.photo.id)))
    day = ordered[0].raw.get("earth_date") or earth_date(ROVERS[rover].landing_date, sol).isoformat()
    return Capture(rover, sol, day, ordered, feed)


def _manifest(document: Mapping[str, Any]) -> tuple[str, tuple[ManifestRow, ...]]:
    rover = find_rover(document["name"])
    if rover is None:
        raise CaptureError(f"is a manifest of an unknown rover: {document['name']}")
    rows = (ManifestRow(int(e["sol"]), int(e["total_photos"]), tuple(e["cameras"])) for e in document["photos"])
    return rover.name, tuple(rows)


def _layer_of(name: str) -> tuple[str, str]:
    match = _LAYER.match(re.sub(r"(_full)?(_\d{4}-\d\d-\d\d)?\.", " ", name))
    if match is None:
        raise CaptureError("is a map layer, but its name does not say which, such as m20_waypoints_2024-04-04.json")
    return {"m20": "Perseverance", "msl": "Curiosity"}[match[1]], match[2]


def _day(name: str) -> float:
    found = _DAY.search(name)
    return datetime.fromisoformat(found[0]).replace(tzinfo=UTC).timestamp() if found else 0.0
