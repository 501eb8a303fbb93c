"""Timelapses: listed, and played from the bucket."""

import re
from typing import Final

from mm_contracts.keys import VIDEOS
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard.context import context
from mm_dashboard.mirror import VIDEO

AT_ONCE: Final = 2_000_000
"""Bytes of one answer: a browser asks for the next by itself."""
_RANGE: Final = re.compile(r"bytes=([0-9]{1,12})-([0-9]{0,12})")


async def videos(request: Request) -> Response:
    """Answer with the list."""
    parts = context(request)
    return parts.pages.page(request, "videos.html", videos=await parts.mirror.videos())


async def video(request: Request) -> Response:
    """Answer with the part of a video that the browser asks for."""
    key = f"{VIDEOS}/{request.path_params['rover']}/{request.path_params['file']}"
    if not VIDEO.fullmatch(key):
        raise HTTPException(404, "There is no video of that name.")
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    first = int(asked[1]) if asked else 0
    last = min(int(asked[2]) if asked and asked[2] else first + AT_ONCE - 1, first + AT_ONCE - 1)
    found = await context(request).store.part(key, first, last)
    if found is None:
        raise HTTPException(404, "There is no such video, or no such part of it.")
    body, total = found
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=3600"}
    if not asked and len(body) == total:
        return Response(body, media_type="video/mp4", headers=headers)
    headers["Content-Range"] = f"bytes {first}-{first + len(body) - 1}/{total}"
    return Response(body, 206, media_type="video/mp4", headers=headers)
