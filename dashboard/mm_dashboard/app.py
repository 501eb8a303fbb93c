"""The web application: routes, headers, and what is said when something goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from mm_contracts.origins import Origins
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mm_dashboard.actions import Actions
from mm_dashboard.bucket import Store
from mm_dashboard.cluster import Cluster
from mm_dashboard.context import Context, context
from mm_dashboard.deadletters import Mail
from mm_dashboard.kube import Kube
from mm_dashboard.live import Live
from mm_dashboard.mirror import Mirror
from mm_dashboard.pages import acting, alerts, gallery, images, letters, lineage, overview, route, sols, videos, work
from mm_dashboard.pictures import Fetcher, Gallery
from mm_dashboard.render import HEADERS, Assets, Pages
from mm_dashboard.settings import Settings
from mm_dashboard.snapshots import Snapshots
from mm_dashboard.visitors import Doorkeeper
from mm_dashboard.warehouse import Away, NotBuilt, Warehouse

TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class SafeHeaders:
    """Adds the headers that every answer carries, where the answer does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)


def build(
    settings: Settings,
    warehouse: Warehouse,
    kube: Kube,
    store: Store,
    mail: Mail,
    close: Callable[[], None] = lambda: None,
) -> Starlette:
    """Return the application over its readers; ``close`` is called at its end."""
    assets = Assets()
    cluster = Cluster(kube, settings.release)
    door, actions = Doorkeeper(settings), Actions(kube, settings.namespace, settings.release)
    pages = Pages(assets, lambda request: {"settings": settings, "visitor": door.visitor(request)})
    shown = Gallery(Fetcher(Origins(settings.picture_origins, settings.sources, settings.picture_sources)), store)
    parts = Context(
        settings,
        warehouse,
        kube,
        cluster,
        Snapshots(cluster.version),
        pages,
        shown,
        door,
        actions,
        mail,
        store,
        Mirror(store),
    )

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in assets.files:
            raise HTTPException(404)
        media = TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(assets.files[name], media_type=media, headers=headers)

    async def health(_: Request) -> Response:
        # Whether warehouse or API server answer is nobody's health: the pages say so, and stay useful.
        return PlainTextResponse("ok\n")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # The first visitor shall not wait for what everybody sees.
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(overview.values(parts))]
        if settings.operator_url:
            tasks.append(asyncio.create_task(alerts.keep_watch(parts)))
        yield
        for task in tasks:
            task.cancel()
        shown.close()
        close()

    app = Starlette(
        routes=[
            Route("/", overview.overview),
            Route("/sols", sols.sols),
            Route("/sols.json", sols.solmap),
            Route("/gaps.csv", sols.gaps_csv),
            Route("/sols/{rover}/{sol:int}", sols.sol),
            Route("/pictures", gallery.gallery),
            Route("/frames.json", gallery.frames),
            Route("/pictures.csv", gallery.gallery_csv),
            Route("/pictures/{rover}/{sol:int}/{name}", gallery.picture),
            Route("/videos", videos.videos),
            Route("/videos/{rover}/{file}", videos.video),
            Route("/route", route.route),
            Route("/work", work.work),
            Route("/work/plans/{plan}", work.plan),
            Route("/work/jobs/{job}", work.job),
            Route("/alerts", alerts.alerts),
            Route("/letters", letters.letters),
            Route("/letters/{topic}/{partition:int}/{offset:int}", letters.letter),
            Route("/tests", lineage.tests),
            Route("/lineage", lineage.lineage),
            Route("/lineage/models", lineage.models_page),
            Route("/sign-in", acting.sign_in, methods=["GET", "POST"]),
            Route("/sign-out", acting.sign_out, methods=["POST"]),
            Route("/actions/{verb}", acting.act, methods=["POST"]),
            Route("/thumbnails/{rover}/{sol:int}/{name}", images.thumbnail),
            Route("/originals/{rover}/{sol:int}/{name}", images.original),
            Route("/live/{page}", Live().stream),
            Route("/static/{digest}/{name}", static),
            Route("/healthz", health),
        ],
        middleware=[Middleware(SafeHeaders), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers={404: _not_found, 503: _not_now, Away: _not_now, NotBuilt: _not_now, 500: _broken},
        lifespan=lifespan,
    )
    app.state.context = parts
    return app


async def _not_found(request: Request, problem: Exception) -> Response:
    said = getattr(problem, "detail", "")
    sentence = said if said and said != "Not Found" else "There is nothing at this address."
    return _trouble(request, 404, "Not found", sentence)


async def _not_now(request: Request, problem: Exception) -> Response:
    return _trouble(request, 503, "Not now", f"{getattr(problem, 'detail', problem)} Try again in a moment.")


async def _broken(request: Request, _: Exception) -> Response:
    return _trouble(request, 500, "Something went wrong", "This page could not be made. The dashboard's log says why.")


def _trouble(request: Request, status: int, title: str, sentence: str, **more: Any) -> Response:
    return context(request).pages.page(request, "trouble.html", status, title=title, sentence=sentence, **more)
