"""When dbt runs, and what it is told."""

import pytest
from mm_contracts.batch import CoveredSols
from mm_operator import metrics
from mm_operator.metrics import JOBS_ENDED
from work_world import OWNER, Clock, World, key, run, s3, settle, tick

pytestmark = pytest.mark.usefixtures("work_clock")


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


def test_a_run_is_told_what_live_plans_have_in_hand() -> None:
    async def story() -> None:
        world = World()
        world.covered = (CoveredSols(source="nasa", rover="Spirit", sols="1-9"),)
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        await settle(world)
        assert [run.covered for run in world.runs] == [world.covered]

    run(story())


def test_a_plan_that_lets_go_of_due_gaps_has_them_looked_at_again() -> None:
    async def story() -> None:
        world = World()
        world.covered = (CoveredSols(source="nasa", rover="Spirit", sols="1-9"),)
        world.held = 4
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        await settle(world)
        assert len(world.runs) == 1
        world.covered = (CoveredSols(source="nasa", rover="Spirit", sols="1-3"),)
        await settle(world)
        assert [run.covered for run in world.runs[1:]] == [world.covered], "once, and not again and again"
        world.held, world.covered = 0, ()
        await settle(world)
        assert len(world.runs) == 3
        world.restart()
        await settle(world)
        assert len(world.runs) == 3

    run(story())


def test_how_well_sources_are_is_shown_and_a_source_that_is_gone_is_not() -> None:
    def shown(name: str, source: str) -> float | None:
        return metrics.REGISTRY.get_sample_value(f"mars_source_{name}", {"rover": "Curiosity", "source": source})

    async def story() -> None:
        world = World()
        times = {"success": "1970-01-01T00:01:00Z", "newest_end": "1970-01-01T00:02:00Z"}
        nasa = {"rover": "Curiosity", "source": "nasa", "in_charge": True, "errors": 0.5, "budget": 7, "newest": 4683}
        world.sources = [nasa | times, {"rover": "Curiosity", "source": "spare"}]
        for number in (1, 2):
            world.bucket.add(key(number))
            world.events.publish(s3(key(number)))
            await settle(world)
            if number == 1:
                assert (shown("in_charge", "nasa"), shown("in_charge", "spare")) == (1, 0)
                assert shown("last_success_timestamp_seconds", "nasa") == 60
                assert shown("newest_sol_timestamp_seconds", "nasa") == 120
                assert shown("error_ratio", "nasa") == 0.5
                assert shown("budget_remaining", "nasa") == 7
                assert shown("newest_sol", "nasa") == 4683
                assert shown("error_ratio", "spare") is None
            world.sources = world.sources[:1]
        assert shown("in_charge", "spare") is None

    run(story())


def test_steps_of_a_run_are_measured() -> None:
    async def story() -> None:
        world = World()
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        await settle(world)
        assert metrics.REGISTRY.get_sample_value("mars_transform_step_seconds", {"step": "loop"}) == 1.5

    run(story())


def test_a_run_whose_test_failed_while_the_operator_was_down_is_told_once_at_its_start() -> None:
    def told(world: World) -> list[str]:
        return [e["message"] for e in world.kube.kind("events").values() if e["reason"] == "TestFailed"]

    async def story() -> None:
        world, counted = World(transformInterval="24h"), JOBS_ENDED.labels("transform", "TestFailed")
        before = counted._value.get()
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        while not (runs := world.kube.live_jobs("transform")):
            await world.step()
            for job in world.kube.live_jobs("load", "sweep"):
                world.end(job)
            tick(1)
        (run,) = runs
        world.kube.now = Clock.current
        world.kube.end_job(run["metadata"]["name"], 1, reason="TestFailed", message="1 test failed: sane")
        tick(1800)
        for _ in range(2):
            world.restart()
            await world.step()
            assert [message.startswith("1 test failed: sane") for message in told(world)] == [True]
        # The cluster has forgotten the Event: it is old news by then.
        world.kube.kind("events").clear()
        tick(1801)
        world.restart()
        await world.step()
        assert run["metadata"]["name"] in world.kube.kind("jobs")
        assert told(world) == []
        assert counted._value.get() == before, "a start counts nothing that is over"

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
                world.kube.end_job(job["metadata"]["name"], 1, reason="TestFailed", message="1 test failed: sane")
            for job in world.kube.live_jobs():
                world.end(job)
            tick(1)
        await settle(world)
        (name,) = (name for name in world.kube.kind("jobs") if "transform" in name)
        (event,) = (e for e in world.kube.kind("events").values() if e["reason"] == "TestFailed")
        assert (event["type"], event["involvedObject"]["name"]) == ("Warning", name)
        assert event["message"].startswith("1 test failed: sane. Query")
        assert counted._value.get() == before + 1
        world.loaded.commit()
        assert world.loaded.committed == 1

    run(story())


def test_a_hand_over_is_one_event_however_many_runs_tell_of_it() -> None:
    async def story() -> None:
        world = World()
        stale = {"id": 1, "rover": "Curiosity", "source": "spare", "former": "first", "reason": "SourceStale",
                 "message": "the newest manifest of source first is 30 hours old"}  # fmt: skip
        well = stale | {"id": 2, "source": "first", "former": "spare", "reason": "SourceWell", "message": "2 manifests"}
        for number, told in enumerate(([], [stale], [stale], [stale, well]), 1):
            world.handed_over = told
            world.bucket.add(key(number))
            world.events.publish(s3(key(number)))
            await settle(world)
        assert len(world.runs) == 4
        events = [e for e in world.kube.kind("events").values() if e["involvedObject"]["name"] == OWNER["name"]]
        assert [(e["type"], e["reason"], e["message"]) for e in events] == [
            ("Warning", "SourceStale", f"Curiosity: spare is in charge in place of first: {stale['message']}"),
            ("Normal", "SourceWell", "Curiosity: first is in charge in place of spare: 2 manifests"),
        ]

    run(story())
