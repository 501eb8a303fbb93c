"""Answers that are not the API's data: the gateway's errors, the application's, and those of a host that is away."""

from __future__ import annotations

import json
from html import escape

from starlette.responses import Response

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"

KEY_MISSING = (403, "API_KEY_MISSING", "No api_key was supplied. Get one at https://api.nasa.gov:443")
KEY_INVALID = (403, "API_KEY_INVALID", "An invalid api_key was supplied. Get one at https://api.nasa.gov:443")
OVER_LIMIT = (
    429,
    "OVER_RATE_LIMIT",
    "You have exceeded your rate limit. Try again later or contact us at "
    "https://api.nasa.gov:443/contact/ for assistance",
)
NOT_FOUND = (404, "NOT_FOUND", "The requested URL was not found on this server.")

Problem = tuple[int, str, str]

_FORMATS = {"json": "application/json", "xml": "application/xml", "csv": "text/csv", "html": "text/html"}


def error_format(path: str, argument: str | None, accept: str) -> str:
    """The gateway's choice of json, xml, csv or html: by extension, else argument, else Accept, else json."""
    extension = path.rpartition("/")[2].rpartition(".")[2].lower() if "." in path else ""
    if extension in _FORMATS:
        return extension
    if argument and argument.lower() in _FORMATS:
        return argument.lower()
    for part in accept.split(","):
        media = part.split(";")[0].strip().lower()
        for name, kind in _FORMATS.items():
            if media in (kind, kind.replace("application/xml", "text/xml")):
                return name
    return "json"


def gateway_error(problem: Problem, form: str) -> Response:
    """An error of the gateway in one of its four formats."""
    status, code, message = problem
    if form == "xml":
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<response>\n  <error>\n    <code>'
            f"{escape(code)}</code>\n    <message>{escape(message)}</message>\n  </error>\n</response>\n"
        )
    elif form == "csv":
        text = f"Error Code,Error Message\n{code},{message}\n"
    elif form == "html":
        text = f"<html>\n  <body>\n    <h1>{escape(code)}</h1>\n    <p>{escape(message)}</p>\n  </body>\n</html>\n"
    else:
        text = json.dumps({"error": {"code": code, "message": message}}, separators=(",", ":"))
    media = _FORMATS[form] if form == "json" else f"{_FORMATS[form]}; charset=utf-8"
    return Response(text, status, media_type=media)


def application_error(status: int, phrase: str, accept: str) -> Response:
    """An error of the application behind the gateway: JSON if that is wanted, else an empty HTML page."""
    if "application/json" in accept:
        body = json.dumps({"status": status, "error": phrase}, separators=(",", ":"))
        return Response(body, status, headers={"content-type": JSON})
    return Response(b"", status, headers={"content-type": HTML})


def page(status: int, title: str, text: str) -> Response:
    """A small HTML page, as hosts send when the application is not there."""
    body = (
        f"<!DOCTYPE html>\n<html>\n  <head>\n    <title>{escape(title)}</title>\n  </head>\n  <body>\n"
        f"    <h1>{escape(title)}</h1>\n    <p>{escape(text)}</p>\n  </body>\n</html>\n"
    )
    return Response(body, status, headers={"content-type": HTML})


def host_error() -> Response:
    """The host's answer when the application is down."""
    return page(503, "Application error", "An error occurred in the application and your page could not be served.")


def gone() -> Response:
    """The host's answer once the application has been removed."""
    return page(404, "No such app", "There is no app configured at that hostname.")
