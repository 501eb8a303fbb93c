"""Faults in the data itself: answers that are well-formed, but not what they should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mm_simulator.core.facts import ROVERS, Rover
from mm_simulator.manifest import Entry, Manifest, summed
from mm_simulator.render import dump

NEW_CAMERA = "NEW_CAMERA"
_NEW_CAMERA_ID = 90  # plus the rover's id


@dataclass(frozen=True, slots=True)
class Shapes:
    """The deformations of one answer. ``sols`` limits those of a manifest to some of its entries (None: all)."""

    overlap: int = 0  # photos that a page repeats from the one before
    extended_rover: bool = False
    missing_earth_date: bool = False
    unknown_camera: int = 0  # photos (the first ones) of a camera that no list names
    renamed_camera: str = ""  # a camera that is called NEW_CAMERA from now on, in photos and manifest alike
    count_delta: int = 0  # added to the totals of a manifest's sols
    drop_last: int = 0  # newest sols that a manifest does not know yet
    sols: frozenset[int] | None = None
    lag: float = 0.0  # seconds by which the answer is behind the clock
    fallback: bool = False  # a feed answers an empty sol with images of others
    string_page: bool = False  # a feed sends its page as text
    unk_fields: bool = False  # a feed does not know its numbers
    half_character: int = 0  # photos (the first ones) with a title that ends in half an emoji
    sol_twice: bool = False  # a manifest lists sols by date, and some of their photos have none
    page_limit: int = 0  # photos in a page at most, whatever is asked for; pages are told by what was asked for
    moved: int = 0  # photos (the first ones) of the sol ``moved_from`` that are shown in the next one
    moved_from: int = 0
    drift: str = ""  # how a map layer has changed its shape

    def at(self, now: float) -> float:
        """The simulated time that the answer tells of."""
        return now - self.lag

    @property
    def manifest(self) -> bool:
        """Whether a manifest comes out other than it should."""
        return bool(
            self.count_delta
            or self.drop_last
            or self.missing_earth_date
            or self.new_camera
            or self.sol_twice
            or self.moved
        )

    @property
    def new_camera(self) -> bool:
        """Whether a camera is called by a name that no list has."""
        return bool(self.unknown_camera or self.renamed_camera)

    def with_extended_rover(self) -> Shapes:
        """The same, with the longer rover inside photos."""
        return replace(self, extended_rover=True)

    def deform_photos(self, fragments: Iterable[bytes], rover: Callable[[Rover], Any]) -> Iterable[bytes]:
        """Deform photos in the order in which they are sent; ``rover`` gives the longer form of a rover."""
        if not (self.extended_rover or self.missing_earth_date or self.new_camera or self.half_character):
            return fragments
        return [self._photo(json.loads(body), i, rover) for i, body in enumerate(fragments)]

    def _photo(self, photo: dict[str, Any], index: int, rover: Callable[[Rover], Any]) -> bytes:
        if self.missing_earth_date:
            del photo["earth_date"]
        if index < self.unknown_camera or photo["camera"]["name"] == self.renamed_camera:
            rover_id = photo["camera"]["rover_id"]
            photo["camera"] |= {"id": _NEW_CAMERA_ID + rover_id, "name": NEW_CAMERA, "full_name": NEW_CAMERA}
        if self.extended_rover:
            whole = rover(ROVERS[photo["rover"]["name"]])
            cameras = [{"name": c["name"], "full_name": c["full_name"]} for c in whole["cameras"]]
            photo["rover"] = whole | {"cameras": cameras}
        if index < self.half_character:
            return json.dumps(photo | {"title": "dust devil \ud83c"}, separators=(",", ":")).encode()
        return dump(photo)

    def deform_manifest(self, manifest: Manifest) -> Manifest:
        """Deform counts and cameras; a sol always keeps at least one photo."""
        entries: Sequence[Entry] = manifest.entries
        if self.drop_last:
            entries = entries[: -self.drop_last]
        return summed([self._entry(entry) for entry in entries])

    def _entry(self, entry: Entry) -> Entry:
        if self.sols is not None and entry.sol not in self.sols:
            return entry
        if self.count_delta:
            entry = entry._replace(total=max(1, entry.total + self.count_delta))
        if self.unknown_camera:
            entry = entry._replace(cameras=tuple(sorted({*entry.cameras, NEW_CAMERA})))
        if self.renamed_camera in entry.cameras:
            kept = set(entry.cameras) - {self.renamed_camera}
            entry = entry._replace(cameras=tuple(sorted({*kept, NEW_CAMERA})))
        return entry

    def deform_manifest_object(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Take earth dates out, or list sols twice, if asked to."""
        if self.sol_twice:
            manifest["photos"] = [
                part
                for entry in manifest["photos"]
                for part in (_by_date(entry) if self.sols is None or entry["sol"] in self.sols else [entry])
            ]
        if self.missing_earth_date:
            for entry in manifest["photos"]:
                if self.sols is None or entry["sol"] in self.sols:
                    del entry["earth_date"]
        return manifest


def _by_date(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """An entry as a source lists it that groups by sol and date, where one photo has no date."""
    if entry["total_photos"] < 2:
        return [entry]
    dateless = entry | {"earth_date": None, "total_photos": 1, "cameras": entry["cameras"][:1]}
    return [dateless, entry | {"total_photos": entry["total_photos"] - 1}]
