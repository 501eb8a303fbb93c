"""Reading requests and writing answers in the protocol's form."""

from __future__ import annotations

import gzip
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from mm_warehouse.errors import SqlError

_TOKEN_PREFIX = 'Snowflake Token="'


async def read_json(request: Request) -> dict[str, Any]:
    """The request's body, which clients may gzip.

    Raises:
        SqlError: it is not a JSON object.
    """
    body = await request.body()
    try:
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        value = json.loads(body or b"{}")
    except (OSError, ValueError, EOFError) as error:
        raise SqlError("390400", "22000", "The request's body is not JSON.") from error
    if not isinstance(value, dict):
        raise SqlError("390400", "22000", "The request's body is not a JSON object.")
    return value


def token_of(request: Request) -> str | None:
    """The session token in the Authorization header, if there is one."""
    header = request.headers.get("Authorization", "")
    return header[len(_TOKEN_PREFIX) : -1] if header.startswith(_TOKEN_PREFIX) else None


def success(data: Any) -> JSONResponse:
    """An answer that carries `data`."""
    return JSONResponse({"data": data, "code": None, "message": None, "success": True})


def failure(error: SqlError, query_id: str = "") -> JSONResponse:
    """An SQL error. Status 200: clients repeat on 4xx and 5xx, for minutes, what would only fail again."""
    data = {"errorCode": error.code, "sqlState": error.sqlstate, "queryId": query_id, "nextAction": None}
    return JSONResponse({"data": data, "code": error.code, "message": error.message, "success": False, "headers": None})
