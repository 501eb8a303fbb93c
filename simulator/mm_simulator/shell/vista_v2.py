"""The v2 routes of api.marsvista.dev: photos of any rovers, sols and cameras in one query, in the style of JSON:API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from mm_simulator.archive import Archive
from mm_simulator.core.captions import M20
from mm_simulator.core.facts import CAMERA_BY_ID, ROVERS, Rover, find_rover
from mm_simulator.core.records import Record
from mm_simulator.core.timebase import format_instant, format_millis
from mm_simulator.manifest import manifest_object
from mm_simulator.render import dump, rebased
from mm_simulator.shell.shapes import Shapes
from mm_simulator.shell.target import Target, sol_bounds, to_integer
from mm_simulator.shell.vista import MOST_PER_PAGE, answered, folded_camera, paging, photos_of, utc_date

_SIZES = (("small", "_320.jpg"), ("medium", "_800.jpg"), ("large", "_1200.jpg"), ("full", ".png"))
_NUMBERS = ("sol_min", "sol_max", "page", "per_page", "site", "drive", "min_width", "min_height")


def problem(status: int, title: str, detail: str, errors: list[dict[str, Any]] | None = None) -> Response:
    """An error as RFC 7807 has it, with the fields that are wrong."""
    body: dict[str, Any] = {"type": f"/errors/{status}", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = errors
    return Response(dump(body), status, headers={"content-type": "application/problem+json; charset=utf-8"})


class VistaV2:
    """Answers from an archive at the simulated time that ``now`` tells (Unix seconds)."""

    def __init__(self, archive: Callable[[], Archive], now: Callable[[], float], base: str) -> None:
        self._archive, self._now, self._base = archive, now, base

    def answer(self, target: Target, shapes: Shapes) -> Response:
        """The response to a request; ``shapes`` deform it if faults ask for that."""
        archive, now = self._archive(), shapes.at(self._now())
        if target.kind == "photos":
            return self._photos(archive, target, now)
        if target.kind == "photo":
            owner = archive.owner(to_integer(target.name) or 0, now)
            found = photos_of(archive, *owner, now) if owner else []
            match = [record for record in found if str(record.photo.id) == target.name]
            if not match:
                return problem(404, "Not Found", f"Photo {target.name} not found")
            return answered({"data": self.resource(match[0]), "meta": {"timestamp": format_instant(now)}})
        if target.kind == "rovers":
            return answered({"data": [self._rover(archive, rover, now) for rover in ROVERS.values()]})
        if target.kind == "cameras" and not target.name:
            return answered({"data": [c for rover in ROVERS.values() for c in self._cameras(rover)]})
        if target.kind == "v2":
            return problem(404, "Not Found", f"There is no {target.name or '/'} here")
        if target.rover is None:
            return problem(404, "Not Found", f"Rover '{target.name}' not found")
        rover = ROVERS[target.rover]
        if target.kind == "cameras":
            return answered({"data": self._cameras(rover)})
        if target.kind == "manifest":
            manifest = archive.manifest(rover, now)
            manifest = shapes.deform_manifest(manifest) if shapes.manifest else manifest
            attributes = manifest_object(rover, manifest)
            return answered({"data": {"id": rover.name.lower(), "type": "manifest", "attributes": attributes}})
        return answered({"data": self._rover(archive, rover, now)})

    def _photos(self, archive: Archive, target: Target, now: float) -> Response:
        query = target.query
        wrong = _wrong(query)
        if wrong:
            return problem(400, "Validation Error", "The request has invalid parameters", wrong)
        names = [name for name in query.get("rovers", "").split(",") if name.strip()]
        rovers = [ROVERS[r.name] for name in names if (r := find_rover(name.strip()))] if names else [*ROVERS.values()]
        page, size = paging(query)
        records, total = self._select(archive, rovers, query, now, (page - 1) * size, size)
        pages = -(-total // size)
        body = {
            "data": [self.resource(record) for record in records],
            "meta": {
                "total_count": total,
                "returned_count": len(records),
                "query": {name: value for name, value in query.items() if name != "api_key"},
                "timestamp": format_instant(now),
            },
            "pagination": {"page": page, "per_page": size, "total_pages": pages},
            "links": _links(query, page, pages),
        }
        return answered(body)

    def _select(
        self, archive: Archive, rovers: list[Rover], query: Mapping[str, str], now: float, start: int, size: int
    ) -> tuple[list[Record], int]:
        """One page of a query's photos and the count of all; ``-earth_date`` (newest first) unless it asks for sols."""
        low, high = sol_bounds(query)
        cameras = {name.strip().upper() for name in query.get("cameras", "").split(",") if name.strip()}
        samples = {name.strip().lower() for name in query.get("sample_type", "").split(",") if name.strip()}
        site, drive = to_integer(query.get("site", "")), to_integer(query.get("drive", ""))
        plain = not cameras and not samples and site is None and drive is None
        chosen = [
            (rover, entry)
            for rover in rovers
            for entry in archive.manifest(rover, now).entries
            if (low is None or entry.sol >= low) and (high is None or entry.sol <= high)
        ]
        rising = query.get("sort", "-earth_date").lstrip("+") in ("sol", "earth_date", "id")
        chosen.sort(key=lambda pair: (pair[1].earth_date, pair[1].sol), reverse=not rising)
        found: list[Record] = []
        total = 0
        for rover, entry in chosen:
            if plain and (total >= start + size or total + entry.total <= start):
                total += entry.total
                continue
            here = [
                record
                for record in photos_of(archive, rover, entry.sol, now)
                if (not cameras or folded_camera(record) in cameras or record.instrument in cameras)
                and (not samples or record.sample_type.lower() in samples)
                and site in (None, record.site)
                and drive in (None, record.drive)
            ]
            found.extend(here[max(0, start - total) : max(0, start + size - total)])
            total += len(here)
        return found, total

    def resource(self, record: Record) -> dict[str, Any]:
        """A photo as a JSON:API resource."""
        address = record.photo.img_src
        address = rebased(address, self._base) if self._base else address
        sized = address.endswith("_1200.jpg")
        images = {name: address.replace("_1200.jpg", end) if sized else None for name, end in _SIZES}
        look = M20.get(record.instrument)
        camera = CAMERA_BY_ID[record.photo.camera_id]
        return {
            "id": record.photo.id,
            "type": "photo",
            "attributes": {
                "nasa_id": record.image_id,
                "sol": record.sol,
                "earth_date": utc_date(record),
                "date_taken_utc": format_millis(record.utc) + "Z",
                "date_taken_mars": record.lmst,
                "images": images if sized else images | {"full": address},
                "dimensions": {"width": look.width, "height": look.height} if look else None,
                "sample_type": record.sample_type,
                "location": {"site": record.site, "drive": record.drive, "coordinates": None},
                "telemetry": {"mast_azimuth": None, "mast_elevation": None, "spacecraft_clock": record.clock},
                "title": f"{record.rover.name} Sol {record.sol}: {camera.full_name}",
                "caption": None,
                "credit": "NASA/JPL-Caltech",
                "img_src": address.replace("_1200.jpg", "_800.jpg"),
            },
            "relationships": {
                "rover": {"id": record.rover.name.lower(), "type": "rover"},
                "camera": {"id": folded_camera(record), "type": "camera"},
            },
        }

    @staticmethod
    def _rover(archive: Archive, rover: Rover, now: float) -> dict[str, Any]:
        told = manifest_object(rover, archive.manifest(rover, now))
        attributes = {name: value for name, value in told.items() if name != "photos"}
        return {"id": rover.name.lower(), "type": "rover", "attributes": attributes}

    @staticmethod
    def _cameras(rover: Rover) -> list[dict[str, Any]]:
        return [
            {"id": camera.name, "type": "camera", "attributes": {"full_name": camera.full_name}}
            for camera in rover.cameras
        ]


def _wrong(query: Mapping[str, str]) -> list[dict[str, Any]]:
    found = []
    for name in _NUMBERS:
        if name in query and not query[name].isdigit():
            found.append({"field": name, "value": query[name], "message": "must be a whole number", "example": "100"})
    if query.get("per_page", "").isdigit() and not 1 <= int(query["per_page"]) <= MOST_PER_PAGE:
        message = f"must be from 1 to {MOST_PER_PAGE}"
        found.append({"field": "per_page", "value": query["per_page"], "message": message, "example": "25"})
    for name in query.get("rovers", "").split(","):
        if name.strip() and find_rover(name.strip()) is None:
            found.append({"field": "rovers", "value": name, "message": "is not a rover", "example": "curiosity"})
    return found


def _links(query: Mapping[str, str], page: int, pages: int) -> dict[str, str | None]:
    def to(number: int) -> str | None:
        if not 1 <= number <= max(1, pages):
            return None
        return "/api/v2/photos?" + urlencode({**query, "page": number})

    return {"self": to(page), "next": to(page + 1), "previous": to(page - 1), "first": to(1), "last": to(pages or 1)}
