"""How a fault spoils an answer on its way out."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mm_simulator.shell.bodies import application_error, gone, host_error, page
from mm_simulator.shell.connections import cut
from mm_simulator.shell.fault_spec import Fault

_PHRASES = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

_GATEWAY_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-api-umbrella-request-id")


async def damaged(fault: Fault | None, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response, or what the fault makes of it.

    Raises ConnectionResetError where a connection should be cut and there is none (an application under test).
    """
    if fault is None or fault.kind == "rate_limit":
        await response(scope, receive, send)
    elif fault.kind == "reset":
        await _cut(scope, receive, reset=True)
    elif fault.kind == "truncated":
        await _truncate(fault, response, scope, receive, send)
    else:
        replacement = _replacement(fault)
        for name in _GATEWAY_HEADERS:
            if name in response.headers:
                replacement.headers[name] = response.headers[name]
        await replacement(scope, receive, send)


def _replacement(fault: Fault) -> Response:
    if fault.kind == "gone":
        return gone()
    status: int = fault.parameters.get("status", 500)
    body = fault.parameters.get("body", "html")
    phrase = _PHRASES.get(status, "Error")
    if body == "heroku":
        answer = host_error()
        answer.status_code = status if "status" in fault.parameters else 503
        return answer
    if body == "html":
        return page(status, f"{status} {phrase}", "We're sorry, but something went wrong.")
    return application_error(status, phrase, "application/json" if body == "json" else "text/html")


async def _truncate(fault: Fault, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the first part of the body: as if that were all, or less than was announced and then nothing."""
    whole = bytes(response.body)
    part = whole[: int(len(whole) * fault.parameters.get("fraction", 0.5))]
    if fault.parameters.get("mode", "json") == "json":
        short = Response(part, response.status_code)
        short.raw_headers = [
            (name, str(len(part)).encode() if name == b"content-length" else value)
            for name, value in response.raw_headers
        ]
        await short(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": part, "more_body": True})
    await _cut(scope, receive, reset=False)


async def _cut(scope: Scope, receive: Receive, reset: bool) -> None:
    if not cut(scope.get("client"), reset):
        raise ConnectionResetError("this connection cannot be cut, so the request ends here")
    while (await receive())["type"] != "http.disconnect":
        pass
