"""The heat map of all sols, and one sol's page."""

import asyncio
from typing import Any

from mm_contracts.rovers import canonical_rover
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mm_dashboard import queries
from mm_dashboard.context import Context, context
from mm_dashboard.export import csv_lines
from mm_dashboard.marstime import clock
from mm_dashboard.snapshots import Reading
from mm_dashboard.solmap import STATES, bands, counts
from mm_dashboard.warehouse import Row

SHOWN = 24
"""Pictures of one camera on a sol's page; the rest is a link away."""
FEW = 5
"""Cameras with fewer pictures share a row."""


async def _bands(parts: Context) -> Reading[list[dict[str, Any]]]:
    async def load() -> list[dict[str, Any]]:
        sols, rovers = await asyncio.gather(parts.warehouse.rows(queries.SOLS), parts.warehouse.rows(queries.ROVERS))
        return bands(sols, rovers)

    return await parts.snapshots.get("solmap", load, patience=5)


async def sols(request: Request) -> Response:
    """Answer with the heat map's page."""
    parts = context(request)
    reading, gaps = await asyncio.gather(_bands(parts), parts.read(queries.GAPS))
    chosen = request.query_params.get("rover", "").capitalize()
    return parts.pages.page(
        request,
        "sols.html",
        bands=[
            {"rover": band["rover"], "last": len(band["states"]) - 1, "counts": counts(band)}
            for band in reading.value or []
        ],
        reading=reading,
        loading=reading.is_loading,
        gaps=[gap for gap in gaps.value or [] if chosen in ("", gap["rover_name"])],
        states=STATES,
        chosen=chosen,
    )


async def solmap(request: Request) -> Response:
    """Answer with all sols' states, for the drawing."""
    reading = await _bands(context(request))
    if reading.value is None:
        return JSONResponse({"problem": reading.problem or "still being read"}, 503, headers={"Retry-After": "2"})
    return JSONResponse(reading.value, headers={"Cache-Control": "private, no-cache"})


async def gaps_csv(request: Request) -> Response:
    """Answer with every gap, as a file."""
    reading = await context(request).read(queries.ALL_GAPS)
    if reading.value is None:
        raise HTTPException(503, reading.problem or "still being read")
    headers = {"Content-Disposition": 'attachment; filename="gaps.csv"'}
    return StreamingResponse(csv_lines(reading.value), media_type="text/csv", headers=headers)


async def sol(request: Request) -> Response:
    """Answer with one sol's page."""
    parts = context(request)
    try:
        rover = canonical_rover(request.path_params["rover"])
    except ValueError:
        raise HTTPException(404, "There is no rover of that name.") from None
    number = int(request.path_params["sol"])
    names = (
        "promise",
        "gap",
        "outcomes",
        "schedules",
        "activity",
        "drives",
        "photos",
        "before",
        "after",
        "loads",
        "gold",
        "built",
    )
    questions = (
        queries.PROMISE, queries.GAP, queries.OUTCOMES, queries.SCHEDULES, queries.ACTIVITY, queries.DRIVES_OF_SOL,
        queries.PHOTOS_OF_SOL, queries.SOL_BEFORE, queries.SOL_AFTER, queries.LOADS_OF_SOL,
        queries.IN_GOLD,
    )  # fmt: skip
    asked = (*(parts.read(q, rover, number) for q in questions), parts.read(queries.BUILT))
    readings = dict(zip(names, await asyncio.gather(*asked), strict=True))
    found: dict[str, list[Row]] = {name: reading.value or [] for name, reading in readings.items()}
    parts.remember(found["photos"][:500])
    first: dict[str, Any] = {
        name: next(iter(found[name]), None) for name in ("promise", "gap", "activity", "gold", "built")
    }
    lists: dict[str, Any] = {name: found[name] for name in ("outcomes", "schedules", "drives", "photos")}
    # A sol that nobody knows and nobody asked for is no page; while the warehouse is away nothing can be said of it.
    problem = next((reading for reading in readings.values() if reading.problem), None)
    loading = any(reading.is_loading for reading in readings.values())
    known = any(found[name] for name in ("promise", "outcomes", "schedules", "photos", "drives"))
    if not (problem or loading or known):
        raise HTTPException(404, f"Nothing in the archive speaks of sol {number} of {rover}.")
    cameras = by_camera([row for row in found["photos"] if row["is_listed"]])
    return parts.pages.page(
        request,
        "sol.html",
        rover=rover,
        sol=number,
        cameras=cameras,
        shown=SHOWN,
        clock=clock,
        problem=problem,
        before=(found["before"] or [{}])[0].get("sol"),
        after=(found["after"] or [{}])[0].get("sol"),
        loading=loading,
        few=[row for _, rows in cameras if len(rows) < FEW for row in rows],
        many=[(name, rows) for name, rows in cameras if len(rows) >= FEW],
        loaded={row["object_key"]: row for row in found["loads"]},
        **first,
        **lists,
        live_plans=[plan for plan in (await parts.cluster.look()).plans if plan.is_live],
    )


def by_camera(photos: list[Row]) -> list[tuple[str, list[Row]]]:
    """Return a sol's pictures by camera, full frames before thumbnails, each camera's by time."""
    cameras: dict[str, list[Row]] = {}
    for row in sorted(photos, key=lambda row: bool(row["is_thumbnail"])):
        cameras.setdefault(row["camera_name"], []).append(row)
    return sorted(cameras.items())
