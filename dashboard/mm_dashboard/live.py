"""Server-sent events: the parts of an open page, each sent again when it has changed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from mm_dashboard.context import Context, context
from mm_dashboard.pages import alerts, overview, work

Source = Callable[[Context, Mapping[str, str]], Awaitable[dict[str, str]]]

SOURCES: Final[dict[str, Source]] = {
    "overview": overview.fragments,
    "work": work.fragments,
    "job": work.log_fragments,
    "alerts": alerts.fragments,
}
"""What each live page is made of; the page's parameters are those of the stream."""
PERIOD: Final = 2.0
"""Seconds between two looks."""
LIFE: Final = 900.0
"""A stream ends after so many seconds; the browser opens the next by itself, and a forgotten tab costs one request."""
WATCHERS: Final = 50
"""Streams at a time: each costs a look every PERIOD seconds."""


def event(name: str, text: str) -> str:
    """Return one event of the stream."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


async def changes(
    look: Callable[[], Awaitable[Mapping[str, str]]], period: float = PERIOD, life: float = LIFE
) -> AsyncIterator[str]:
    """Yield events for what differs from what was sent before; a comment where nothing does, so that a closed
    connection is noticed."""
    sent: dict[str, str] = {}
    yield f"retry: {int(period * 1000)}\n\n"
    for _ in range(max(1, int(life / period))):
        seen = await look()
        changed = {name: text for name, text in seen.items() if sent.get(name) != text}
        sent |= changed
        yield "".join(event(name, text) for name, text in changed.items()) or ": nothing new\n\n"
        await asyncio.sleep(period)


class Live:
    """The streams of one process."""

    def __init__(self) -> None:
        self._open = 0

    async def stream(self, request: Request) -> Response:
        """Answer with the stream of a page."""
        source = SOURCES.get(request.path_params["page"])
        if source is None:
            return PlainTextResponse("There is no such stream.\n", 404)
        if self._open >= WATCHERS:
            return PlainTextResponse("Too many pages are open: try again later.\n", 503, {"Retry-After": "30"})
        parts, query = context(request), dict(request.query_params)

        async def events() -> AsyncIterator[str]:
            self._open += 1
            try:
                async for text in changes(lambda: source(parts, query)):
                    yield text
            finally:
                self._open -= 1

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
