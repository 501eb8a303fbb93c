"""kopf: the watches. Handlers only pass on what they are told; nothing is decided on an event.

No create, update, timer or daemon handlers: those store annotations, add finalizers and act on edges. kopf runs in a
thread and an event loop of its own, so that its shutdown and its faults stay its own.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import kopf
from mm_contracts.plan import GROUP, PLURAL, VERSION

from mm_operator.store import Kind, selectors

log = logging.getLogger(__name__)

Told = Callable[[Kind, str | None, dict[str, Any]], None]


def operator_settings(instance: str = "") -> kopf.OperatorSettings:
    """Return kopf's settings: no scanning, no posting, no peering, and watches that cannot die quietly."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 90
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.queueing.exit_timeout = 0.5
    wanted = selectors(instance)
    settings.watching.label_selectors[(GROUP, VERSION, PLURAL)] = wanted["plans"]
    settings.watching.label_selectors[("batch", "v1", "jobs")] = wanted["jobs"]
    settings.watching.label_selectors[("", "v1", "pods")] = wanted["pods"]
    return settings


def registry(told: Told) -> kopf.OperatorRegistry:
    """Return the handlers: one for each watched kind, which calls ``told`` and never lets anything out."""
    handlers = kopf.OperatorRegistry()

    def pass_on(kind: Kind, event: Any) -> None:
        try:
            told(kind, event.get("type"), dict(event["object"]))
        except BaseException:  # Whatever leaves a handler ends its watch.
            log.exception("a watch event of %s could not be taken in", kind)

    async def plan(event: Any, **_: Any) -> None:
        pass_on("plans", event)

    async def job(event: Any, **_: Any) -> None:
        pass_on("jobs", event)

    async def pod(event: Any, **_: Any) -> None:
        pass_on("pods", event)

    kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)(plan)
    kopf.on.event("batch", "v1", "jobs", registry=handlers)(job)
    kopf.on.event("", "v1", "pods", registry=handlers)(pod)
    kopf.on.login(registry=handlers)(kopf.login_via_client)
    return handlers


class Watches:
    """kopf in its thread."""

    def __init__(self, namespace: str, instance: str, told: Told, ended: Callable[[], None]) -> None:
        self._namespace, self._instance, self._told, self._ended = namespace, instance, told, ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Ask kopf to end."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for kopf's end, but no longer than so."""
        if self._thread.is_alive():
            self._thread.join(max(0.0, seconds))

    def _run(self) -> None:
        try:
            asyncio.run(
                kopf.operator(
                    registry=registry(self._told),
                    settings=operator_settings(self._instance),
                    standalone=True,
                    namespaces=[self._namespace],
                    stop_flag=self._stop,
                )
            )
        except BaseException:  # The thread's end is told below, whatever ended it.
            log.exception("the watches failed")
        finally:
            self._ended()
