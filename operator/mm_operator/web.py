"""The operator's HTTP port: probes, metrics and the source gate."""

from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import generate_latest

from mm_operator.health import Health
from mm_operator.metrics import REGISTRY


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
        text = "ok\n" if health.ready else "still reading what the cluster holds\n"
        return web.Response(status=200 if health.ready else 503, text=text)

    async def metrics(_request: web.Request) -> web.Response:
        refresh()
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application(client_max_size=64 * 1024)
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics), *routes])
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
