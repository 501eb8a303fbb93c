"""Readings that outlive a failure, the cluster's state, the settings, and the stream of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mm_contracts.connections import SettingsError
from mm_dashboard.attention import at_work, needs_a_person
from mm_dashboard.cluster import Cluster, Part, State, read_job, read_plan
from mm_dashboard.kube import Api
from mm_dashboard.live import changes, event
from mm_dashboard.marstime import conjunctions, mars_time
from mm_dashboard.settings import Settings, load
from mm_dashboard.snapshots import Snapshots
from mm_dashboard.warehouse import Away

from .fake_kube import FakeKube, job, plan, serving


class Loader:
    """Counts how often it is asked; fails while ``away``."""

    def __init__(self) -> None:
        self.calls, self.away = 0, False

    async def __call__(self) -> int:
        """Answer with the number of the call."""
        self.calls += 1
        if self.away:
            raise Away("The warehouse does not answer.")
        return self.calls


async def _settled(snapshots: Snapshots, loader: Loader) -> object:
    await snapshots.get("k", loader)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return (await snapshots.get("k", loader)).value


def test_a_reading_holds_until_the_next_dbt_run() -> None:
    async def story() -> None:
        version = ["run-1"]
        snapshots, loader = Snapshots(lambda: version[0], 0), Loader()
        assert [await _settled(snapshots, loader) for _ in range(3)] == [1, 1, 1]
        version[0] = "run-2"
        # The old one is shown while the new one is read.
        assert (await snapshots.get("k", loader)).value == 1
        assert await _settled(snapshots, loader) == 2
        assert loader.calls == 2

    asyncio.run(story())


def test_a_failure_keeps_the_last_reading_and_is_told_and_heals() -> None:
    async def story() -> None:
        version = ["run-1"]
        snapshots, loader = Snapshots(lambda: version[0], 0), Loader()
        await _settled(snapshots, loader)
        version[0], loader.away = "run-2", True
        await _settled(snapshots, loader)
        reading = await snapshots.get("k", loader)
        assert (reading.value, reading.problem) == (1, "The warehouse does not answer.")
        loader.away = False
        await _settled(snapshots, loader)
        healed = await snapshots.get("k", loader)
        assert healed.problem == ""
        assert healed.value == loader.calls

    asyncio.run(story())


def test_a_page_does_not_wait_for_a_slow_warehouse() -> None:
    async def story() -> None:
        never = asyncio.Event()

        async def slow() -> int:
            await never.wait()
            return 1

        reading = await Snapshots(lambda: "run").get("k", slow, patience=0)
        assert reading.is_loading

    asyncio.run(story())


def test_the_state_is_the_releases_own_and_a_dbt_run_renews_the_archive(
    settings_of: Callable[..., Settings],
) -> None:
    kube = FakeKube()
    other = plan("others", labels={"app.kubernetes.io/instance": "elsewhere"})
    ours = plan("ours", labels={"app.kubernetes.io/instance": "mars"})
    ended = plan("ended", "Complete", labels={"martian-moments.io/finished": "true"})
    kube.put("ingestionplans", other, ours, plan("by-hand"), ended)
    kube.put("jobs", job("t-1", "transform", "succeeded"), job("t-2", "transform"))

    async def story(url: str) -> None:
        cluster = Cluster(Api(settings_of(url)), "mars", seconds=0)
        assert cluster.version().startswith("~")
        state = await cluster.look(5)
        assert {p.name for p in state.plans} == {"ours", "by-hand", "ended"}
        assert cluster.version() == "t-1"
        kube.down = True
        await asyncio.wait([cluster._task] if cluster._task else [asyncio.create_task(asyncio.sleep(0))])
        await cluster.look(5)
        while cluster._task is not None:
            await asyncio.sleep(0.01)
        assert cluster.state.problem
        assert {p.name for p in cluster.state.plans} == {"ours", "by-hand", "ended"}

    with serving(kube) as url:
        asyncio.run(story(url))


def test_what_is_being_read_while_something_changes_is_not_taken_for_what_is_so_after_it() -> None:
    class Slow:
        """Answers with the plans that there were when it was asked, once it may."""

        def __init__(self) -> None:
            self.plans, self.asked, self.may = [plan("before")], asyncio.Event(), asyncio.Event()

        async def list(self, kind: str, selector: str, **_: object) -> list[Any]:
            live = kind == "plans" and selector.startswith("!")
            now = [*self.plans] if live else []
            self.asked.set()
            await self.may.wait()
            return now

    async def story() -> State:
        kube = Slow()
        cluster = Cluster(kube, "mars")  # type: ignore[arg-type]
        await cluster.look(0)
        await kube.asked.wait()
        kube.plans.append(plan("after"))
        cluster.forget()
        kube.may.set()
        return await cluster.look(30)

    assert {one.name for one in asyncio.run(story()).plans} == {"before", "after"}


def test_what_was_seen_long_ago_is_not_shown_as_if_it_were_so_now(settings_of: Callable[..., Settings]) -> None:
    kube = FakeKube().put("ingestionplans", plan("p"))

    async def story(url: str) -> tuple[State, State]:
        cluster = Cluster(Api(settings_of(url)), "mars", seconds=0)
        fresh = await cluster.look(5)
        cluster._state = replace(fresh, at=fresh.at - 600)
        return fresh, await cluster.look(0)

    with serving(kube) as url:
        fresh, old = asyncio.run(story(url))
    assert fresh.problem == ""
    assert old.problem == "The Kubernetes API is slow to answer."
    assert old.plans == fresh.plans


def test_a_part_that_starts_needs_nobody_yet() -> None:
    since = NOW - timedelta(seconds=90)
    part = Part("kafka", False, "its pod is Pending", since)
    assert needs_a_person(State(parts=(part,)), [], None, NOW) == []
    (item,) = needs_a_person(State(parts=(part,)), [], None, NOW + timedelta(minutes=1))
    assert item.title == "kafka is not ready"


def test_without_a_kubernetes_api_that_is_said(settings_of: Callable[..., Settings]) -> None:
    async def story() -> State:
        return await Cluster(Api(settings_of("")), "mars", seconds=0).look(5)

    assert asyncio.run(story()).problem == "There is no Kubernetes API to ask."


NOW = datetime(2025, 10, 7, 12, 30, tzinfo=UTC)


def _state(*, plans: tuple[object, ...] = (), jobs: tuple[object, ...] = ()) -> State:
    return State(tuple(map(read_plan, plans)), tuple(map(read_job, jobs)))  # type: ignore[arg-type]


def test_a_failed_plan_says_its_batchs_reason_and_advice() -> None:
    record = {"batch": 3, "state": "Failed", "reason": "SourceError", "message": "It said 500.", "advice": "Wait."}
    (item,) = needs_a_person(
        _state(plans=(plan("p", "Failed", records=[record], finishedAt="2025-10-07T12:10:00Z"),)), [], None, NOW
    )
    assert (item.level, item.sentence, item.advice, item.link) == ("bad", "It said 500.", "Wait.", "/work/plans/p")


def test_old_failures_and_failures_that_healed_are_history() -> None:
    old = plan("p", "Failed", finishedAt="2025-10-01T12:10:00Z")
    healed = (job("t-1", "transform", "failed"), job("t-2", "transform", "succeeded"))
    healed[0]["status"]["conditions"][0]["lastTransitionTime"] = "2025-10-07T12:00:00Z"
    assert needs_a_person(_state(plans=(old,), jobs=healed), [], "passed", NOW) == []


def test_failed_tests_refused_keys_and_stubborn_gaps_need_a_person() -> None:
    gap = {"rover_name": "Spirit", "reason": "SourceError", "sols": 4, "photos": 9, "attempts": 6}
    titles = [
        item.title
        for item in needs_a_person(
            State(), [gap, gap | {"reason": "Unauthorized"}, gap | {"attempts": 1}], "failed", NOW
        )
    ]
    assert titles == ["Data tests failed", "The source refuses the key", "Spirit: sols that do not come"]


def test_what_is_suspended_or_ended_does_not_run() -> None:
    suspended = job("s", "ingest")
    suspended["spec"]["suspend"] = True
    now = at_work(_state(plans=(plan("p"), plan("q", "Complete")), jobs=(job("a", "load"), suspended)))
    assert (now.jobs, [p.name for p in now.plans], now.is_quiet) == ({"load": 1}, ["p"], False)
    assert at_work(State()).is_quiet


def test_mars_time_is_that_of_the_clocks() -> None:
    # NAIF's msl.tls: sol 1 of Curiosity began 88,775.244 s after sol 0, at local midnight.
    midnight0 = 1344174599.0
    at = mars_time(datetime.fromtimestamp(midnight0 + 88_775.244 * 10.5, UTC), midnight0)
    assert (at.sol, str(at)) == (10, "sol 10, 12:00")
    bands = conjunctions(midnight0, 2000)
    assert [first for first, _ in bands] == sorted(first for first, _ in bands)
    # Measured at the source: 2013 is a hole of sols 236 to 261, 2015 one of 1005 to 1026, 2017 quiet from 1762 to 1780.
    for first, last in ((236, 261), (1005, 1026), (1762, 1780)):
        assert any(a <= last and first <= b for a, b in bands)


def test_only_changes_are_sent() -> None:
    states = iter([{"a": "1\n2", "b": "x"}, {"a": "1\n2", "b": "x"}, {"a": "3", "b": "x"}])

    async def look() -> dict[str, str]:
        return next(states)

    async def story() -> list[str]:
        return [text async for text in changes(look, period=0.001, life=0.003)]

    first, *sent = asyncio.run(story())
    assert first.startswith("retry:")
    assert sent == [event("a", "1\n2") + event("b", "x"), ": nothing new\n\n", event("a", "3")]
    assert event("a", "1\n2") == "event: a\ndata: 1\ndata: 2\n\n"


def test_actions_need_a_way_to_tell_who_acts() -> None:
    assert load({}).actions is False
    with pytest.raises(SettingsError, match="MARS_DASHBOARD_TOKEN"):
        load({"MARS_DASHBOARD_ACTIONS": "true"})
    settings = load(
        {"MARS_DASHBOARD_ACTIONS": "true", "MARS_DASHBOARD_TOKEN": "s3cret", "KUBERNETES_SERVICE_HOST": "::1"}
    )
    assert settings.kube_url == "https://[::1]:443"
    assert "s3cret" not in repr(settings)
