"""Login, logout and heartbeat."""

from __future__ import annotations

import hmac
import logging
import secrets
from typing import Any

from fakesnow.expr import normalise_ident
from fakesnow.transforms import SERVER_VERSION
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mm_warehouse import search_path
from mm_warehouse.errors import SqlError
from mm_warehouse.http.messages import failure, read_json, success, token_of
from mm_warehouse.session import Session, Sessions
from mm_warehouse.settings import Settings

logger = logging.getLogger(__name__)

_HOUR = 3600


class Login:
    """The handlers of a session's beginning and end."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._owner = (settings.user.lower().encode(), settings.password.encode())
        self._reader = (settings.reader_user.lower().encode(), settings.reader_password.encode())
        self._sessions = sessions

    async def login(self, request: Request) -> Response:
        """POST /session/v1/login-request"""
        try:
            data = (await read_json(request)).get("data") or {}
            read_only = self._check(data)
            session = await run_in_threadpool(self._sessions.open, *_namespace(request), read_only)
            parameters = data.get("SESSION_PARAMETERS") or {}
            if path := search_path.value_of(str(parameters.get("SEARCH_PATH") or "")):
                await run_in_threadpool(session.set_search_path, path)
        except SqlError as error:
            return failure(error)
        session.connection.commits_itself = bool(parameters.get("AUTOCOMMIT", True))
        logger.info("login: session %d, %d open", session.id, len(self._sessions))
        return success(_welcome(session, data, request))

    def _check(self, data: dict[str, Any]) -> bool:
        """Return whether who logs in may only read."""
        user = str(data.get("LOGIN_NAME") or "").lower().encode()
        password = str(data.get("PASSWORD") or "").encode()
        # All are compared always, so that the time taken tells nothing about which was wrong.
        owner, reader = (
            hmac.compare_digest(user, known) & hmac.compare_digest(password, secret) & bool(known and secret)
            for known, secret in (self._owner, self._reader)
        )
        if not (owner or reader):
            logger.warning("login refused")
            raise SqlError("390100", "08001", "Incorrect username or password was specified.")
        return not owner

    async def end_or_touch(self, request: Request) -> Response:
        """POST /session (with ?delete=true: log out) and POST /session/heartbeat"""
        try:
            session = self._sessions.get(token_of(request))
        except SqlError as error:
            return failure(error)
        if request.query_params.get("delete"):
            await run_in_threadpool(self._sessions.close, session)
        return success(None)


def _namespace(request: Request) -> tuple[str | None, str | None]:
    database, schema = (request.query_params.get(name) for name in ("databaseName", "schemaName"))
    return (normalise_ident(database) if database else None, normalise_ident(schema) if schema else None)


def _welcome(session: Session, data: dict[str, Any], request: Request) -> dict[str, Any]:
    return {
        "token": session.token,
        "validityInSeconds": 24 * _HOUR,
        # The session's token never expires while it is used, so there is nothing to renew with the master token.
        "masterToken": secrets.token_urlsafe(32),
        "masterValidityInSeconds": 7 * 24 * _HOUR,
        "sessionId": session.id,
        "displayUserName": data.get("LOGIN_NAME"),
        "serverVersion": SERVER_VERSION,
        "firstLogin": False,
        "remMeToken": None,
        "remMeValidityInSeconds": 0,
        "healthCheckInterval": 45,
        "newClientForUpgrade": None,
        "mfaToken": None,
        "mfaTokenValidityInSeconds": 0,
        "idToken": None,
        "idTokenValidityInSeconds": 0,
        "responseData": None,
        "parameters": [
            {"name": "AUTOCOMMIT", "value": session.connection.commits_itself},
            {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": _HOUR},
            # 0 keeps the values of executemany in the statement's request: there is no stage for them.
            {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
            {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
            {"name": "TIMEZONE", "value": "Etc/UTC"},
        ],
        "sessionInfo": {
            "databaseName": session.connection.database,
            "schemaName": session.connection.schema,
            "warehouseName": request.query_params.get("warehouse"),
            "roleName": request.query_params.get("roleName"),
        },
    }
