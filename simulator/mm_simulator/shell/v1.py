"""The Mars Photos API: its six routes with the original's semantics, oddities included."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from starlette.responses import Response

from mm_simulator.archive import Archive, Listed
from mm_simulator.core.facts import CAMERA_BY_ID, CAMERA_ID, ROVERS, Rover
from mm_simulator.core.timebase import earth_date
from mm_simulator.manifest import Entry, Manifest, manifest_object, summed
from mm_simulator.render import dump, full_rover, listing
from mm_simulator.shell.bodies import JSON, application_error
from mm_simulator.shell.shapes import Shapes
from mm_simulator.shell.target import Target, to_integer

_DATE = re.compile(r"([+-]?\d{1,5})-(\d{1,2})-(\d{1,2})")
_PER_PAGE = 25
_HOUR = 3600.0


class BadDate(ValueError):
    """An earth_date that the API cannot read; it answers with an error of its own."""


class PhotosApi:
    """Answers v1 requests from an archive at the simulated time that ``now`` tells (Unix seconds)."""

    def __init__(
        self, archive: Callable[[], Archive], now: Callable[[], float], lag_hours: float, extended: bool, shift: int = 0
    ) -> None:
        """``shift`` is added to every id: other hosts of the same code number their photos anew."""
        self._archive, self._now, self._shift = archive, now, shift
        self._lag, self._extended = lag_hours * _HOUR, extended
        self._manifests: dict[str, tuple[Manifest, bytes]] = {}

    def answer(self, target: Target, accept: str, shapes: Shapes) -> Response:
        """The response to a request; ``shapes`` deform its data if faults ask for that."""
        if self._extended:
            shapes = shapes.with_extended_rover()
        if target.kind == "rovers":
            return _json(dump({"rovers": [self._rover(rover, shapes) for rover in ROVERS.values()]}))
        if target.kind == "photo":
            return self._photo(target, accept, shapes)
        if target.kind == "v1":
            return application_error(404, "Not Found", accept)
        if target.rover is None:
            return _json(b'{"errors":"Invalid Rover Name"}', 400)
        rover = ROVERS[target.rover]
        if target.kind == "rover":
            return _json(dump({"rover": self._rover(rover, shapes)}))
        if target.kind == "manifest":
            return self._manifest(rover, shapes)
        try:
            return self._photos(rover, target, shapes)
        except BadDate:
            return application_error(500, "Internal Server Error", accept)

    def _rover(self, rover: Rover, shapes: Shapes) -> dict[str, object]:
        manifest = self._archive().manifest(rover, shapes.at(self._now()))
        return full_rover(rover, manifest.max_sol, manifest.total, self._extended)

    def _manifest(self, rover: Rover, shapes: Shapes) -> Response:
        manifest = self._archive().manifest(rover, shapes.at(self._now()) - self._lag)
        if shapes.manifest:
            if shapes.moved:
                manifest = self._moved_manifest(rover, manifest, shapes)
            body = manifest_object(rover, shapes.deform_manifest(manifest))
            return _json(dump({"photo_manifest": shapes.deform_manifest_object(body)}))
        held = self._manifests.get(rover.name)
        if held is None or held[0] is not manifest:
            held = (manifest, dump({"photo_manifest": manifest_object(rover, manifest)}))
            self._manifests[rover.name] = held
        return _json(held[1])

    def _photo(self, target: Target, accept: str, shapes: Shapes) -> Response:
        number = (to_integer(target.name) or 0) - self._shift
        body = self._archive().photo(number, shapes.at(self._now()))
        if body is None:
            return application_error(404, "Not Found", accept)
        body = renumbered(number, body, self._shift)
        return _json(b'{"photo":' + next(iter(self._deformed([body], shapes))) + b"}")

    def _deformed(self, bodies: Iterable[bytes], shapes: Shapes) -> Iterable[bytes]:
        return shapes.deform_photos(bodies, lambda rover: self._rover(rover, shapes))

    def _photos(self, rover: Rover, target: Target, shapes: Shapes) -> Response:
        query = target.query
        latest = target.kind == "latest_photos"
        found = self._found(rover, target, latest, shapes)
        if found and "camera" in query:
            camera = CAMERA_ID.get((rover.name, query["camera"].upper()))
            found = [photo for photo in found if photo.camera_id == camera]
        total = len(found)
        if "page" in query or shapes.page_limit:
            found = _page(found, query.get("page", "1"), query.get("per_page"), shapes.overlap, shapes.page_limit)
        fragments = [renumbered(photo.id, photo.body, self._shift) for photo in found]
        body = listing(target.kind, self._deformed(fragments, shapes))
        return _json(body if not shapes.page_limit else _with_pages(body, total, query))

    def _found(self, rover: Rover, target: Target, latest: bool, shapes: Shapes) -> list[Listed]:
        archive, now = self._archive(), shapes.at(self._now())
        if latest:
            return archive.photos(rover, archive.manifest(rover, now).max_sol, now)
        if "sol" in target.query:
            return [] if target.sol is None else self._of_sol(rover, target.sol, now, shapes)
        if "earth_date" in target.query:
            sol = archive.sol_of_date(rover, _day(target.query["earth_date"]))
            return [] if sol is None else archive.photos(rover, sol, now)
        return []

    def _of_sol(self, rover: Rover, sol: int, now: float, shapes: Shapes) -> list[Listed]:
        """The photos of a sol, as a source has them that has corrected the sol of some."""
        found = self._archive().photos(rover, sol, now)
        if shapes.moved and sol == shapes.moved_from:
            return found[shapes.moved :]
        if shapes.moved and sol == shapes.moved_from + 1:
            new = {"sol": sol, "earth_date": earth_date(rover.landing_date, sol).isoformat()}
            came = self._archive().photos(rover, shapes.moved_from, now)[: shapes.moved]
            return [*(photo._replace(body=dump(json.loads(photo.body) | new)) for photo in came), *found]
        return found

    def _moved_manifest(self, rover: Rover, manifest: Manifest, shapes: Shapes) -> Manifest:
        entries = {entry.sol: entry for entry in manifest.entries}
        for sol in (shapes.moved_from, shapes.moved_from + 1):
            found = self._of_sol(rover, sol, self._now(), shapes)
            cameras = tuple(sorted({CAMERA_BY_ID[photo.camera_id].name for photo in found}))
            day = earth_date(rover.landing_date, sol).isoformat()
            entries[sol] = Entry(sol, day, len(found), cameras)
        return summed([entry for _, entry in sorted(entries.items()) if entry.total])


def renumbered(number: int, body: bytes, shift: int) -> bytes:
    """A photo's JSON with its id shifted."""
    if not shift:
        return body
    return dump(json.loads(body) | {"id": number + shift})


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, headers={"content-type": JSON})


def _day(text: str) -> date:
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise BadDate(text)
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        raise BadDate(text) from None


def _size(per_page: str | None) -> int:
    return (to_integer(per_page) or 0) if per_page is not None and re.match(r"\d", per_page) else _PER_PAGE


def _with_pages(body: bytes, total: int, query: Mapping[str, str]) -> bytes:
    """An answer that tells its pages by the size that was asked for, not by the one that is given."""
    size = max(1, _size(query.get("per_page")))
    number = max(1, to_integer(query.get("page", "1")) or 0)
    pages = {"total_count": total, "page": number, "per_page": size, "total_pages": -(-total // size)}
    return body[:-1] + b',"pagination":' + dump(pages) + b"}"


def _page(found: list[Listed], page: str, per_page: str | None, overlap: int, limit: int = 0) -> list[Listed]:
    """One page. A page that is no number, or below 1, is the first; a size that is no number, or negative, is 25."""
    size = min(_size(per_page), limit or len(found))
    number = max(1, to_integer(page) or 0)
    start = (number - 1) * size
    if overlap and number > 1 and start < len(found):
        shown = min(size, len(found) - start)
        start = max(0, start - overlap)
        return found[start : start + shown]
    return found[start : start + size]
