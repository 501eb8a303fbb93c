"""Data tests, and from each table to what it came from."""

import json
from typing import Any, Final

from mm_contracts.keys import DOCS_PAGE, LINEAGE
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard import queries
from mm_dashboard.context import Context, context
from mm_dashboard.snapshots import Reading
from mm_dashboard.warehouse import NotBuilt

LAYERS: Final = ("gold", "silver", "reference", "staging", "bronze")
# dbt's page holds its scripts in itself and builds functions from text. It may do so, in a world of its own: sandboxed
# it has no origin, so that it can neither read our pages nor act as who looks at it.
FRAME_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def runs(text: object) -> list[dict[str, str]]:
    """Return the last runs of a test, newest first, from its HISTORY: lines of time, status, rows found and run."""
    found = []
    for line in str(text or "").splitlines():
        at, status, failures, run, *_ = [*line.split(" "), "", "", ""]
        if run:
            found.append({"at": at, "status": status, "failures": failures, "run": run})
    return found


def broken(text: object) -> tuple[list[str], list[list[Any]]]:
    """Return (columns, rows) that break a test, from its BROKEN_ROWS."""
    try:
        body = json.loads(str(text)) if text else {}
        return [str(name) for name in body["columns"]], [list(row) for row in body["rows"]]
    except (ValueError, KeyError, TypeError):
        return [], []


async def tests(request: Request) -> Response:
    """Answer with how each data test went."""
    parts = context(request)
    reading = await parts.read(queries.TESTS)
    rows = [row | {"runs": runs(row["history"]), "broken": broken(row["broken_rows"])} for row in reading.value or []]
    return parts.pages.page(
        request,
        "tests.html",
        bad=[row for row in rows if not row["is_good"]],
        warned=[row for row in rows if row["is_good"] and row["status"] == "warn"],
        good=[row for row in rows if row["is_good"] and row["status"] != "warn"],
        reading=reading,
        loading=reading.is_loading,
    )


async def _tables(parts: Context) -> Reading[list[dict[str, Any]]]:
    async def load() -> list[dict[str, Any]]:
        body = await parts.store.read(LINEAGE)
        if body is None:
            raise NotBuilt("No transform run has written the lineage yet.")
        found = json.loads(body)
        return [one for one in found if isinstance(one, dict)]

    return await parts.snapshots.get("lineage", load)


async def lineage(request: Request) -> Response:
    """Answer with each table and what it came from."""
    parts = context(request)
    reading = await _tables(parts)
    known = reading.value or []
    readers: dict[str, list[str]] = {}
    for one in known:
        for name in one["from"]:
            readers.setdefault(name, []).append(one["name"])
    layers = [(layer, [one for one in known if one["layer"] == layer]) for layer in LAYERS]
    return parts.pages.page(
        request,
        "lineage.html",
        layers=[(layer, tables) for layer, tables in layers if tables],
        readers=readers,
        reading=reading,
        loading=reading.is_loading,
    )


async def models_page(request: Request) -> Response:
    """Answer with dbt's page of the models, for a frame."""
    body = await context(request).store.read(DOCS_PAGE)
    if body is None:
        raise HTTPException(404, "No page has been made yet: the next transform run that ends well makes one.")
    headers = {"Content-Security-Policy": FRAME_POLICY, "Cache-Control": "private, no-cache"}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)
