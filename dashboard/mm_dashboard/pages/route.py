"""The traverse of a rover."""

import asyncio

from mm_contracts.rovers import TRAVERSE_ROVERS, canonical_rover
from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard import queries
from mm_dashboard.context import context
from mm_dashboard.snapshots import Reading
from mm_dashboard.traverse import Drawing, draw


async def route(request: Request) -> Response:
    """Answer with the drawing of a rover's drives."""
    parts = context(request)
    try:
        rover = canonical_rover(request.query_params.get("rover", TRAVERSE_ROVERS[0]))
    except ValueError:
        rover = TRAVERSE_ROVERS[0]

    async def load() -> list[Drawing | None]:
        points, spots = await asyncio.gather(
            parts.warehouse.rows(queries.ROUTE, (rover,)), parts.warehouse.rows(queries.SPOTS, (rover,))
        )
        return [draw(points, spots)]

    reading: Reading[list[Drawing | None]] = await parts.snapshots.get(("route", rover), load, patience=5)
    return parts.pages.page(
        request,
        "route.html",
        rover=rover,
        rovers=TRAVERSE_ROVERS,
        drawing=reading.value[0] if reading.value else None,
        reading=reading,
        loading=reading.is_loading,
    )
