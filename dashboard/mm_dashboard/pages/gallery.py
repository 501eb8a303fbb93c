"""The gallery, its file, and one picture's page."""

import asyncio
from collections.abc import Set
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mm_dashboard import queries
from mm_dashboard.context import context
from mm_dashboard.export import MOST_ROWS, as_text, csv_lines
from mm_dashboard.filters import PAGE, PHASES, read
from mm_dashboard.pages.images import subject
from mm_dashboard.warehouse import Row

FILM: Final = 600
"""Frames of one animation at most: of more, every second, third, ... is shown."""


async def gallery(request: Request) -> Response:
    """Answer with the pictures that the address asks for."""
    parts, filters = context(request), read(request.query_params)
    question, binds = filters.question(PAGE + 1, (filters.page - 1) * PAGE)
    rows, cameras = await asyncio.gather(parts.read(question, *binds), parts.read(queries.CAMERAS))
    found = rows.value or []
    parts.remember(found[:PAGE])
    whole, _ = filters.question(MOST_ROWS, 0)
    known = [row for row in cameras.value or [] if filters.rover in ("", row["rover_name"])]
    return parts.pages.page(
        request,
        "pictures.html",
        filters=filters,
        rows=found[:PAGE],
        more=len(found) > PAGE,
        reading=rows,
        loading=rows.is_loading,
        cameras={row["camera_name"]: row["camera_full_name"] for row in known},
        rovers=sorted({row["rover_name"] for row in cameras.value or []}),
        phases=PHASES,
        sql=as_text(whole, binds),
        most=MOST_ROWS,
    )


async def gallery_csv(request: Request) -> Response:
    """Answer with the same pictures as a file."""
    parts, filters = context(request), read(request.query_params)
    question, binds = filters.question(MOST_ROWS, 0)
    rows = await parts.warehouse.rows(question, binds)
    headers = {"Content-Disposition": 'attachment; filename="pictures.csv"'}
    return StreamingResponse(csv_lines(rows), media_type="text/csv", headers=headers)


async def frames(request: Request) -> Response:
    """Answer with the frames of an animation: over all pages of the gallery, in order of time, evenly thinned."""
    parts, filters = context(request), read(request.query_params)
    question, binds = replace(filters, order="oldest").question(MOST_ROWS, 0)
    reading = await parts.read(question, *binds)
    if reading.value is None:
        return JSONResponse({"problem": reading.problem or "still being read"}, 503, headers={"Retry-After": "2"})
    step = max(1, -(-len(reading.value) // FILM))
    shown = reading.value[::step]
    parts.remember(shown)
    film = [
        {
            "frame": f"/thumbnails/{quote(row['rover_name'].lower())}/{row['sol']}/{quote(row['image_id'])}?size=large",
            "words": f"{row['camera_name']}, {row['rover_name']}, sol {row['sol']}",
        }
        for row in shown
    ]
    return JSONResponse({"frames": film, "of": len(reading.value)}, headers={"Cache-Control": "private, no-cache"})


async def picture(request: Request) -> Response:
    """Answer with one picture and all that is known of it."""
    parts, (rover, sol, name) = context(request), subject(request)
    facts, siblings, said, travel, family = await asyncio.gather(
        parts.read(queries.PHOTO, rover, sol, name),
        parts.read(queries.PHOTOS_OF_SOL, rover, sol),
        parts.read(queries.SAID, rover, sol, name),
        parts.read(queries.TRAVEL, rover, sol, name),
        parts.read(queries.FAMILY, rover, sol, name),
    )
    problem = next((reading for reading in (facts, siblings) if reading.problem), None)
    if facts.value is None:
        return parts.pages.page(
            request, "trouble.html", 503, title="Not now", sentence=facts.problem or "Still being read: try again."
        )
    if not facts.value:
        raise HTTPException(404, "The archive has no picture of that name.")
    row = facts.value[0]
    mirrored = await parts.mirror.entry(rover, sol, name)
    place = await parts.read(queries.PLACE, rover, row["site"], row["drive"])
    around = [one for one in siblings.value or [] if one["is_listed"]]
    kin = [one for one in family.value or [] if one["is_listed"]]
    parts.remember([*around[:300], *kin, row])
    before, after = neighbours(around, name)
    return parts.pages.page(
        request,
        "picture.html",
        rover=rover,
        sol=sol,
        name=name,
        row=row,
        mirrored=mirrored,
        said=said.value or [],
        other_eye=[one for one in kin if one["is_other_eye"]],
        versions=[one for one in kin if not one["is_other_eye"]],
        twins=twins(around, row, {one["image_id"] for one in kin}),
        travel=travel.value or [],
        place=next(iter(place.value or []), None),
        before=before,
        after=after,
        problem=problem,
    )


def neighbours(around: list[Row], name: str) -> tuple[Row | None, Row | None]:
    """Return the pictures right before and after one in a sol's pictures, which are in order of time."""
    places = [i for i, row in enumerate(around) if row["image_id"] == name]
    if not places:
        return None, None
    here = places[0]
    return (around[here - 1] if here else None), (around[here + 1] if here + 1 < len(around) else None)


def twins(around: list[Row], row: Row, kin: Set[str] = frozenset()) -> list[Row]:
    """Return the pictures of the same second that are not known to be the other eye's or another version."""
    if row["sclk"] is None:
        return []
    known = {row["image_id"], *kin}
    return [one for one in around if one["sclk"] == row["sclk"] and one["image_id"] not in known]
