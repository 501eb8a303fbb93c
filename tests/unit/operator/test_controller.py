"""The controller against an API that remembers: what is stored, created, deleted, and what a sudden end leaves."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import settings
from fake_api import FakeKube, Killed
from mm_contracts.plan import PlanSpec, plan_manifest
from mm_contracts.sols import parse_sols
from mm_contracts.sources import Sources
from mm_operator import controller as module
from mm_operator.controller import Controller
from mm_operator.core.plan_view import read_status
from mm_operator.health import Health
from mm_operator.kube import ApiError
from mm_operator.store import Store

SOURCES = Sources.model_validate({"default": "s", "sources": {"s": {"baseUrl": "http://source/v1"}}})


class Clock(datetime):
    """The controller's clock, set by the test."""

    current = datetime(2026, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> Any:  # noqa: ARG003
        return cls.current


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    Clock.current = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(module, "datetime", Clock)
    return Clock


def body(name: str, **spec: Any) -> dict[str, Any]:
    spec = {"rovers": [{"name": "Spirit", "sols": ["1-30"]}], "batch": {"maxSols": 5}} | spec
    return plan_manifest(name, "mars", PlanSpec.model_validate(spec))


class World:
    """One cluster, and the process in it that may be killed and started again."""

    def __init__(self, seed: int = 0, kill_rate: float = 0.0, **options: Any) -> None:
        self.kube = FakeKube(random.Random(seed), kill_rate, now=Clock.current)
        self.settings = settings(**options)
        self.restart()

    def restart(self) -> None:
        self.store = Store(clock=lambda: Clock.current)
        self.controller = Controller(self.kube, self.store, self.settings, SOURCES, Health())  # type: ignore[arg-type]
        self.store.changed = self.controller.changed

    def plan(self, name: str) -> dict[str, Any]:
        return self.kube.kind("plans")[name]

    def status(self, name: str) -> Any:
        return read_status(self.plan(name))

    async def look(self, times: int = 3) -> None:
        """Tell what the cluster holds, and let passes be made until nothing is left to be decided."""
        self.kube.now = Clock.current
        self.kube.tell(self.store)
        await self.passes(times)

    async def passes(self, times: int = 3) -> None:
        for _ in range(times):
            self.controller.decide()
            await self.controller.settled()


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_a_plan_goes_from_creation_to_its_end_with_one_status_patch_a_look() -> None:
    async def story() -> None:
        world = World(maxConcurrentJobs=10)
        world.kube.add("plans", body("p", parallelism=10))
        await world.look()
        assert len(world.kube.live_jobs()) == 6
        assert [c for c in world.kube.calls if c[0] == "PATCH"] == [("PATCH", "plans/status", "p")]
        world.kube.calls.clear()
        await world.look()
        assert world.kube.calls == []
        for job in world.kube.live_jobs():
            world.kube.end_job(job["metadata"]["name"], 0, photos=10, sols=5)
        await world.look()
        status = world.status("p")
        assert (status.phase, status.photos, status.sols, status.progress) == ("Complete", 60, 30, "6/6")
        assert world.plan("p")["metadata"]["labels"]["martian-moments.io/finished"] == "true"
        assert world.store.plan("p") is None
        assert len([c for c in world.kube.calls if c[:2] == ("PATCH", "plans/status")]) == 1

    run(story())


def test_two_plans_share_the_slots_and_never_a_sol() -> None:
    async def story() -> None:
        world = World(maxConcurrentJobs=3)
        world.kube.add("plans", body("first"))
        world.kube.add("plans", body("second", rovers=[{"name": "Spirit", "sols": ["20-40"]}]))
        await world.look()
        assert len(world.kube.live_jobs()) == 3
        assert [d.model_dump() for d in world.status("second").dropped] == [
            {"rover": "Spirit", "sols": "20-30", "plan": "first", "ended": ""}
        ]

    run(story())


def test_a_plan_that_cannot_be_carried_out_says_why_and_costs_nothing_more() -> None:
    async def story() -> None:
        world = World()
        world.kube.add("plans", body("p", source="moon"))
        await world.look()
        status = world.status("p")
        assert status.phase == "Invalid"
        assert "no source named 'moon'" in status.conditions[0].message
        assert world.store.plan("p") is None
        (event,) = world.kube.kind("events").values()
        assert (event["type"], event["involvedObject"]["kind"]) == ("Warning", "IngestionPlan")

    run(story())


def test_a_status_worked_out_from_an_old_plan_changes_nothing() -> None:
    async def story() -> None:
        world = World()
        world.kube.add("plans", body("p"))
        world.kube.tell(world.store)
        world.kube.stamp(world.plan("p"))  # somebody wrote meanwhile
        await world.passes()
        assert world.kube.live_jobs() == []
        Clock.current += timedelta(seconds=1)
        await world.passes()
        assert world.kube.live_jobs() != []

    run(story())


def test_a_plan_deleted_meanwhile_is_forgotten() -> None:
    async def story() -> None:
        world = World()
        world.kube.add("plans", body("p"))
        world.kube.tell(world.store)
        del world.kube.kind("plans")["p"]
        await world.passes()
        assert world.kube.live_jobs() == []
        assert not world.controller.busy

    run(story())


def test_a_job_of_an_earlier_plan_of_the_same_name_is_not_taken_for_ours() -> None:
    async def story() -> None:
        world = World(maxConcurrentJobs=1)
        world.kube.add("plans", body("p"))
        await world.look()
        world.kube.end_job("p-0-1", 0, photos=99)
        del world.kube.kind("plans")["p"]
        world.kube.add("plans", body("p"))
        world.restart()
        await world.look()
        assert world.status("p").photos == 0
        assert world.kube.live_jobs() == []
        world.kube.drop_job("p-0-1")
        Clock.current += timedelta(seconds=3)
        await world.look()
        assert len(world.kube.live_jobs()) == 1

    run(story())


def test_a_failed_batch_tells_why_and_keeps_its_last_words() -> None:
    async def story() -> None:
        world = World(maxConcurrentJobs=1)
        world.kube.add("plans", body("p", rovers=[{"name": "Spirit", "sols": ["1"]}], retry={"limit": 0}))
        await world.look()
        world.kube.end_job("p-0-1", 75, reason="BadResponse", message="the body was cut off")
        await world.look()
        (record,) = world.status("p").records
        assert (record.state, record.reason, record.message) == ("Failed", "BadResponse", "the body was cut off")
        assert record.log_tail == "last words of p-0-1-pod"
        assert record.advice
        assert {e["reason"] for e in world.kube.kind("events").values()} == {"BadResponse", "Failed"}

    run(story())


def test_a_job_that_a_quota_refuses_is_told_and_asked_for_again() -> None:
    async def story() -> None:
        world = World()
        world.kube.add("plans", body("p", rovers=[{"name": "Spirit", "sols": ["1"]}]))
        create = world.kube.create

        async def refuse(_resource: str, _body: Any) -> Any:
            raise ApiError(403, "Forbidden", "exceeded quota: jobs")

        world.kube.create = refuse  # type: ignore[method-assign]
        await world.look()
        assert world.status("p").reason == "Quota"
        assert "exceeded quota" in world.status("p").records[0].message
        world.kube.create = create  # type: ignore[method-assign]
        await world.look()
        assert world.kube.live_jobs() == [], "not at once"
        Clock.current += timedelta(seconds=20)
        await world.look()
        assert len(world.kube.live_jobs()) == 1
        assert world.status("p").reason == "InProgress"

    run(story())


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_call_it_loses_no_sol_fetches_none_twice_and_keeps_the_limit(seed: int) -> None:
    async def story() -> None:
        world = World(seed, kill_rate=0.06, maxConcurrentJobs=4)
        chance = world.kube.chance
        retry = {"limit": 20, "backoff": "1s", "maxBackoff": "3s"}
        world.kube.add("plans", body("a", retry=retry))
        world.kube.add("plans", body("b", retry=retry, rovers=[{"name": "Spirit", "sols": ["25-50"]}], priority=1))
        fetched: Counter[int] = Counter()
        for _ in range(800):
            for job in world.kube.live_jobs():
                name = job["metadata"]["name"]
                if job["metadata"].get("deletionTimestamp"):
                    world.kube.drop_job(name)
                elif chance.random() < 0.3:
                    code = chance.choice([0, 0, 0, 75, 1, 74])
                    world.kube.end_job(name, code, reason="SourceError" if code else None, photos=1)
                    if code == 0:
                        env = job["spec"]["template"]["spec"]["containers"][0]["env"]
                        spec = next(e["value"] for e in env if e["name"] == "MM_BATCH")
                        fetched.update(parse_sols(module.BatchSpec.model_validate_json(spec).sols))
                elif chance.random() < 0.02:
                    world.kube.drop_job(name)
            Clock.current += timedelta(seconds=chance.uniform(0, 3))
            try:
                await world.look()
            except Killed:
                world.restart()
            live = world.kube.live_jobs()
            assert len(live) <= 4
            batches = Counter(
                (
                    j["metadata"]["labels"]["martian-moments.io/plan"],
                    j["metadata"]["labels"]["martian-moments.io/batch"],
                )
                for j in live
            )
            assert all(count == 1 for count in batches.values())
            if {world.status(name).phase for name in "ab"} == {"Complete"}:
                break
        assert {world.status(name).phase for name in "ab"} == {"Complete"}
        assert set(fetched) == set(range(1, 51))
        assert set(fetched.values()) == {1}

    run(story())
