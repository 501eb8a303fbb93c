"""The source gate over HTTP, and its memory: a ConfigMap, so that a closed source stays closed over a restart.

It is used from one event loop only, which serves nothing else but probes and metrics: a Job's request is answered
within milliseconds whatever the operator is busy with.
"""

import asyncio
import itertools
import json
import logging
import secrets
import time
from collections import deque
from typing import Final

from aiohttp import web
from mm_contracts.gate import Closure, PermitRequest
from mm_contracts.plan import LABEL_MANAGED_BY, MANAGED_BY
from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.core.gate import CONCURRENCY, Limits, Permit, SourceGate
from mm_operator.kube import ApiError, Kube

log = logging.getLogger(__name__)

SAVE_SECONDS: Final = 30.0
"""Between two saves of the request counts; a closure is saved at once."""
WAIT_SECONDS: Final = 3.0
"""A request waits so long for another one's end; a client gives up after five."""
LEASE_MORE: Final = 15.0
"""Seconds that a permit is held beyond the source's own time limit: reading an answer takes time, too."""


class Gatekeeper:
    """All sources' gates."""

    def __init__(self, kube: Kube, sources: Sources, config_map: str, labels: dict[str, str] | None = None) -> None:
        self._kube, self._config_map, self._labels = kube, config_map, labels or {}
        self._gates = {name: SourceGate(name) for name in sources.sources}
        self._limits = {
            name: Limits(source.requests_per_hour, source.max_concurrency, source.timeout_seconds + LEASE_MORE)
            for name, source in sources.sources.items()
        }
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {name: deque() for name in sources.sources}
        self._leases = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count(1))
        self._saved = ""
        self._save_now = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of ``mm_contracts.gate``."""
        return [
            web.post("/v1/sources/{name}/permits", self._permit),
            web.delete("/v1/sources/{name}/permits/{lease}", self._give_back),
            web.post("/v1/sources/{name}/closures", self._close),
        ]

    def _gate(self, request: web.Request) -> SourceGate:
        name = request.match_info["name"]
        if name not in self._gates:
            known = ", ".join(self._gates)
            raise web.HTTPNotFound(text=f"no source named {name} is configured: use one of {known}\n")
        return self._gates[name]

    async def _permit(self, request: web.Request) -> web.Response:
        gate = self._gate(request)
        try:
            asked = PermitRequest.model_validate_json(await request.read() or b"{}")
        except ValidationError as error:
            raise web.HTTPBadRequest(text=f"not a request for a permit: {error.errors()[0]['msg']}\n") from None
        lease = next(self._leases) if asked.lease else None
        permit = await self._in_turn(gate, lease)
        metrics.PERMITS.labels(gate.name, "granted" if permit.granted else permit.reason).inc()
        if permit.granted:
            return web.json_response({"granted": True} | ({"lease": lease} if lease else {}))
        headers = {"Retry-After": str(permit.retry_after)}
        return web.json_response({"granted": False, "reason": permit.reason}, status=429, headers=headers)

    async def _in_turn(self, gate: SourceGate, lease: str | None) -> Permit:
        """Return the gate's answer; where as many requests are under way as may be, after a wait for one's end."""
        limits, waiting, loop = self._limits[gate.name], self._waiting[gate.name], asyncio.get_running_loop()
        until = loop.time() + WAIT_SECONDS
        if not (lease and waiting):
            permit = gate.permit(time.time(), limits, lease)
            if permit.reason != CONCURRENCY:
                return permit
        while (left := until - loop.time()) > 0:
            turn: asyncio.Future[None] = loop.create_future()
            waiting.append(turn)
            try:
                # Permits that nobody gives back end by time alone.
                async with asyncio.timeout(min(left, 0.5)):
                    await turn
            except TimeoutError:
                pass
            finally:
                if turn in waiting:
                    waiting.remove(turn)
            permit = gate.permit(time.time(), limits, lease)
            if permit.reason != CONCURRENCY:
                return permit
        return Permit(False, 1, CONCURRENCY)

    async def _give_back(self, request: web.Request) -> web.Response:
        gate = self._gate(request)
        if gate.give_back(request.match_info["lease"]):
            waiting = self._waiting[gate.name]
            while waiting:
                turn = waiting.popleft()
                if not turn.done():
                    turn.set_result(None)
                    break
        return web.Response(status=204)

    async def _close(self, request: web.Request) -> web.Response:
        gate = self._gate(request)
        try:
            closure = Closure.model_validate_json(await request.read())
        except ValidationError as error:
            raise web.HTTPBadRequest(text=f"not a closure: {error.errors()[0]['msg']}\n") from None
        if gate.close(time.time(), closure.retry_after_seconds, closure.reason):
            metrics.CLOSURES.labels(gate.name).inc()
            seconds = closure.retry_after_seconds
            log.warning("source %s is closed for %.0f s: %s", gate.name, seconds, closure.reason)
            self._save_now.set()
        return web.Response(status=204)

    def show(self, now: float) -> None:
        """Show each source's budget, and until when it is closed. ``now``: Unix seconds. For the gate's own thread."""
        for name, gate in self._gates.items():
            metrics.SOURCE_REQUESTS.labels(name, "used").set(gate.used(now))
            if (limit := self._limits[name].per_hour) is not None:
                metrics.SOURCE_REQUESTS.labels(name, "limit").set(limit)
            metrics.SOURCE_CLOSED.labels(name).set(gate.closed_until if gate.closed_until > now else 0)

    async def load(self) -> None:
        """Take up what an earlier process saved. Raises ApiError."""
        try:
            data = (await self._kube.call("GET", "configmaps", self._config_map)).get("data") or {}
        except ApiError as error:
            if error.status == 404:
                return
            raise
        for name in self._gates:
            try:
                saved = SourceGate.load(name, json.loads(data.get(f"{name}.json") or "null"), time.time())
            except ValueError:
                log.warning("the saved state of source %s cannot be read: it counts as open", name)
                continue
            # Permits that were given meanwhile count, too.
            saved.leases = self._gates[name].leases
            saved.minutes.extend(self._gates[name].minutes)
            self._gates[name] = saved

    async def run(self) -> None:
        """Take up what was saved, then save for ever where something has changed, and once more at the end."""
        pause = 1.0
        while True:
            try:
                await self.load()
                break
            except ApiError as error:
                log.warning("the source gate's state cannot be read yet: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 15.0)
        try:
            await self._save_for_ever()
        finally:
            try:
                await asyncio.wait_for(self.save(), 1)
            except (ApiError, TimeoutError):
                pass

    async def _save_for_ever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SAVE_SECONDS):
                    await self._save_now.wait()
            except TimeoutError:
                pass
            self._save_now.clear()
            try:
                await self.save()
            except ApiError as error:
                log.warning("the source gate's state is not saved: %s", error)
                await asyncio.sleep(2)
                self._save_now.set()

    async def save(self) -> None:
        """Write the state down if it differs from what was written last. Raises ApiError."""
        now = time.time()
        for gate in self._gates.values():
            gate.used(now)
        data = {f"{name}.json": json.dumps(gate.dump()) for name, gate in self._gates.items()}
        text = json.dumps(data)
        idle = all(not gate.minutes and not gate.closed_until for gate in self._gates.values())
        if text == self._saved or (idle and not self._saved):
            return
        metadata = {
            "name": self._config_map,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY, **self._labels},
        }
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        _, fresh = await self._kube.create("configmaps", body)
        if not fresh:
            await self._kube.patch("configmaps", self._config_map, {"data": data})
        self._saved = text
