"""The source gate over HTTP, and its memory: a ConfigMap, so that a closed source stays closed over a restart."""

import asyncio
import json
import logging
import time
from typing import Final

from aiohttp import web
from mm_contracts.gate import Closure
from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.core.gate import SourceGate
from mm_operator.kube import ApiError, Kube

log = logging.getLogger(__name__)

SAVE_SECONDS: Final = 30.0
"""Between two saves of the request counts; a closure is saved at once."""


class Gatekeeper:
    """All sources' gates."""

    def __init__(self, kube: Kube, sources: Sources, config_map: str) -> None:
        self._kube, self._sources, self._config_map = kube, sources, config_map
        self._gates = {name: SourceGate(name) for name in sources.sources}
        self._saved = ""
        self._save_now = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of ``mm_contracts.gate``."""
        return [
            web.post("/v1/sources/{name}/permits", self._permit),
            web.post("/v1/sources/{name}/closures", self._close),
        ]

    def closed(self) -> dict[str, float]:
        """Return the seconds for which sources stay closed, where they are."""
        now = time.time()
        return {name: gate.closed_until - now for name, gate in self._gates.items() if gate.closed_until > now}

    def _gate(self, request: web.Request) -> SourceGate:
        name = request.match_info["name"]
        if name not in self._gates:
            known = ", ".join(self._gates)
            raise web.HTTPNotFound(text=f"no source named {name} is configured: use one of {known}\n")
        return self._gates[name]

    async def _permit(self, request: web.Request) -> web.Response:
        gate = self._gate(request)
        permit = gate.permit(time.time(), self._sources.sources[gate.name].requests_per_hour)
        metrics.PERMITS.labels(gate.name, "granted" if permit.granted else permit.reason).inc()
        if permit.granted:
            return web.json_response({"granted": True})
        headers = {"Retry-After": str(permit.retry_after)}
        return web.json_response({"granted": False, "reason": permit.reason}, status=429, headers=headers)

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
                self._gates[name] = SourceGate.load(name, json.loads(data.get(f"{name}.json") or "null"))
            except ValueError:
                log.warning("the saved state of source %s cannot be read: it counts as open", name)

    async def run(self) -> None:
        """Save for ever, where something has changed."""
        while True:
            try:
                await asyncio.wait_for(self._save_now.wait(), SAVE_SECONDS)
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
        metadata = {"name": self._config_map, "labels": {"app.kubernetes.io/managed-by": "martian-moments-operator"}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        _, fresh = await self._kube.create("configmaps", body)
        if not fresh:
            await self._kube.patch("configmaps", self._config_map, {"data": data})
        self._saved = text
