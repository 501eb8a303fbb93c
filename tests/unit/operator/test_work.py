"""Schedules, loads and dbt runs against an API and topics that remember, with sudden ends in between."""

import asyncio
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import settings
from fake_api import FakeKube, Killed
from mm_contracts.batch import LoadSpec, TransformSpec
from mm_contracts.keys import photos_key
from mm_operator import flights as flights_module
from mm_operator import loads, transforms
from mm_operator.core.offsets import Mark, OffsetTracker
from mm_operator.flights import Flights
from mm_operator.health import Health
from mm_operator.loads import Loads
from mm_operator.metrics import JOBS_ENDED
from mm_operator.schedules import Schedules
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


class Clock(datetime):
    """The time of all parts, set by the test."""

    current = datetime(2026, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> Any:  # noqa: ARG003
        return cls.current


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock.current = datetime(2026, 1, 1, tzinfo=UTC)
    for module in (loads, transforms, flights_module):
        monkeypatch.setattr(module, "datetime", Clock)


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
        self.specs: list[LoadSpec] = []
        self.busy = False
        self.restart()

    def restart(self) -> None:
        self.events.restart()
        self.loaded.restart()
        self.store = Store()
        health, settings_ = Health(), self.settings

        def flights(*kinds: str) -> Flights:
            return Flights(self.kube, self.store, [], *kinds)  # type: ignore[arg-type]

        letters: Any = self.letters
        self.loads = Loads(
            flights("load", "sweep"), settings_, letters, self.events.done, lambda: None, lambda: self.busy, health
        )
        self.transforms = Transforms(
            flights("transform"), settings_, letters, self.loaded.done, lambda: self.busy, health
        )
        self.loads.request_sweep("start")

    async def step(self) -> None:
        self.kube.now = Clock.current
        self.kube.tell(self.store)
        for message in self.events.take():
            await self.loads.handle(message)
        for message in self.loaded.take():
            await self.transforms.handle(message)
        await self.loads._step()
        await self.transforms._step()
        if self.kube.chance.random() < 0.7:
            self.events.commit()
            self.loaded.commit()

    def spec(self, job: dict[str, Any], name: str) -> str:
        env = job["spec"]["template"]["spec"]["containers"][0]["env"]
        return str(next(e["value"] for e in env if e["name"] == name))

    def end(self, job: dict[str, Any], code: int = 0) -> None:
        """What the Job would have done."""
        name = job["metadata"]["name"]
        if "transform" in name:
            run = TransformSpec.model_validate_json(self.spec(job, "MM_TRANSFORM"))
            if code == 0:
                self.built |= self.warehouse
            self.kube.end_job(name, code, reason="TransformError" if code else None, details={"run": run.run_id})
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
        self.kube.end_job(name, code, reason="WarehouseError" if code else None)


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


def test_events_of_a_burst_share_a_load_and_its_end_starts_one_dbt_run() -> None:
    async def story() -> None:
        world = World()
        await settle(world)
        world.specs.clear()
        for number in range(4):
            world.bucket.add(key(number))
            world.events.publish(s3(key(number)))
        await settle(world)
        (load,) = world.specs
        assert {o.key for o in load.objects} == world.bucket == world.warehouse == world.built
        assert sum("transform" in name for name in world.kube.kind("jobs")) == 1
        world.events.commit()
        world.loaded.commit()
        assert (world.events.committed, world.loaded.committed) == (4, 1)

    run(story())


def test_an_offset_is_not_committed_before_its_load_exists_nor_before_dbt_has_seen_the_load() -> None:
    async def story() -> None:
        world = World()
        await settle(world)
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        await world.step()
        world.events.commit()
        assert world.events.committed == 0
        tick(1)
        await world.step()
        world.events.commit()
        assert world.events.committed == 1
        world.end(world.kube.live_jobs("load")[0])
        await world.step()
        tick(1)
        await world.step()
        (job,) = world.kube.live_jobs("transform")
        world.loaded.commit()
        assert world.loaded.committed == 0
        world.end(job)
        await world.step()
        world.loaded.commit()
        assert world.loaded.committed == 1

    run(story())


def test_events_that_are_not_ours_are_skipped_and_bad_ones_are_dead_letters() -> None:
    async def story() -> None:
        world = World()
        await settle(world)
        world.specs.clear()
        for value in (
            s3(key(1), bucket="other"),
            s3(key(1), name="s3:ObjectRemoved:Delete"),
            s3("photos/spirit/readme.txt"),
            b"not json",
            b"null",
            s3(),
        ):
            world.events.publish(value)
        await settle(world)
        world.events.commit()
        assert world.specs == []
        assert world.letters.reasons == ["NotJson", "BadMessage"]
        assert world.events.committed == 6

    run(story())


def test_an_event_of_two_objects_is_done_when_both_have_a_load() -> None:
    async def story() -> None:
        world = World(loadMaxObjects=1)
        await settle(world)
        world.bucket |= {key(1), key(2)}
        world.events.publish(s3(key(1), key(2)))
        await world.step()
        world.events.commit()
        assert world.events.committed == 0
        await settle(world)
        world.events.commit()
        assert world.events.committed == 1
        assert world.warehouse == world.bucket

    run(story())


def test_a_failed_load_is_made_good_by_a_sweep() -> None:
    async def story() -> None:
        world = World()
        await settle(world)
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        await world.step()
        tick(1)
        await world.step()
        world.end(world.kube.live_jobs("load")[0], code=74)
        await settle(world)
        assert world.warehouse == {key(1)}
        assert any(event["reason"] == "WarehouseError" for event in world.kube.kind("events").values())

    run(story())


def test_a_failed_dbt_run_is_tried_again_and_holds_up_no_load() -> None:
    async def story() -> None:
        world = World()
        await settle(world)
        for number in range(3):
            world.bucket.add(key(number))
            world.events.publish(s3(key(number)))
            for _ in range(8):
                await world.step()
                for job in world.kube.live_jobs():
                    world.end(job, 1 if "transform" in job["metadata"]["name"] else 0)
                tick(0.5)
        assert world.warehouse == world.bucket
        assert world.built == set()
        assert world.loaded.committed == 0
        runs = [name for name in world.kube.kind("jobs") if "transform" in name]
        assert 2 <= len(runs) <= 5, "it neither gives up nor spins"
        await settle(world)
        assert world.built == world.bucket
        world.loaded.commit()
        assert world.loaded.committed == len(world.loaded.values)

    run(story())


def test_a_run_whose_test_failed_is_told_by_name_and_not_made_again() -> None:
    async def story() -> None:
        world, counted = World(), JOBS_ENDED.labels("transform", "TestFailed")
        await settle(world)
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        before = counted._value.get()
        for _ in range(8):
            await world.step()
            for job in world.kube.live_jobs("transform"):
                world.kube.end_job(job["metadata"]["name"], 1, reason="TestFailed", message="1 tests failed: sane")
            for job in world.kube.live_jobs():
                world.end(job)
            tick(1)
        await settle(world)
        (name,) = (name for name in world.kube.kind("jobs") if "transform" in name)
        (event,) = (e for e in world.kube.kind("events").values() if e["reason"] == "TestFailed")
        assert (event["type"], event["involvedObject"]["name"]) == ("Warning", name)
        assert event["message"].startswith("1 tests failed: sane. Query")
        assert counted._value.get() == before + 1
        world.loaded.commit()
        assert world.loaded.committed == 1

    run(story())


def test_a_message_that_is_read_again_while_it_is_in_hand_is_taken_once() -> None:
    async def story() -> None:
        world = World()
        await settle(world)
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        for _ in range(2):
            world.events.read = 0
            await world.step()
        await settle(world)
        world.loaded.read = 0
        for message in world.loaded.take() * 2:
            await world.transforms.handle(message)
        assert len(world.transforms._waiting) == 1
        await settle(world)
        world.events.commit()
        world.loaded.commit()
        assert (world.events.committed, world.loaded.committed) == (1, 1)

    run(story())


def test_a_deleted_sweep_is_asked_for_again() -> None:
    async def story() -> None:
        world = World()
        tick(1)
        await world.step()
        (job,) = world.kube.live_jobs("sweep")
        world.kube.drop_job(job["metadata"]["name"])
        tick(2)
        await settle(world)
        assert [spec.sweep for spec in world.specs] == [True]

    run(story())


def test_dbt_waits_while_batches_run() -> None:
    async def story() -> None:
        world = World(transformMaxDelay="30s")
        await settle(world)
        world.busy = True
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        await settle(world, rounds=10)
        assert world.warehouse == {key(1)}
        assert world.built == set()
        await settle(world, rounds=30)
        assert world.built == {key(1)}

    run(story())


def test_a_schedule_that_is_read_again_makes_no_second_plan() -> None:
    async def story() -> None:
        world = World()
        done: list[Mark] = []
        handler = Schedules(world.kube, world.settings, world.letters, [], done.append)  # type: ignore[arg-type]
        tasks = {"ingestion_schedule": {"tasks": [{"rover_name": "spirit", "sol": 1}, {"rover_name": "x", "sol": 1}]}}
        message = Message(Mark("ingestion-scheduling", 0, 7), None, json.dumps(tasks).encode(), trace_id="f" * 32)
        for _ in range(3):
            await handler.handle(message)
        (plan,) = world.kube.kind("plans").values()
        assert plan["metadata"]["annotations"] == {
            "martian-moments.io/trace-id": "f" * 32, "martian-moments.io/rejected-tasks": "1",
        }  # fmt: skip
        for value in (b"null", b"[]", None):
            await handler.handle(Message(Mark("ingestion-scheduling", 0, 8), None, value))
        assert world.letters.reasons == ["BadMessage", "BadMessage", "NotJson"]
        assert len(done) == 6

    run(story())


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_call_every_object_is_loaded_and_built_and_flights_are_single(seed: int) -> None:
    async def story() -> None:
        world = World(seed, kill_rate=0.08)
        chance = world.kube.chance
        for turn in range(600):
            if turn < 60 and chance.random() < 0.5:
                fresh = key(turn)
                world.bucket.add(fresh)
                if chance.random() < 0.8:  # some events are lost
                    world.events.publish(s3(fresh))
            try:
                await world.step()
            except Killed:
                world.restart()
            kinds = Counter(job["metadata"]["labels"]["martian-moments.io/kind"] for job in world.kube.live_jobs())
            assert kinds["load"] + kinds["sweep"] <= 1
            assert kinds["transform"] <= 1
            for job in world.kube.live_jobs():
                if chance.random() < 0.4:
                    world.end(job, chance.choice([0, 0, 0, 75]))
            tick(chance.uniform(0, 2))
            if turn > 60 and world.built == world.bucket and not world.kube.live_jobs():
                world.events.commit()
                world.loaded.commit()
                if world.loaded.committed == len(world.loaded.values):
                    break
            if turn % 100 == 99:
                world.loads.request_sweep("now and then")
        assert world.warehouse == world.bucket
        assert world.built == world.bucket
        assert world.events.committed == len(world.events.values)
        assert world.loaded.committed == len(world.loaded.values)

    run(story())
