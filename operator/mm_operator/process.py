"""The parts of the operator's process: put together, kept going, and ended within seconds when told to."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from aiohttp import web
from mm_contracts.plan import LABEL_INSTANCE, parse_duration
from mm_contracts.sources import Sources
from mm_contracts.topics import LOAD_COMPLETE, OBJECT_EVENTS, SCHEDULING, Names

from mm_operator import metrics
from mm_operator.config import own_pod
from mm_operator.controller import Controller
from mm_operator.core.jobs import owner_reference
from mm_operator.core.progress import Notice
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.times import parse_time
from mm_operator.deadletters import DeadLetters
from mm_operator.gatekeeper import Gatekeeper
from mm_operator.handlers import Watches
from mm_operator.health import Health
from mm_operator.history import History
from mm_operator.intake import Intake
from mm_operator.janitor import Janitor
from mm_operator.job_line import Surroundings
from mm_operator.kube import ApiError, Kube
from mm_operator.loads import Loads
from mm_operator.notices import post_notice
from mm_operator.observer import Observer
from mm_operator.schedules import Schedules
from mm_operator.store import Kind, Store, selectors
from mm_operator.transforms import Transforms
from mm_operator.web import WebThread, queue_route, serve

log = logging.getLogger(__name__)

SYNC_SECONDS: Final = 45.0
"""Between two comparisons of everything watched with what the API lists."""
FIRST_PAUSE: Final = 1.0
"""Seconds after which a cluster that cannot be read is asked again, doubling up to a quarter of a minute."""
GRACE_SECONDS: Final = 2.0
"""At the end: how long to wait for threads that are in the middle of a commit or a watch."""


class PartEnded(RuntimeError):
    """A part of the operator has ended that must not; the process ends too, and is started again."""


class Operator:
    """All parts of one process."""

    def __init__(
        self, settings: OperatorSettings, sources: Sources, kafka: Callable[[], dict[str, Any]], names: Names
    ) -> None:
        """``kafka`` gives the settings of a Kafka client, read anew for each."""
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._failed = ""
        self._owners: list[dict[str, Any]] = []
        self._posting: set[asyncio.Task[None]] = set()
        self._health = Health()
        self._kube = Kube(settings.namespace)
        self._store = Store(settings.instance, settings.plans_without_instance, changed=self._changed)
        self._history = History(self._store)
        self._controller = Controller(
            self._kube, self._store, settings, sources, self._health, self._history.plan_ended
        )
        labels = {LABEL_INSTANCE: settings.instance} if settings.instance else {}
        self._gate = Gatekeeper(self._kube, sources, settings.gate_config_map, labels)
        self._observer = Observer(self._store)
        self._janitor = Janitor(self._kube, self._store, settings, self._history)
        dead_letters = DeadLetters(kafka)
        release = f"{settings.namespace}/{settings.instance or settings.name_prefix}"
        self._intake = Intake(kafka, names, release, dead_letters, self._health)
        around = Surroundings(
            self._kube,
            self._store,
            settings,
            self._owners,
            dead_letters,
            self._intake.done,
            lambda: self._controller.busy,
            self._health,
            self._history,
        )
        self._loads = Loads(around, self._wake_lines)
        self._transforms = Transforms(replace(around, busy=self._busy), self._controller.covered)
        self._schedules = Schedules(
            self._kube, settings, dead_letters, self._owners, self._intake.done, self._store, sources
        )
        self._watches = Watches(settings.namespace, settings.instance, self._on_event, self._watches_ended)

    async def run(self, port: int) -> None:
        """Work until told to stop. Raises PartEnded."""
        for name in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(name, self._stopped.set)
        server = WebThread(lambda: self._listen(port), self._gate.run, self._web_ended)
        server.start()
        tasks: list[asyncio.Task[None]] = []
        try:
            if await self._until_stopped(self._first_look()):
                tasks = [asyncio.create_task(self._vital(part)) for part in self._start()]
                await self._stopped.wait()
        finally:
            await self._shut_down(tasks)
            await asyncio.to_thread(server.stop, GRACE_SECONDS)
            self._kube.close()
        if self._failed:
            raise PartEnded(self._failed)

    async def _listen(self, port: int) -> web.AppRunner:
        routes = [*self._gate.routes(), queue_route(self._controller.queue)]
        return await serve(port, self._health, self._refresh_metrics, routes)

    def _start(self) -> list[Awaitable[None]]:
        self._watches.start()
        self._loads.request_sweep("the operator has started", parse_duration(self._settings.sweep_after_start))
        handlers = {
            SCHEDULING: self._schedules.handle,
            OBJECT_EVENTS: self._loads.handle,
            LOAD_COMPLETE: self._transforms.handle,
        }
        parts = [
            self._controller.run(),
            self._janitor.run(),
            self._loads.run(),
            self._transforms.run(),
            self._sync_for_ever(),
            *self._intake.start(handlers, self._kafka_recovered, self._tell_of_kafka),
        ]
        self._health.ready = True
        log.info("ready: %s", self._store.sizes())
        return parts

    async def _until_stopped(self, work: Awaitable[None]) -> bool:
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
            return False
        task.result()
        return True

    async def _first_look(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._sync()
                break
            except ApiError as error:
                log.warning("the cluster cannot be read yet: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 15.0)
        await self._find_owner()

    async def _sync(self) -> None:
        # Pods before Jobs before plans: what is decided about a plan leans on its Jobs, and on their pods.
        for kind, selector in reversed(selectors(self._settings.instance).items()):
            bodies, version = await self._kube.list(kind, selector)
            kept_up = self._observer.listed(kind, bodies, version)
            if self._health.ready:
                self._health.broken(f"watch of {kind}", None if kept_up else "it has not told what the API lists")

    async def _sync_for_ever(self) -> None:
        self._health.expect("comparison with the API", 600)
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await self._sync()
            except ApiError as error:
                # No reason for a restart: the next process would find the same API.
                log.warning("the cluster cannot be listed: %s", error)
            self._health.beat("comparison with the API")

    async def _find_owner(self) -> None:
        name = self._settings.owner_config_map
        if not name:
            return
        try:
            body = await self._kube.call("GET", "configmaps", name)
        except ApiError as error:
            log.warning("Jobs and plans get no owner, an uninstall will leave them: %s", error)
            return
        self._owners.append(owner_reference("v1", "ConfigMap", name, body["metadata"]["uid"]))

    async def _vital(self, part: Awaitable[None]) -> None:
        try:
            await part
            self._failed = "a part of the operator has ended"
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            log.exception("a part of the operator failed")
            self._failed = f"a part of the operator failed: {error}"
        self._stopped.set()

    def _busy(self) -> bool:
        return self._loads.busy or self._controller.busy

    def _kafka_recovered(self, topic: str) -> None:
        # While Kafka was away MinIO dropped its events.
        if topic == OBJECT_EVENTS:
            self._loads.request_sweep("Kafka was away")

    def _tell_of_kafka(self, reason: str, text: str) -> None:
        if (about := own_pod()) is not None:
            # The same trouble an hour later is another Event: the API forgets them after an hour.
            notice = Notice(f"kafka/{text}/{int(time.time()) // 3600}", reason, text, True)
            self._posting.add(task := self._loop.create_task(post_notice(self._kube, about, notice)))
            task.add_done_callback(self._posting.discard)

    def _on_event(self, kind: Kind, event: str | None, body: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._observer.watched, kind, event, body)

    def _changed(self, kind: Kind, name: str, gone: bool) -> None:
        self._controller.changed(kind, name, gone)
        if kind == "jobs":
            self._history.changed(name, gone)
            self._wake_lines()

    def _web_ended(self) -> None:
        self._part_ended("the web server has ended")

    def _watches_ended(self) -> None:
        self._part_ended("the watches have ended")

    def _part_ended(self, sentence: str) -> None:
        """Note from another thread that a part has ended by itself."""

        def note() -> None:
            if not self._stopped.is_set():
                self._failed = sentence
                self._stopped.set()

        try:
            self._loop.call_soon_threadsafe(note)
        except RuntimeError:
            pass  # The loop has been closed: we are ending anyway.

    def _wake_lines(self) -> None:
        self._loads.wake()
        self._transforms.wake()

    def _refresh_metrics(self) -> None:
        for kind, size in self._store.sizes().items():
            metrics.OBJECTS.labels(kind).set(size)
        for state, count in self._controller.batch_counts().items():
            metrics.BATCHES.labels(state).set(count)
        metrics.show_plans(self._controller.plan_counts())
        self._gate.show(time.time())
        queue = self._controller.queue()
        metrics.QUEUED.set(len(queue["queue"]))
        since = [moment.timestamp() for place in queue["queue"] if (moment := parse_time(place["created_at"]))]
        metrics.OLDEST_WAIT.set(min(since, default=0))
        metrics.SLOTS.labels("held").set(queue["held"])
        metrics.SLOTS.labels("limit").set(queue["limit"])

    async def _shut_down(self, tasks: list[asyncio.Task[None]]) -> None:
        log.info("stopping")
        self._health.ready = False
        self._watches.stop()
        self._intake.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        until = self._loop.time() + GRACE_SECONDS
        await asyncio.to_thread(self._intake.join, lambda: until - self._loop.time())
        await asyncio.to_thread(self._watches.join, until - self._loop.time())
