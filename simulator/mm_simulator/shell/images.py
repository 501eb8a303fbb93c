"""Images at the paths of the real ones, for photos that the archive shows; nothing is stored."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.responses import Response

from mm_simulator.archive import Archive
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.picture import jpeg, png, scene
from mm_simulator.core.rand import Rand
from mm_simulator.core.records import thumbnail_name
from mm_simulator.shell.bodies import page
from mm_simulator.shell.target import Target

_SIZES = {"_320": (320, 240), "_800": (800, 600), "_1200": (1200, 900), ".png": (1280, 960), "-THM": (64, 64)}
_DEFAULT_SIZE = (1024, 1024)
_M20_SIBLING = re.compile(r"(_320\.jpg|_800\.jpg|\.png)$")
_MER_SIBLING = re.compile(r"(-THM|)\.JPG$")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Images:
    """Answers for image paths at the simulated time that ``now`` tells."""

    def __init__(self, archive: Archive, now: Callable[[], float], seed: str) -> None:
        self._archive, self._now, self._rand = archive, now, Rand(seed)

    def answer(self, target: Target, wanted_range: str | None) -> Response:
        """The image (or the part of it that a Range header asks for), or a 404 page if no photo has that address."""
        path = target.name
        if not self._known(target):
            return page(404, "404 Not Found", "The requested file is not on this server.")
        width, height = next((size for mark, size in _SIZES.items() if mark in path), _DEFAULT_SIZE)
        name = path.rpartition("/")[2]
        grid = scene(self._rand, name, width, height)
        is_png = path.lower().endswith(".png")
        body = png(grid, width, height) if is_png else jpeg(grid, width, height)
        return partial(body, "image/png" if is_png else "image/jpeg", wanted_range)

    def _known(self, target: Target) -> bool:
        if target.rover is None or target.sol is None:
            return False
        path = target.name
        if target.rover == "Perseverance":
            path = _M20_SIBLING.sub("_1200.jpg", path)
        elif target.rover in ("Opportunity", "Spirit") and not path.endswith("-BR.JPG"):
            path = _MER_SIBLING.sub("-BR.JPG", path)
        rover = ROVERS[target.rover]
        photos = self._archive.photos(rover, target.sol, self._now())
        addresses = [photo.photo.img_src for photo in photos]
        if any(address.endswith(path) for address in addresses):
            return True
        small = (thumbnail_name(rover.name, address) for address in addresses)
        return any(address is not None and address.endswith(path) for address in small)


def partial(body: bytes, media: str, wanted: str | None) -> Response:
    """The whole body, or one range of it (206), or 416 if the range begins beyond the end."""
    headers = {"Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None or match[0] == "bytes=-":
        return Response(body, media_type=media, headers=headers)
    first, last = match.groups()
    begin = int(first) if first else max(0, len(body) - int(last))
    end = min(int(last), len(body) - 1) if first and last else len(body) - 1
    if begin > end:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {begin}-{end}/{len(body)}"
    return Response(body[begin : end + 1], 206, headers, media)
