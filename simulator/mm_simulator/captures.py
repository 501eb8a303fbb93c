"""Recorded answers of the real API, served in place of generated ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mm_simulator.core.facts import find_rover


class CaptureError(ValueError):
    """A capture file cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Capture:
    """The recorded photos of one sol, by camera id and id, as the API sent them."""

    rover: str
    sol: int
    earth_date: str
    photos: tuple[dict[str, Any], ...]

    @property
    def cameras(self) -> list[str]:
        """Distinct camera names, alphabetical."""
        return sorted({photo["camera"]["name"] for photo in self.photos})


def load_captures(folder: Path) -> dict[tuple[str, int], Capture]:
    """Read every ``*.json`` of a folder, each ``{"photos": [...]}``; a file may hold several sols.

    Raises CaptureError for a folder that is missing or empty, a file that is not such JSON, or a rover nobody knows.
    """
    if not folder.is_dir():
        raise CaptureError(f"SIM_CAPTURES_DIR: there is no folder {folder}; name one with captured photos files")
    paths = sorted(folder.glob("*.json"))
    if not paths:  # to serve generated sols to who asked for recorded ones would go unnoticed
        raise CaptureError(f"SIM_CAPTURES_DIR: no file of {folder} ends in .json; put captured photos files there")
    found: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    for path in paths:
        for rover, sol, photo in _photos(path):
            found.setdefault((rover, sol), {})[photo["id"]] = photo
    return {key: _capture(*key, photos.values()) for key, photos in sorted(found.items())}


def _photos(path: Path) -> list[tuple[str, int, dict[str, Any]]]:
    try:
        document = json.loads(path.read_bytes())
        photos = [(photo["rover"]["name"], int(photo["sol"]), photo) for photo in document["photos"]]
        for _, _, photo in photos:
            int(photo["id"]), photo["camera"]["name"], int(photo["camera"]["id"]), photo["earth_date"]
    except (ValueError, KeyError, TypeError) as error:
        raise CaptureError(
            f"{path.name} is not a captured photos answer ({error!r}); take it out of the folder"
        ) from None
    unknown = sorted({name for name, _, _ in photos if find_rover(name) is None})
    if unknown:
        raise CaptureError(f"{path.name} has photos of unknown rovers: {', '.join(unknown)}")
    return photos


def _capture(rover: str, sol: int, photos: Iterable[dict[str, Any]]) -> Capture:
    ordered = tuple(sorted(photos, key=lambda photo: (photo["camera"]["id"], photo["id"])))
    return Capture(rover, sol, ordered[0]["earth_date"], ordered)
