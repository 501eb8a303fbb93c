"""Conditional requests: ETag and Last-Modified where the real source offers them, and 304 for who has it already."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime
from hashlib import blake2b

from starlette.datastructures import Headers
from starlette.responses import Response

# Rails and marsvista tag what they send by its content; plain files also have a date.
_TAGGED = {"nasa-v1", "nebulum", "marsvista-v2", "mmgis", "image"}


def conditional(response: Response, flavour: str, modified: float | None, headers: Headers) -> Response:
    """The response with its validators, or 304 if the request shows that the caller has it.

    ``modified`` (Unix s) is when a plain file last changed.
    """
    if response.status_code != 200 or flavour not in _TAGGED:
        return response
    weak = "" if modified is not None else "W/"
    tag = f'{weak}"{blake2b(bytes(response.body), digest_size=16).hexdigest()}"'
    response.headers["ETag"] = tag
    if modified is not None:
        response.headers["Last-Modified"] = formatdate(modified, usegmt=True)
    else:
        response.headers["Cache-Control"] = "max-age=0, private, must-revalidate"
    if not _has_it(tag, modified, headers):
        return response
    kept = {n: v for n, v in response.headers.items() if n in ("etag", "last-modified", "cache-control")}
    return Response(status_code=304, headers=kept)


def _has_it(tag: str, modified: float | None, headers: Headers) -> bool:
    """RFC 9110: If-None-Match counts where it is given, and only else If-Modified-Since."""
    given = headers.get("if-none-match")
    if given is not None:
        offered = {part.strip().removeprefix("W/") for part in given.split(",")}
        return "*" in offered or tag.removeprefix("W/") in offered
    since = headers.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return int(modified) <= parsedate_to_datetime(since).timestamp()
    except ValueError:
        return False
