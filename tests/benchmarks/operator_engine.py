"""Print what the operator's decisions cost, with an API that answers at once.

    uv run python -m tests.benchmarks.operator_engine [--live 1000]

The engine, the store and the controller are the product's; the API is the unit tests' own, in memory, so that what is
measured is the operator's work and nothing else. As a yardstick the same objects are created in the same run by a bare
loop over the same API. Seconds are of CPU, of this machine and this hour; the ratios mean something elsewhere. Not a
test: nothing fails on time.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "operator"))
from cluster_view import SOURCES, plan_body
from factories import settings
from fake_api import FakeKube
from mm_operator.controller import Controller
from mm_operator.core.engine import Engine
from mm_operator.core.jobs import ingest_job_name
from mm_operator.health import Health
from mm_operator.store import Store

SOLS = 100


class World:
    """The operator's parts around an API in memory; what is written is told at once, as a watch would."""

    def __init__(self, slots: int) -> None:
        self.kube = FakeKube(now=datetime.now(UTC))
        self.settings = settings(maxConcurrentJobs=slots)
        self.store = Store()
        self.controller = Controller(self.kube, self.store, self.settings, SOURCES, Health())  # type: ignore[arg-type]
        self.store.changed = self.controller.changed

    def add(self, name: str, rover: str, sols: str, **spec: Any) -> None:
        body = plan_body(name, rovers=[{"name": rover, "sols": [sols]}], **spec)
        self.store.put("plans", copy.deepcopy(self.kube.add("plans", body)))

    async def settle(self) -> None:
        while True:
            self.controller.decide()
            if not self.controller._tasks:
                return
            await self.controller.settled()

    def writes(self) -> int:
        return sum(call[:2] == ("PATCH", "plans/status") for call in self.kube.calls)


def cpu() -> float:
    """Return the seconds of CPU that this process has used."""
    return time.process_time()


def memory() -> float:
    """Return the resident megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def sols_of(number: int) -> tuple[str, str]:
    """Return a rover and 100 sols that no other of some thousand plans has."""
    rover = ("Curiosity", "Spirit", "Opportunity", "Perseverance")[number % 4]
    first = number // 4 * SOLS
    return rover, f"{first}-{first + SOLS - 1}"


async def bare_loop(count: int) -> float:
    """Create as many plans and Jobs, and store as many statuses, with nothing decided."""
    kube, world = FakeKube(now=datetime.now(UTC)), World(1)
    world.add("one", *sols_of(0))
    world.controller.decide()
    await world.controller.settled()
    status = world.kube.kind("plans")["one"]["status"]
    job = next(iter(world.kube.kind("jobs").values()))
    began = cpu()
    for number in range(count):
        name = f"p{number}"
        body = plan_body(name, rovers=[{"name": sols_of(number)[0], "sols": [sols_of(number)[1]]}])
        await kube.create("plans", body)
        await kube.patch("plans", name, {"status": status}, "status")
        await kube.create("jobs", job | {"metadata": job["metadata"] | {"name": ingest_job_name(name, 0, 1)}})
    return cpu() - began


async def accept(live: int) -> None:
    print(f"bare loop: create {live} plans, statuses and Jobs    {await bare_loop(live):7.2f} s of CPU")
    before, world = memory(), World(slots=4)
    began = cpu()
    for number in range(live):
        world.add(f"p{number}", *sols_of(number))
    await world.settle()
    print(f"accept {live} plans of {SOLS} sols, 4 slots           {cpu() - began:7.2f} s of CPU")
    print(f"memory for them, the API's own copy included     {memory() - before:7.0f} MB")
    world.kube.calls.clear()
    name = world.kube.live_jobs()[0]["metadata"]["name"]
    world.kube.end_job(name, 0, photos=1)
    began = cpu()
    world.store.put("pods", copy.deepcopy(world.kube.kind("pods")[f"{name}-pod"]))
    world.store.put("jobs", copy.deepcopy(world.kube.kind("jobs")[name]))
    await world.settle()
    print(f"the first Job's end: {world.writes()} status writes            {(cpu() - began) * 1000:7.1f} ms of CPU")
    began, passes = cpu(), 0
    while cpu() - began < 0.2:
        world.controller.decide()
        passes += 1
    print(f"a pass where nothing has changed                 {(cpu() - began) / passes * 1e6:7.1f} us of CPU")


async def per_plan(live: int) -> None:
    for count in (live // 10, live):
        world = World(slots=10 * live)
        for number in range(count):
            world.add(f"p{number}", *sols_of(number), parallelism=1)
        await world.settle()
        began = cpu()
        for number in range(count, count + 100):
            world.add(f"p{number}", *sols_of(number), parallelism=1)
            await world.settle()
        print(f"one plan more, with its Job, {count:5} live            {(cpu() - began) * 10:7.2f} ms of CPU")


def big_plan() -> None:
    world = World(slots=4)
    body = world.kube.add(
        "plans", plan_body("big", rovers=[{"name": "Curiosity", "sols": ["0-9999"]}], batch={"maxSols": 1})
    )
    engine = Engine(world.settings, SOURCES)
    engine.put_plan(body)
    began = cpu()
    (decision,) = engine.run(datetime.now(UTC)).decisions
    print(f"accept a plan of 10,000 batches                  {(cpu() - began) * 1000:7.1f} ms of CPU")
    done = ",".join(str(number) for number in range(0, 9000, 2))
    status = decision.outcome.status.model_copy(update={"completed_indexes": done, "records": []})
    stored = body | {"status": status.model_dump(by_alias=True, exclude_none=True, mode="json")}
    stored["metadata"]["resourceVersion"] = "999"
    engine = Engine(world.settings.model_copy(update={"max_concurrent_jobs": 1}), SOURCES)
    engine.put_plan(stored)
    engine.run(datetime.now(UTC))
    engine.applied("big")
    seconds = []
    for _ in range(50):
        engine._touch("big")
        began = cpu()
        engine.run(datetime.now(UTC))
        seconds.append(cpu() - began)
        engine.applied("big")
    print(f"one look at it, half of it done in turns         {sorted(seconds)[25] * 1000:7.2f} ms of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description="Print what the operator's decisions cost.")
    parser.add_argument("--live", type=int, default=1000, help="live plans (1000)")
    live = parser.parse_args().live
    asyncio.run(accept(live))
    asyncio.run(per_plan(live))
    big_plan()


if __name__ == "__main__":
    main()
