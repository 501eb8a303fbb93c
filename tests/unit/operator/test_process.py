"""The process: what it does at its start, what ends it, and what does not."""

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cluster_view import SOURCES, plan_body
from factories import NOW, settings
from fake_api import FakeKube
from mm_contracts.topics import Names
from mm_operator import process as module
from mm_operator.kube import ApiError
from mm_operator.process import Operator, PartEnded


class Api(FakeKube):
    """An API that may be away, and is closed at the end."""

    away = 0

    async def list(self, resource: str, selector: str = "") -> tuple[list[dict[str, Any]], str]:
        if self.away:
            self.away -= 1
            raise ApiError(0, "Unreachable", "the Kubernetes API does not answer")
        return await super().list(resource, selector)

    def close(self) -> None:
        self.calls.append(("CLOSE", "", ""))


class Watches:
    """Watches that tell nothing, and end when the test wants it."""

    made: "list[Watches]" = []  # noqa: RUF012

    def __init__(self, _namespace: str, _instance: str, told: Callable[..., None], ended: Callable[[], None]) -> None:
        self.told, self.ended = told, ended
        Watches.made.append(self)

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, _seconds: float) -> None: ...


class Intake:
    """No Kafka."""

    def __init__(self, *_: Any) -> None:
        self.handlers: dict[str, Any] = {}

    def start(self, handlers: dict[str, Any], *_: Any) -> list[Awaitable[None]]:
        self.handlers = handlers
        return []

    def done(self, _mark: Any) -> None: ...

    def stop(self) -> None: ...

    def join(self, _deadline: Any) -> None: ...


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    found = Api(now=NOW)
    Watches.made.clear()
    monkeypatch.setattr(module, "Kube", lambda _namespace: found)
    monkeypatch.setattr(module, "Watches", Watches)
    monkeypatch.setattr(module, "Intake", Intake)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    return found


async def until(condition: Callable[[], Any], process: "asyncio.Task[None]") -> None:
    """Wait for what the process is going to do, and no longer than it lives."""
    async with asyncio.timeout(30):
        while not condition():
            assert not process.done(), process.result()
            await asyncio.sleep(0.01)


def live(api: Api, kind: str) -> list[str]:
    return [job["metadata"]["name"] for job in api.live_jobs(kind)]


def run(story: Callable[["asyncio.Task[None]"], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        process = asyncio.create_task(Operator(settings(**options), SOURCES, dict, Names()).run(0))
        await story(process)
        if not process.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(process, 15)

    asyncio.run(whole())


def test_at_its_start_it_takes_up_every_plan_and_sweeps_the_bucket(api: Api) -> None:
    for name in ("a", "b"):
        api.add("plans", plan_body(name, rovers=[{"name": "Spirit", "sols": [f"{ord(name)}"]}]))

    async def story(process: "asyncio.Task[None]") -> None:
        await until(lambda: len(live(api, "ingest")) == 2 and live(api, "sweep"), process)

    run(story, sweepAfterStart="0s")
    assert ("CLOSE", "", "") in api.calls


def test_an_api_that_is_away_at_the_start_is_waited_for(api: Api) -> None:
    api.away = 3
    api.add("plans", plan_body("a"))

    async def story(process: "asyncio.Task[None]") -> None:
        await until(lambda: live(api, "ingest"), process)

    run(story)
    assert api.away == 0


def test_what_a_watch_tells_is_acted_on(api: Api) -> None:
    async def story(process: "asyncio.Task[None]") -> None:
        await until(lambda: Watches.made, process)
        body = json.loads(json.dumps(api.add("plans", plan_body("told"))))
        Watches.made[0].told("plans", "ADDED", body)
        await until(lambda: live(api, "ingest"), process)

    run(story)


@pytest.mark.usefixtures("api")
def test_when_the_watches_end_the_process_ends_with_a_reason() -> None:
    async def story(process: "asyncio.Task[None]") -> None:
        await until(lambda: Watches.made, process)
        Watches.made[0].ended()
        await asyncio.wait({process}, timeout=15)
        assert process.done(), "nobody has told it to stop"

    with pytest.raises(PartEnded, match="the watches have ended"):
        run(story)


@pytest.mark.usefixtures("api")
def test_when_a_part_fails_the_process_ends_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: Any) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(module.Janitor, "run", broken)

    async def story(process: "asyncio.Task[None]") -> None:
        await asyncio.wait({process}, timeout=15)
        assert process.done(), "nobody has told it to stop"

    with pytest.raises(PartEnded, match="of ours"):
        run(story)


def test_places_in_the_queue_are_told_on_demand(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sol, priority in (("first", 1, 5), ("third", 3, -1), ("second", 2, 0)):
        rovers = [{"name": "Spirit", "sols": [str(sol)]}]
        api.add("plans", plan_body(name, rovers=rovers, priority=priority))
    ports: list[int] = []
    listen = module.serve

    async def noting(*arguments: Any) -> Any:
        runner = await listen(*arguments)
        ports.append(next(address[1] for address in runner.addresses if len(address) == 2))  # of IPv4
        return runner

    def asked(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    monkeypatch.setattr(module, "serve", noting)

    async def story(process: "asyncio.Task[None]") -> None:
        await until(
            lambda: len(live(api, "ingest")) == 1 and len(api.kind("plans")["third"].get("status", {})), process
        )
        told = json.loads(await asyncio.to_thread(asked, "/v1/queue"))
        assert (told["limit"], told["held"], told["wanted"]) == (1, 1, 2)
        assert [(p["place"], p["plan"], p["priority"]) for p in told["queue"]] == [(1, "second", 0), (2, "third", -1)]
        assert all(place["created_at"] for place in told["queue"])
        text = await asyncio.to_thread(asked, "/metrics")
        for line in ("mars_queued_plans 2.0", 'mars_slots{state="held"} 1.0', 'mars_slots{state="limit"} 1.0'):
            assert line in text

    run(story, maxConcurrentJobs=1)
