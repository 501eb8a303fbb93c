"""The operator's process: puts the parts together, keeps them going, and ends within seconds when told to."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mm_contracts.plan import parse_duration
from mm_contracts.sources import Sources
from mm_contracts.topics import LOAD_COMPLETE, OBJECT_EVENTS, SCHEDULING

from mm_operator import metrics
from mm_operator.config import ConfigError, kafka_settings, load_settings, load_sources, operator_port
from mm_operator.controller import Controller
from mm_operator.core.jobs import owner_reference
from mm_operator.core.offsets import Mark
from mm_operator.core.settings import OperatorSettings
from mm_operator.deadletters import DeadLetters
from mm_operator.flights import Flights
from mm_operator.gatekeeper import Gatekeeper
from mm_operator.handlers import Watches
from mm_operator.health import Health
from mm_operator.janitor import Janitor
from mm_operator.kube import ApiError, Kube
from mm_operator.loads import Loads
from mm_operator.logs import set_up
from mm_operator.observer import Observer
from mm_operator.plans import read_status
from mm_operator.schedules import Schedules
from mm_operator.store import SELECTORS, Kind, Store
from mm_operator.topics import Message, TopicReader
from mm_operator.transforms import Transforms
from mm_operator.web import serve

log = logging.getLogger(__name__)

SYNC_SECONDS: Final = 45.0
"""Between two comparisons of everything watched with what the API lists."""
GRACE_SECONDS: Final = 2.0
"""At the end: how long to wait for threads that are in the middle of a commit or a watch."""


class Operator:
    """All parts of one process."""

    def __init__(self, settings: OperatorSettings, sources: Sources, kafka: dict[str, str]) -> None:
        self._settings, self._kafka = settings, kafka
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._failed = ""
        self.health = Health()
        self.kube = Kube(settings.namespace)
        self.store = Store()
        self.controller = Controller(self.kube, self.store, settings, sources, self.health)
        self.gate = Gatekeeper(self.kube, sources, settings.gate_config_map)
        self.observer = Observer(self.store, self.controller.enqueue, self.controller.forget, self._work_changed)
        self.janitor = Janitor(self.kube, self.store, settings)
        self._readers: list[TopicReader] = []
        self._inboxes: dict[str, asyncio.Queue[Message]] = {}
        self._owners: list[dict[str, Any]] = []
        self._dead_letters = DeadLetters(kafka)
        self._loads = Loads(
            Flights(self.kube, self.store, self._owners, "load", "sweep"),
            settings,
            self._dead_letters,
            self._done,
            self._work_changed,
            self.health,
        )
        self._transforms = Transforms(
            Flights(self.kube, self.store, self._owners, "transform"),
            settings,
            self._dead_letters,
            self._done,
            lambda: self._loads.busy or self.controller.busy,
            self.health,
        )

    async def run(self, port: int) -> None:
        """Work until told to stop. Raises RuntimeError where a part ended that must not."""
        for name in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(name, self._stopped.set)
        web = await serve(port, self.health, self._refresh_metrics, self.gate.routes())
        watches = Watches(self._settings.namespace, self._told, self._watches_ended)
        tasks: list[asyncio.Task[None]] = []
        try:
            if not await self._until_stopped(self._first_look()):
                return
            await self._find_owner()
            watches.start()
            parts = [self.controller.run(), self.gate.run(), self._sync_for_ever(), self.janitor.run()]
            parts += [self._loads.run(), self._transforms.run()]
            tasks = [asyncio.create_task(self._vital(part)) for part in parts]
            tasks += [asyncio.create_task(self._vital(self._consume(*pair))) for pair in self._handlers()]
            for reader in self._readers:
                reader.start()
            self.controller.enqueue_all()
            self._loads.request_sweep("the operator has started", parse_duration(self._settings.sweep_after_start))
            self.health.ready = True
            log.info("ready: %s", self.store.sizes())
            await self._stopped.wait()
        finally:
            await self._shut_down(watches, tasks)
            await web.cleanup()
        if self._failed:
            raise RuntimeError(self._failed)

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
        pause = 1.0
        while True:
            try:
                await self.gate.load()
                await self._sync()
                return
            except ApiError as error:
                log.warning("the cluster cannot be read yet: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 15.0)

    async def _sync(self) -> None:
        kinds: tuple[Kind, ...] = ("plans", "pods", "jobs")
        for kind in kinds:
            bodies, version = await self.kube.list(kind, SELECTORS[kind])
            kept_up = self.observer.listed(kind, bodies, version)
            if self.health.ready:
                self.health.broken(f"watch of {kind}", None if kept_up else "it has not told what the API lists")

    async def _sync_for_ever(self) -> None:
        self.health.expect("comparison with the API", 600)
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await self._sync()
            except ApiError as error:
                log.warning("the cluster cannot be listed: %s", error)
                continue
            self.health.beat("comparison with the API")
            self.controller.enqueue_all()

    async def _find_owner(self) -> None:
        name = self._settings.owner_deployment
        if not name:
            return
        try:
            body = await self.kube.call("GET", "deployments", name)
        except ApiError as error:
            log.warning("Jobs and plans get no owner, an uninstall will leave them: %s", error)
            return
        self._owners.append(owner_reference("apps/v1", "Deployment", name, body["metadata"]["uid"]))

    def _handlers(self) -> list[tuple[str, Callable[[Message], Awaitable[None]]]]:
        schedules = Schedules(self.kube, self._settings, self._dead_letters, self._owners)

        async def schedule(message: Message) -> None:
            await schedules.handle(message)
            self._done(message.mark)

        handlers: dict[str, Callable[[Message], Awaitable[None]]] = {
            SCHEDULING: schedule,
            OBJECT_EVENTS: self._loads.handle,
            LOAD_COMPLETE: self._transforms.handle,
        }
        for topic in handlers:
            inbox: asyncio.Queue[Message] = asyncio.Queue()
            self._inboxes[topic] = inbox
            self._readers.append(
                TopicReader(topic, self._kafka, self._loop, inbox.put_nowait, self._kafka_recovered, self.health)
            )
        return list(handlers.items())

    async def _consume(self, topic: str, handle: Callable[[Message], Awaitable[None]]) -> None:
        while True:
            message = await self._inboxes[topic].get()
            try:
                await handle(message)
            except Exception as error:
                # A fault of ours that this message brings out: after a restart it would do so again, and for ever.
                log.exception("a message of %s could not be handled", topic, extra={"topic": topic})
                await self._dead_letters.put(message, "InternalError", f"the operator failed on it: {error!r}")
                self._done(message.mark)

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

    def _done(self, mark: Mark) -> None:
        for reader in self._readers:
            if reader.topic == mark.topic:
                reader.done(mark)

    def _kafka_recovered(self, topic: str) -> None:
        # While Kafka was away MinIO dropped its events.
        if topic == OBJECT_EVENTS:
            self._loads.request_sweep("Kafka was away")

    def _told(self, kind: Kind, event: str | None, body: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self.observer.watched, kind, event, body)

    def _watches_ended(self) -> None:
        def note() -> None:
            if not self._stopped.is_set():
                self._failed = "the watches have ended"
                self._stopped.set()

        try:
            self._loop.call_soon_threadsafe(note)
        except RuntimeError:
            pass  # The loop has been closed: we are ending anyway.

    def _work_changed(self) -> None:
        self._loads.wake()
        self._transforms.wake()

    def _refresh_metrics(self) -> None:
        for kind, size in self.store.sizes().items():
            metrics.OBJECTS.labels(kind).set(size)
        totals = dict.fromkeys(("active", "succeeded", "failed", "waiting"), 0)
        for body in self.store.plans():
            counts = read_status(body).batches
            for state in totals:
                totals[state] += getattr(counts, state)
        for state, count in totals.items():
            metrics.BATCHES.labels(state).set(count)

    async def _shut_down(self, watches: Watches, tasks: list[asyncio.Task[None]]) -> None:
        log.info("stopping")
        self.health.ready = False
        watches.stop()
        for reader in self._readers:
            reader.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await asyncio.wait_for(self.gate.save(), 1)
        except (ApiError, TimeoutError):
            pass
        until = self._loop.time() + GRACE_SECONDS
        for reader in self._readers:
            if reader.started:
                await asyncio.to_thread(reader.join, until - self._loop.time())
        if watches.alive:
            await asyncio.to_thread(watches.join, until - self._loop.time())
        self.kube.close()


async def _main(settings: OperatorSettings, sources: Sources, kafka: dict[str, str], port: int) -> None:
    await Operator(settings, sources, kafka).run(port)


def main() -> None:
    """Run the operator; exit code 64 where it is configured wrongly, 1 where a part of it failed."""
    argparse.ArgumentParser(
        prog="mm-operator",
        description="The operator of Martian Moments. It is configured by MARS_OPERATOR_FILE, MARS_SOURCES_FILE, "
        "KAFKA_*, POD_NAMESPACE, MARS_OPERATOR_PORT, LOG_LEVEL and LOG_FORMAT.",
    ).parse_args()
    set_up()
    code = 0
    try:
        settings, sources, kafka = load_settings(), load_sources(), kafka_settings()
        port = operator_port()
        asyncio.run(_main(settings, sources, kafka, port))
    except ConfigError as error:
        log.error("%s", error)
        code = 64
    except (RuntimeError, OSError) as error:
        log.error("%s", error)
        code = 1
    sys.stdout.flush()
    # Threads of Kafka and kopf that still hang must not hold up the end: everything of worth is stored.
    os._exit(code)


if __name__ == "__main__":
    main()
