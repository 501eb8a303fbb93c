"""The operator's HTTP port: probes, metrics and the source gate, in a thread and an event loop of their own."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest

from mm_operator.health import Health
from mm_operator.metrics import REGISTRY

log = logging.getLogger(__name__)


async def serve(
    port: int, health: Health, refresh: Callable[[], None], routes: Iterable[web.RouteDef]
) -> web.AppRunner:
    """Listen on all addresses and return the runner, whose ``cleanup`` stops it.

    Args:
        port: TCP port; 0 takes a free one.
        health: what the probes answer from.
        refresh: brings gauges up to date before metrics are written.
        routes: further routes.
    """

    async def healthz(_request: web.Request) -> web.Response:
        problems = health.problems()
        return web.Response(status=503 if problems else 200, text="\n".join(problems or ["ok"]) + "\n")

    async def readyz(_request: web.Request) -> web.Response:
        reasons = health.waiting_for() if health.ready else ["still reading what the cluster holds"]
        return web.Response(status=503 if reasons else 200, text="\n".join(reasons or ["ok"]) + "\n")

    async def metrics(_request: web.Request) -> web.Response:
        refresh()
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application(client_max_size=64 * 1024)
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics), *routes])
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner


def queue_route(queue: Callable[[], Mapping[str, Any]]) -> web.RouteDef:
    """Return the route that tells who waits for a slot: told on demand, for a place changes whenever another's does."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(queue())

    return web.get("/v1/queue", answer)


class WebThread:
    """Serves in a thread: what it answers waits for nothing that the operator's own event loop does."""

    def __init__(
        self,
        start: Callable[[], Awaitable[web.AppRunner]],
        work: Callable[[], Awaitable[None]],
        ended: Callable[[], None],
    ) -> None:
        """Take what starts to listen, what is to be done beside for ever, and whom to tell of an end by itself."""
        self._start, self._work, self._ended = start, work, ended
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Begin to listen. Raises OSError where that cannot be."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self, seconds: float) -> None:
        """Stop listening, and wait for that no longer than so."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            if self._ready.is_set():
                log.exception("the web server failed")
                self._ended()
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = await self._start()
        work = asyncio.ensure_future(self._work())
        stop = asyncio.ensure_future(self._stop.wait())
        self._ready.set()
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            stop.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)
            await runner.cleanup()
