"""The web application: routes, and the sweep of silent sessions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mm_warehouse.engine import Engine
from mm_warehouse.http.login import Login
from mm_warehouse.http.messages import success
from mm_warehouse.http.query import Queries
from mm_warehouse.http.running import Statements
from mm_warehouse.http.stages import Stages
from mm_warehouse.locks import TableLocks
from mm_warehouse.session import Sessions
from mm_warehouse.settings import Settings

logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 5.0


def build_app(settings: Settings, engine: Engine) -> Starlette:
    """The application over an open engine. The caller closes the engine after the application has ended."""
    sessions = Sessions(engine, TableLocks(settings.lock_timeout))
    statements = Statements(settings.statement_wait)
    login = Login(settings, sessions)
    stages = Stages(engine)
    queries = Queries(sessions, statements, stages)

    async def health(_: Request) -> Response:
        ready = await run_in_threadpool(engine.ready)
        return JSONResponse({"ready": ready, "sessions": len(sessions)}, status_code=200 if ready else 503)

    async def ignored(_: Request) -> Response:
        return success(None)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sweeper = asyncio.ensure_future(_sweep(sessions, settings))
        try:
            yield
        finally:
            sweeper.cancel()
            statements.close()
            await run_in_threadpool(sessions.close_all)

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/healthz", health, methods=["GET"]),
            Route("/session/v1/login-request", login.login, methods=["POST"]),
            Route("/session/heartbeat", login.end_or_touch, methods=["POST"]),
            Route("/session", login.end_or_touch, methods=["POST"]),
            Route("/queries/v1/query-request", queries.query, methods=["POST"]),
            Route("/queries/v1/abort-request", queries.abort, methods=["POST"]),
            Route("/queries/{request_id}/result", queries.result, methods=["GET"]),
            Route("/stages/{path:path}", stages.upload, methods=["PUT"]),
            Route("/telemetry/send", ignored, methods=["POST"]),
        ],
    )


async def _sweep(sessions: Sessions, settings: Settings) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            rolled_back, closed = await run_in_threadpool(
                sessions.sweep, settings.idle_transaction, settings.idle_session
            )
        except Exception:
            logger.exception("sweep of silent sessions failed; trying again")
            continue
        if rolled_back or closed:
            logger.warning("rolled back %d forgotten transactions, closed %d silent sessions", rolled_back, closed)
