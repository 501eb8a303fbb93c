"""The first page: each rover, what runs, what needs a person. Its parts renew themselves while it is open."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard import queries
from mm_dashboard.attention import at_work, needs_a_person
from mm_dashboard.context import Context, context
from mm_dashboard.marstime import MarsTime, mars_time
from mm_dashboard.snapshots import Reading
from mm_dashboard.warehouse import Row

PARTS = ("attention", "now", "rovers", "sources")
"""Fragments of the page that renew themselves; each has a template of its name."""


@dataclass(frozen=True, slots=True)
class Card:
    """One rover."""

    row: Row
    newest: Row | None
    gaps: list[Row]
    local: MarsTime | None = field(default=None)
    """The time at an active rover's place."""


def cards(rovers: Sequence[Row], newest: Sequence[Row], gaps: Sequence[Row], now: datetime) -> list[Card]:
    """Return a card for each rover."""
    pictures = {row["rover_name"]: row for row in newest}
    return [
        Card(
            row,
            pictures.get(row["rover_name"]),
            [gap for gap in gaps if gap["rover_name"] == row["rover_name"]],
            mars_time(now, float(row["midnight0_unix"])) if row["rover_status"] == "active" else None,
        )
        for row in rovers
    ]


async def values(parts: Context) -> dict[str, Any]:
    """Return everything that the page's templates ask for."""
    state, rovers, gaps, newest, built, sources = await asyncio.gather(
        parts.cluster.look(),
        parts.read(queries.ROVERS),
        parts.read(queries.GAPS),
        parts.read(queries.NEWEST),
        parts.read(queries.BUILT),
        parts.read(queries.SOURCES),
    )
    parts.remember(newest.value or [])
    now = datetime.now(UTC)
    build = (built.value or [{}])[0]
    totals = {
        name: sum(int(row[name] or 0) for row in rovers.value or [])
        for name in ("sols_promised", "sols_archived", "photos_promised", "photos_archived", "gaps", "gaps_due")
    }
    problems: list[Reading[Any]] = [reading for reading in (rovers, gaps, newest, sources) if reading.problem]
    return {
        "state": state,
        "rovers": rovers,
        "cards": cards(rovers.value or [], newest.value or [], gaps.value or [], now),
        "totals": totals,
        "attention": needs_a_person(state, gaps.value or [], build.get("tests"), now),
        "now": at_work(state),
        "sources": sources.value or [],
        "built_at": build.get("built_at"),
        "problem": problems[0] if problems else None,
    }


async def overview(request: Request) -> Response:
    """Answer with the page."""
    parts = context(request)
    return parts.pages.page(request, "overview.html", **await values(parts))


async def fragments(parts: Context, _query: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of the page by name, as they are now."""
    known = await values(parts)
    return {name: parts.pages.fragment(f"parts/{name}.html", **known) for name in PARTS}
