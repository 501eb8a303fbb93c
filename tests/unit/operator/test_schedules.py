"""Schedules into plans, where the API refuses some of them."""

import asyncio
import json
from typing import Any, cast

import pytest
from cluster_view import SOURCES
from factories import NOW, settings
from fake_api import FakeKube
from mm_operator import schedules as module
from mm_operator.core.offsets import Mark
from mm_operator.core.plan_view import read_plan, read_status
from mm_operator.kube import ApiError
from mm_operator.schedules import Schedules
from mm_operator.store import Store
from mm_operator.topics import Message

DENIED = (
    "ingestionplans.martian-moments.io \"photos-1\" is forbidden: ValidatingAdmissionPolicy 'no-urgent-plans' with "
    "binding 'no-urgent-plans' denied request: plans of priority over 100 need an approval"
)


class Letters:
    def __init__(self) -> None:
        self.reasons: list[tuple[str, str]] = []

    async def put(self, _message: Message, reason: Any, sentence: str) -> None:
        self.reasons.append((str(reason), sentence))


class World:
    """An API that refuses plans of high priority with an answer of the test's choice."""

    def __init__(self, **options: Any) -> None:
        self.kube = FakeKube(now=NOW)
        self.store = Store()
        self.letters = Letters()
        self.done: list[int] = []
        self.refusal: ApiError | None = ApiError(403, "Forbidden", DENIED)
        create = self.kube.create

        async def refusing(resource: str, body: Any) -> Any:
            if self.refusal is not None and int(body["spec"].get("priority") or 0) > 100:
                raise self.refusal
            return await create(resource, body)

        self.kube.create = refusing  # type: ignore[method-assign]
        kube, letters = cast(Any, self.kube), cast(Any, self.letters)
        done = self.note_done
        self.schedules = Schedules(kube, settings(**options), letters, [], done, self.store, SOURCES)

    def note_done(self, mark: Mark) -> None:
        self.done.append(mark.offset)

    async def publish(self, offset: int, priority: int, **more: Any) -> None:
        schedule = {"ingestion_schedule": {"tasks": [{"rover_name": "Spirit", "sol": offset}]}, "priority": priority}
        value = json.dumps(schedule | more).encode()
        await self.schedules.handle(Message(Mark("ingestion-scheduling", 0, offset), None, value))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)


async def until(condition: Any) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


def test_a_plan_that_a_policy_denies_is_a_dead_letter_and_the_next_schedule_has_its_plan() -> None:
    async def story() -> None:
        world = World()
        await world.publish(1, 900)
        await world.publish(2, 0)
        ((reason, sentence),) = world.letters.reasons
        assert reason == "PlanRefused"
        assert "need an approval" in sentence
        assert len(world.kube.kind("plans")) == 1
        assert world.done == [1, 2]

    asyncio.run(story())


def test_a_full_quota_holds_up_nobody_else_and_ends_in_a_plan_or_a_dead_letter() -> None:
    async def story() -> None:
        world = World()
        world.refusal = ApiError(403, "Forbidden", "exceeded quota: plans, requested: count/ingestionplans=1")
        await world.publish(1, 900)
        await world.publish(1, 900)  # read again after a lost connection
        await world.publish(2, 0)
        assert world.done == [2]
        assert len(world.kube.kind("plans")) == 1
        world.refusal = None
        await until(lambda: world.done == [2, 1])
        assert len(world.kube.kind("plans")) == 2
        world.refusal = ApiError(403, "Forbidden", "exceeded quota: plans")
        await world.publish(3, 900)
        await until(lambda: world.done == [2, 1, 3])
        assert [reason for reason, _ in world.letters.reasons] == ["PlanRefused"]

    asyncio.run(story())


def test_a_created_plan_is_known_at_once_and_bears_its_release() -> None:
    async def story() -> None:
        world = World(instance="mars")
        await world.publish(1, 0)
        (plan,) = world.store.plans()
        assert plan["metadata"]["labels"]["app.kubernetes.io/instance"] == "mars"

    asyncio.run(story())


def test_a_plan_keeps_why_its_source_is_asked_and_reads_it_from_nobody_s_own_annotation() -> None:
    async def story() -> None:
        world = World()
        await world.publish(1, 0, charge={"preferred": False, "reason": "SourceStale", "message": "30 hours old"})
        await world.publish(2, 0)
        told, plain = sorted(world.store.plans(), key=lambda body: "charge" not in str(body["metadata"]))
        found = read_plan(told, read_status(told), SOURCES).charge
        assert found is not None
        assert (found.preferred, found.reason, found.message) == (False, "SourceStale", "30 hours old")
        assert read_plan(plain, read_status(plain), SOURCES).charge is None
        told["metadata"]["annotations"]["martian-moments.io/charge"] = "by hand"
        assert read_plan(told, read_status(told), SOURCES).charge is None

    asyncio.run(story())


@pytest.mark.parametrize("odd", ["", "soon", "-1", "1.5", "\u0661", "9" * 10, "9" * 5000])
def test_a_plan_s_count_of_rejected_tasks_is_a_number_whatever_its_annotation_says(odd: str) -> None:
    def read(text: str) -> int:
        body = annotated({"martian-moments.io/rejected-tasks": text})
        return read_plan(body, read_status(body), SOURCES).rejected_tasks

    assert (read("12"), read(odd)) == (12, 0)


@pytest.mark.parametrize("odd", ["", "x" * 32, "c" * 33, "C" * 32, "0" * 32, "c" * 31 + "\n", "c\r\nx-other: 1"])
def test_a_trace_id_that_is_none_comes_into_no_job_s_header(odd: str) -> None:
    def read(text: str, kept: str = "") -> str:
        body = annotated({"martian-moments.io/trace-id": text}) | {"status": {"traceId": kept}}
        return read_plan(body, read_status(body), SOURCES).trace_id

    assert read("c" * 32) == "c" * 32
    assert read(odd, "d" * 32) == "d" * 32
    assert read(odd, odd) == read("")


def annotated(notes: dict[str, str]) -> dict[str, Any]:
    """Return a plan as somebody's own hands annotated it."""
    metadata = {"name": "p", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": notes}
    return {"metadata": metadata, "spec": {"rovers": [{"name": "Spirit", "sols": ["1"]}]}}
