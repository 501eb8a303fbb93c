"""The v1 routes of api.marsvista.dev: like NASA's, but always in pages, with dates in UTC and other numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from mm_simulator.archive import Archive
from mm_simulator.core.facts import CAMERA_BY_ID, ROVERS, Rover
from mm_simulator.core.records import Record
from mm_simulator.manifest import manifest_object
from mm_simulator.render import dump, rebased, short_rover
from mm_simulator.shell.bodies import JSON
from mm_simulator.shell.shapes import Shapes
from mm_simulator.shell.target import Target, to_integer

ROVER_IDS = {"Perseverance": 1, "Curiosity": 2, "Opportunity": 3, "Spirit": 4}
PER_PAGE, MOST_PER_PAGE = 25, 100


def answered(body: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON response."""
    return Response(dump(body), status, headers={"content-type": JSON})


def utc_date(record: Record) -> str:
    """The true day (UTC) on which a photo was taken."""
    return datetime.fromtimestamp(record.utc, UTC).date().isoformat()


def folded_camera(record: Record) -> str:
    """The camera's name; Curiosity's eyes and computer sides are folded into one name."""
    name = CAMERA_BY_ID[record.photo.camera_id].name
    if record.rover.name != "Curiosity":
        return name
    folded = name.removesuffix("_A").removesuffix("_B").removesuffix("_LEFT").removesuffix("_RIGHT")
    return {"NAV": "NAVCAM", "CHEMCAM_RMI": "CHEMCAM"}.get(folded, folded)


def photos_of(archive: Archive, rover: Rover, sol: int, now: float) -> list[Record]:
    """A sol's photos without the feed's own thumbnails, by id."""
    found = [record for record in archive.feed(rover, sol, now) if not record.thumbnail]
    return sorted(found, key=lambda record: record.photo.id)


def paging(query: Mapping[str, str]) -> tuple[int, int]:
    """(page, photos a page) of a query: pages count from 1, and none has more than 100."""
    page = max(1, to_integer(query.get("page", "")) or 1)
    size = to_integer(query.get("per_page", "")) or PER_PAGE
    return page, min(MOST_PER_PAGE, max(1, size))


class VistaV1:
    """Answers from an archive at the simulated time that ``now`` tells (Unix seconds)."""

    def __init__(self, archive: Callable[[], Archive], now: Callable[[], float], base: str) -> None:
        self._archive, self._now, self._base = archive, now, base

    def answer(self, target: Target, shapes: Shapes) -> Response:
        """The response to a request; ``shapes`` deform it if faults ask for that."""
        archive, now = self._archive(), shapes.at(self._now())
        if target.kind == "rovers":
            return answered({"rovers": [self._rover(archive, rover, now) for rover in ROVERS.values()]})
        if target.kind == "photo":
            found = self._photo(archive, to_integer(target.name) or 0, now)
            return answered({"photo": found}) if found else answered({"error": "Photo not found"}, 404)
        if target.kind == "v1":
            return answered({"error": "Not Found"}, 404)
        if target.rover is None:
            return answered({"error": f"Rover '{target.name}' not found"}, 404)
        rover = ROVERS[target.rover]
        if target.kind == "rover":
            return answered({"rover": self._rover(archive, rover, now)})
        if target.kind == "manifest":
            manifest = archive.manifest(rover, now)
            manifest = shapes.deform_manifest(manifest) if shapes.manifest else manifest
            return answered({"photo_manifest": manifest_object(rover, manifest)})
        return self._photos(archive, rover, target, now)

    def _photos(self, archive: Archive, rover: Rover, target: Target, now: float) -> Response:
        query = target.query
        if target.kind == "latest_photos":
            found = photos_of(archive, rover, archive.manifest(rover, now).max_sol, now)
        elif "sol" in query:
            found = photos_of(archive, rover, to_integer(query["sol"]) or 0, now)
        elif "earth_date" in query:
            try:
                day = datetime.strptime(query["earth_date"], "%Y-%m-%d").date()
            except ValueError:
                return answered({"error": "Invalid earth_date format. Use YYYY-MM-DD."}, 400)
            # A day in UTC covers parts of two sols, or of three.
            guess = archive.sol_near(rover, day)
            found = [
                record
                for sol in range(max(0, guess - 2), guess + 3)
                for record in photos_of(archive, rover, sol, now)
                if utc_date(record) == day.isoformat()
            ]
        else:
            found = []
        if "camera" in query:
            found = [record for record in found if folded_camera(record) == query["camera"].upper()]
        page, size = paging(query)
        pages = -(-len(found) // size)
        shown = found[(page - 1) * size : page * size]
        counts = {"total_count": len(found), "page": page, "per_page": size, "total_pages": pages}
        return answered({"photos": [self.photo_object(record) for record in shown], "pagination": counts})

    def photo_object(self, record: Record) -> dict[str, Any]:
        """A photo as these routes write it: a medium image, a UTC date, and no rover_id in the camera."""
        camera = CAMERA_BY_ID[record.photo.camera_id]
        source = record.photo.img_src.replace("_1200.jpg", "_800.jpg")
        return {
            "id": record.photo.id,
            "sol": record.sol,
            "camera": {"id": camera.id, "name": folded_camera(record), "full_name": camera.full_name},
            "img_src": rebased(source, self._base) if self._base else source,
            "earth_date": utc_date(record),
            "rover": short_rover(record.rover) | {"id": ROVER_IDS[record.rover.name]},
        }

    def _photo(self, archive: Archive, number: int, now: float) -> dict[str, Any] | None:
        owner = archive.owner(number, now)
        if owner is None:
            return None
        found = [record for record in photos_of(archive, *owner, now) if record.photo.id == number]
        return self.photo_object(found[0]) if found else None

    @staticmethod
    def _rover(archive: Archive, rover: Rover, now: float) -> dict[str, Any]:
        manifest = archive.manifest(rover, now)
        told = manifest_object(rover, manifest)
        cameras = [{"id": c.id, "name": c.name, "full_name": c.full_name} for c in rover.cameras]
        kept = {name: told[name] for name in ("max_sol", "max_date", "total_photos")}
        return short_rover(rover) | {"id": ROVER_IDS[rover.name]} | kept | {"cameras": cameras}
