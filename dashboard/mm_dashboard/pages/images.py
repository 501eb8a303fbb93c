"""The pictures themselves: thumbnails, and originals passed on from their source."""

import asyncio
import re
from typing import Final
from urllib.parse import quote

from mm_contracts.pictures import SIZES, NoPicture
from mm_contracts.rovers import canonical_rover
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard import queries
from mm_dashboard.context import Context, context
from mm_dashboard.pictures import Address, Picture

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,159}")
FROM: Final = "X-Picture-From"
"""Header of a whole picture: ``mirror``, or the source that it was fetched from just now."""
_KEPT: Final = {"Cache-Control": "private, max-age=604800"}
_NONE: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 200" width="320" height="200">'
    '<rect width="320" height="200" fill="#8d7463" fill-opacity=".18"/>'
    '<g fill="none" stroke="#8d7463" stroke-width="3"><circle cx="160" cy="82" r="26"/><path d="M141 101l38-38"/></g>'
    '<text x="160" y="142" font-family="sans-serif" font-size="15" fill="#8d7463" text-anchor="middle">{}</text></svg>'
)


def subject(request: Request) -> tuple[str, int, str]:
    """Return (rover, sol, name) of a request's path. Raises HTTPException (404) where it names no picture."""
    try:
        rover = canonical_rover(request.path_params["rover"])
    except ValueError:
        raise HTTPException(404, "There is no rover of that name.") from None
    name = request.path_params["name"]
    if not _NAME.fullmatch(name):
        raise HTTPException(404, "There is no picture of that name.")
    return rover, int(request.path_params["sol"]), name


def key_of(rover: str, sol: int, name: str) -> str:
    """Return a picture's key below ``thumbnails/``."""
    return f"{rover.lower()}/{sol}/{name}"


async def address_of(parts: Context, rover: str, sol: int, name: str) -> Address | None:
    """Return where a picture is, None where the archive has none of that name or cannot be asked."""
    key = key_of(rover, sol, name)
    if (known := parts.addresses.get(key)) is not None:
        return known
    reading = await parts.snapshots.get(
        ("addresses", rover, sol), lambda: parts.warehouse.rows(queries.ADDRESSES_OF_SOL, (rover, sol)), patience=10
    )
    for row in reading.value or []:
        if row["image_id"] == name:
            return Address(row["img_src"], row["source"])
    return None


async def thumbnail(request: Request) -> Response:
    """Answer with a thumbnail; where there is none, with a picture that says so."""
    parts, (rover, sol, name) = context(request), subject(request)
    size = request.query_params.get("size", "small")
    key = key_of(rover, sol, name)
    if size not in SIZES:
        raise HTTPException(404, "There is no thumbnail of that size.")
    picture = await parts.gallery.kept(key, size)
    try:
        if picture is None:
            address = await address_of(parts, rover, sol, name)
            if address is None:
                raise NoPicture("The archive has no such picture.")
            picture = await parts.gallery.thumbnail(key, size, address)
    except NoPicture as problem:
        text = "gone at the source" if problem.gone else "not available now"
        return Response(
            _NONE.format(text), media_type="image/svg+xml", headers={"Cache-Control": "private, max-age=60"}
        )
    return _answer(picture)


async def original(request: Request) -> Response:
    """Answer with the picture from the mirror, else as a source has it, or with 404 and the sentence why not."""
    parts, (rover, sol, name) = context(request), subject(request)
    wanted = request.query_params.get("source", "")
    mirrored = None if wanted else await parts.mirror.picture(rover, sol, name)
    if mirrored is not None:
        return _answer(mirrored, "mirror")
    addresses = await addresses_of(parts, rover, sol, name)
    if wanted:
        addresses = [one for one in addresses if one.source == wanted]
    if not addresses:
        raise HTTPException(404, "The archive has no such picture.")
    problems: list[NoPicture] = []
    for address in addresses:
        try:
            found = await parts.gallery.original(f"{key_of(rover, sol, name)}@{address.source}", address)
            return _answer(found, address.source)
        except NoPicture as problem:
            problems.append(problem)
    return Response(f"{problems[0]}\n", 404, media_type="text/plain")


async def addresses_of(parts: Context, rover: str, sol: int, name: str) -> list[Address]:
    """Return where a picture is, at its own source first, then at the others that tell of it."""
    first, said = await asyncio.gather(address_of(parts, rover, sol, name), parts.read(queries.SAID, rover, sol, name))
    others = [Address(row["img_src"], row["source"]) for row in said.value or []]
    return [
        *([first] if first else []),
        *(one for one in others if one.img_src and (first is None or one.source != first.source)),
    ]


def _answer(picture: Picture, come_from: str = "") -> Response:
    headers = _KEPT | ({FROM: quote(come_from)} if come_from else {})
    return Response(picture.body, media_type=picture.media, headers=headers)
