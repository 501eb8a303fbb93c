"""The operator's work around loads and dbt runs, against an API and topics that remember."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from factories import settings
from fake_api import FakeKube
from mm_contracts.batch import CoveredSols, LoadSpec, TransformSpec
from mm_contracts.history import HISTORY_ENV, WorkRecord, unpack
from mm_contracts.keys import photos_key
from mm_operator.core.offsets import Mark, OffsetTracker
from mm_operator.health import Health
from mm_operator.history import History
from mm_operator.job_line import Surroundings
from mm_operator.loads import Loads
from mm_operator.store import Store
from mm_operator.topics import Message
from mm_operator.transforms import Transforms

OPTIONS = {
    "loadFoldSeconds": 0.5,
    "loadMaxObjects": 5,
    "transformFoldSeconds": 0.5,
    "jobBackoff": "1s",
    "jobMaxBackoff": "4s",
}


OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "mars-operator-owner", "uid": "owner-1"}
"""What the Jobs belong to."""


class Clock(datetime):
    """The time of all parts, set by the test."""

    current = datetime(2026, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> Any:  # noqa: ARG003
        return cls.current


class Letters:
    """The dead-letter topic."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def put(self, _message: Message, reason: str, _sentence: str) -> None:
        self.reasons.append(reason)


class Topic:
    """A topic with one partition and a committed offset."""

    def __init__(self, name: str) -> None:
        self.name, self.values, self.committed = name, [], 0  # type: ignore[var-annotated]
        self.restart()

    def restart(self) -> None:
        self.tracker, self.read = OffsetTracker(), self.committed

    def publish(self, value: bytes) -> None:
        self.values.append(value)

    def take(self) -> list[Message]:
        fresh = [Message(Mark(self.name, 0, n), None, self.values[n]) for n in range(self.read, len(self.values))]
        self.read = len(self.values)
        for message in fresh:
            self.tracker.delivered(0, message.mark.offset)
        return fresh

    def done(self, mark: Mark) -> None:
        self.tracker.done(mark.partition, mark.offset)

    def commit(self) -> None:
        self.committed = max(self.committed, self.tracker.committable().get(0, 0))


def s3(*keys: str, bucket: str = "mars", name: str = "s3:ObjectCreated:Put", etag: str = "e") -> bytes:
    records = [
        {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": k, "eTag": etag}}} for k in keys
    ]
    return json.dumps({"Records": records}).encode()


def key(number: int) -> str:
    return photos_key("Spirit", number, number, "20260101T000000Z-abc")


class World:
    """A bucket, a warehouse, three topics, Jobs; and the process, which may be killed and started again."""

    def __init__(self, seed: int = 0, kill_rate: float = 0.0, **options: Any) -> None:
        self.kube = FakeKube(random.Random(seed), kill_rate, now=Clock.current)
        self.settings = settings(**OPTIONS | options)
        self.events, self.loaded = Topic("minio-events"), Topic("snowflake-load-complete")
        self.letters = Letters()
        self.bucket: set[str] = set()
        self.warehouse: set[str] = set()
        self.built: set[str] = set()
        self.history_kept: dict[str, WorkRecord] = {}
        self.specs: list[LoadSpec] = []
        self.runs: list[TransformSpec] = []
        self.busy = False
        self.covered: tuple[CoveredSols, ...] = ()
        self.held = 0
        self.handed_over: list[dict[str, Any]] = []
        self.sources: list[dict[str, Any]] = []
        self.restart()

    def restart(self) -> None:
        self.events.restart()
        self.loaded.restart()
        self.store = Store(clock=lambda: Clock.current)
        self.history = History(self.store, lambda: Clock.current)
        self.store.changed = lambda kind, name, gone: self.history.changed(name, gone) if kind == "jobs" else None

        def around(done: Any) -> Surroundings:
            kube, letters = cast(Any, self.kube), cast(Any, self.letters)
            return Surroundings(
                kube, self.store, self.settings, [OWNER], letters, done, lambda: self.busy, Health(), self.history
            )

        self.loads = Loads(around(self.events.done), lambda: None)
        self.transforms = Transforms(around(self.loaded.done), lambda: self.covered)
        self.loads.request_sweep("start")

    async def step(self) -> None:
        self.kube.now = Clock.current
        self.kube.tell(self.store)
        for message in self.events.take():
            await self.loads.handle(message)
        for message in self.loaded.take():
            await self.transforms.handle(message)
        await self.loads.step()
        await self.transforms.step()
        if self.kube.chance.random() < 0.7:
            self.events.commit()
            self.loaded.commit()

    def spec(self, job: dict[str, Any], name: str) -> str:
        env = job["spec"]["template"]["spec"]["containers"][0]["env"]
        return str(next((e["value"] for e in env if e["name"] == name), ""))

    def keep(self, job: dict[str, Any]) -> int:
        """Keep the records that the Job was given."""
        package = self.spec(job, HISTORY_ENV)
        records = unpack(package) if package else ()
        self.history_kept.update({record.uid: record for record in records})
        return len(records)

    def end(self, job: dict[str, Any], code: int = 0) -> None:
        """What the Job would have done."""
        name = job["metadata"]["name"]
        kept = self.keep(job) if code == 0 or self.kube.chance.random() < 0.5 else 0
        if "transform" in name:
            run = TransformSpec.model_validate_json(self.spec(job, "MM_TRANSFORM"))
            if code == 0:
                self.built |= self.warehouse
            self.runs.append(run)
            details = {
                "gaps_held": self.held,
                "seconds": {"loop": 1.5},
                "handed_over": self.handed_over,
                "sources": self.sources,
            }
            self.kube.end_job(name, code, reason="TransformError" if code else None, details=details, history=kept)
            return
        spec = LoadSpec.model_validate_json(self.spec(job, "MM_LOAD"))
        self.specs.append(spec)
        if code == 0:
            keys = self.bucket if spec.sweep else {o.key for o in spec.objects} & self.bucket
            new = keys - self.warehouse
            self.warehouse |= new
            if new:
                objects = [{"key": k, "etag": "e", "table": "RAW", "rows": 1} for k in sorted(new)]
                done = {"status": "success", "timestamp": "t", "load_id": spec.load_id, "objects": objects}
                self.loaded.publish(json.dumps(done).encode())
        self.kube.end_job(name, code, reason="WarehouseError" if code else None, history=kept)


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def tick(seconds: float) -> None:
    Clock.current += timedelta(seconds=seconds)


async def settle(world: World, rounds: int = 12) -> None:
    for _ in range(rounds):
        await world.step()
        for job in world.kube.live_jobs():
            world.end(job)
        tick(1)
