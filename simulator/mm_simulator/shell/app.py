"""The whole simulator as one ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from mm_simulator.archive import Archive
from mm_simulator.captures import Captures, load_captures
from mm_simulator.clock import SimClock
from mm_simulator.core.profiles import PROFILES, Profile
from mm_simulator.core.release import Release
from mm_simulator.core.tables import real_manifests
from mm_simulator.core.world import World
from mm_simulator.settings import Settings
from mm_simulator.shell.bodies import NOT_FOUND, application_error, error_format, gateway_error
from mm_simulator.shell.conditional import conditional
from mm_simulator.shell.control import PREFIX, Control
from mm_simulator.shell.damage import damaged
from mm_simulator.shell.faults import FaultBook, Strike
from mm_simulator.shell.gateway import Gateway
from mm_simulator.shell.images import Images
from mm_simulator.shell.limits import VistaKeys, retry_after, too_many
from mm_simulator.shell.m20_feed import M20Feed
from mm_simulator.shell.mmgis import Layers
from mm_simulator.shell.msl_feed import MslFeed
from mm_simulator.shell.requestlog import RequestLog
from mm_simulator.shell.target import Target, classify
from mm_simulator.shell.v1 import PhotosApi
from mm_simulator.shell.vista import VistaV1
from mm_simulator.shell.vista_v2 import VistaV2

_NEBULUM_SHIFT = 2_000_000  # between NASA's ids and those of a host that counted anew
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET"}


class Simulator:
    """An ASGI application. ``real_now`` (Unix s) and ``steady`` (s) are the real clocks, ``pause`` waits."""

    def __init__(
        self,
        settings: Settings,
        real_now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        world: World | None = None,
    ) -> None:
        self.settings = settings
        self._real_now = real_now
        self.clock = SimClock(settings.now, settings.clock_rate, steady)
        self.faults = FaultBook(settings.seed, real_now, self.clock)
        for fault in settings.faults:  # a wrong one must be told before the work begins
            self.faults.add(fault)
        folder = settings.captures_path()
        self._captures = load_captures(folder) if folder else Captures()
        real = real_manifests() if settings.history == "real" else {}
        self._given = {**real, **self._captures.manifests}
        self._held = world if world and not self._given else World(settings.seed, settings.now, self._given)
        self.show(PROFILES[settings.profile])
        self.log = RequestLog(settings.request_log)
        self.gateway = Gateway(
            settings.require_key, settings.rate_limit, settings.demo_key_per_hour, settings.demo_key_per_day,
            self.faults, real_now,
        )  # fmt: skip
        self._vista = VistaKeys(settings.require_key, settings.vista_per_hour, settings.vista_per_day, real_now)

        def archive() -> Archive:
            return self.archive

        now, lag, extended = self.clock.now, settings.manifest_lag_hours, settings.rover_shape == "extended"
        base = settings.image_base
        # What answers for each source; all of them read the one archive.
        self._apis: dict[str, PhotosApi] = {
            "nasa-v1": PhotosApi(archive, now, lag, extended),
            "nebulum": PhotosApi(archive, now, lag, extended, _NEBULUM_SHIFT),
        }
        self._sources: dict[str, VistaV1 | VistaV2 | M20Feed | MslFeed] = {
            "marsvista-v1": VistaV1(archive, now, base),
            "marsvista-v2": VistaV2(archive, now, base),
            "m20-raw": M20Feed(archive, now, settings.seed, base),
            "msl-raw": MslFeed(archive, now, settings.seed, base),
        }
        self._control = Control(self)
        self.reset()

    def show(self, profile: Profile) -> None:
        """Show these sols from now on."""
        self.archive = Archive(
            self._world,
            profile,
            self._captures,
            self.settings.image_base or None,
            self.settings.cache_sols,
            Release(self.settings.late_sols, self.settings.late_hours),
        )
        self.layers = Layers(self._world, self.clock.now, profile, self._captures)
        self._images = Images(self.archive, self.clock.now, self.settings.seed)

    def _world(self, now: float) -> World:
        """The world, built further if the clock has run out of it."""
        if not self._held.covers(now):
            self._held = World(self.settings.seed, now, self._given)
        return self._held

    def reset(self) -> None:
        """Sols, clock, faults, log, counters and rate limits as at the start."""
        self.show(PROFILES[self.settings.profile])
        self.clock.reset()
        self.log.clear()
        self.gateway.clear()
        self._vista.clear()
        self.faults.clear()
        for fault in self.settings.faults:
            self.faults.add(fault)

    def move_clock(self, now: float, rate: float | None) -> None:
        """Set the simulated clock (Unix s, simulated seconds per second). Raises ValueError beyond the year 2100."""
        if not 0.0 <= now < 4_102_444_800.0 or (rate is not None and rate < 0):
            raise ValueError("the clock goes from 1970 to 2100, at a rate of 0 or more")
        self.clock.set(now, rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path == "/healthz":
            await JSONResponse({"status": "ok", "profile": self.settings.profile})(scope, receive, send)
        elif path.startswith(PREFIX + "/") and self.settings.control:
            await self._control.router(scope, receive, send)
        else:
            await self._serve(path, scope, receive, send)

    async def _serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        arrived, sim_time = self._real_now(), self.clock.now()
        target = classify(path, scope["query_string"])
        headers = Headers(scope=scope)
        sent = {"status": 0, "bytes": 0}

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
            else:
                sent["bytes"] += len(message.get("body", b""))
            await send(message)

        strike = Strike()
        try:
            response, strike = self._decide(target, path, scope, headers)
            if strike.delay:
                await asyncio.sleep(strike.delay)
            await damaged(strike.fatal, response, scope, receive, counting)
        finally:
            self.log.add(
                target, scope["method"], path, arrived, self._real_now(), sent["status"], sent["bytes"],
                strike.by, headers.get("traceparent"), sim_time,
            )  # fmt: skip

    def _decide(self, target: Target, path: str, scope: Scope, headers: Headers) -> tuple[Response, Strike]:
        """The answer, and the faults that it suffers on its way."""
        extra: dict[str, str] = {}
        strike = Strike()
        if target.behind_gateway:
            client = scope.get("client")
            entry = self.gateway.enter(path, target.query, headers, str(client[0]) if client else "")
            if entry.answer is not None:
                entry.answer.headers.update(entry.headers)
                return entry.answer, strike
            extra = {**entry.headers, **_CORS}
        elif self.faults.closed_for(target.flavour):
            return self._refusal(target, path, headers, self.faults.closed_for(target.flavour), "seconds"), strike
        elif target.flavour.startswith("marsvista"):
            refusal, extra = self._vista.enter(headers)
            if refusal is not None:
                refusal.headers.update(extra)
                return refusal, strike
        strike = self.faults.strike(target)
        if strike.fatal is not None and strike.fatal.kind == "rate_limit":
            seconds = self.faults.close(strike.fatal, target.flavour)
            form = strike.fatal.parameters.get("retry_form", "seconds")
            return self._refusal(target, path, headers, seconds, form), strike
        response = self._answer(target, path, scope["method"], headers, strike)
        response = conditional(response, target.flavour, self._modified(target), headers)
        response.headers.update(extra)
        return response, strike

    def _modified(self, target: Target) -> float | None:
        """When a plain file last changed (simulated Unix s); None for what an application makes anew each time."""
        if target.flavour == "mmgis" and target.rover is not None:
            return self.layers.modified(target.rover)
        return self.settings.now if target.flavour == "image" else None

    def _refusal(self, target: Target, path: str, headers: Headers, seconds: int, form: str) -> Response:
        """A source's 429 for so many seconds; ``form`` of Retry-After is seconds or date."""
        if target.behind_gateway:
            kind = error_format(path, target.query.get("format"), headers.get("accept", ""))
            refusal = self.gateway.refuse(kind, self.settings.rate_limit, seconds)
            assert refusal.answer is not None
            answer = refusal.answer
            answer.headers.update(refusal.headers)
        else:
            answer = self._vista.refuse(seconds) if target.flavour.startswith("marsvista") else too_many(seconds)
        answer.headers["Retry-After"] = retry_after(seconds, form, self._real_now())
        return answer

    def _answer(self, target: Target, path: str, method: str, headers: Headers, strike: Strike) -> Response:
        accept = headers.get("accept", "*/*")
        if target.kind == "other":
            form = error_format(path, target.query.get("format"), accept)
            return gateway_error(NOT_FOUND, form)
        if method not in ("GET", "HEAD"):
            return application_error(404, "Not Found", accept)
        if target.flavour == "mmgis":
            return self.layers.answer(target, strike.shapes)
        if target.kind == "image":
            return self._images.answer(target, headers.get("range"))
        if target.flavour in self._apis:
            return self._apis[target.flavour].answer(target, accept, strike.shapes)
        return self._sources[target.flavour].answer(target, strike.shapes)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: dict[str, Any] = dict(await receive())
        kind = message["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return
