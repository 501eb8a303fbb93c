"""Schedules, loads and dbt runs, with sudden ends in between."""

import json
from collections import Counter
from typing import Any

import pytest
from cluster_view import SOURCES
from fake_api import Killed
from mm_operator.core.offsets import Mark
from mm_operator.schedules import Schedules
from mm_operator.topics import Message
from work_world import World, key, run, s3, settle, tick

pytestmark = pytest.mark.usefixtures("work_clock")


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


def pod_of(world: World, job: dict[str, Any], **status: Any) -> dict[str, Any]:
    """Give a Job a pod in some state."""
    name = job["metadata"]["name"]
    labels = {**job["metadata"]["labels"], "job-name": name}
    return world.kube.add("pods", {"metadata": {"name": f"{name}-pod", "labels": labels}, "status": status})


def test_a_load_that_cannot_start_is_given_up() -> None:
    async def story() -> None:
        world = World(stuckAfter="30s")
        tick(1)
        await world.step()
        (job,) = world.kube.live_jobs("sweep")
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        pod_of(world, job, phase="Pending", containerStatuses=[{"name": "main", "state": waiting}])
        for _ in range(2):
            await world.step()
            assert job["spec"]["activeDeadlineSeconds"] > 1
        tick(31)
        await world.step()
        assert world.kube.kind("jobs")[job["metadata"]["name"]]["spec"]["activeDeadlineSeconds"] == 1

    run(story())


@pytest.mark.parametrize("kind", ["sweep", "load", "transform"])
def test_a_lost_node_holds_up_no_load_and_no_dbt_run(kind: str) -> None:
    async def story() -> None:
        world = World()
        if kind != "sweep":
            await settle(world)
        world.bucket.add(key(1))
        world.events.publish(s3(key(1)))
        while not (jobs := world.kube.live_jobs(kind)):
            await world.step()
            for job in world.kube.live_jobs():
                if kind not in job["metadata"]["name"]:
                    world.end(job)
            tick(1)
        (job,) = jobs
        pod = pod_of(world, job, phase="Running")
        pod["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 5}
        world.kube.stamp(pod)
        await world.step()
        tick(30)
        await world.step()
        assert len(world.kube.live_jobs(kind)) == 1
        tick(10)
        lost = job["metadata"]["name"]
        for _ in range(20):
            await world.step()
            for other in world.kube.live_jobs():
                if other["metadata"]["name"] != lost:
                    world.end(other)
            tick(1)
        assert world.built == {key(1)}
        world.events.commit()
        world.loaded.commit()
        assert (world.events.committed, world.loaded.committed) == (1, 1)

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
        assert world.transforms._waiting().count == 1
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


def test_sweeps_go_on_after_their_jobs_have_been_deleted() -> None:
    async def sweeps_after(world: World, seconds: float) -> int:
        tick(seconds)
        for name in list(world.kube.kind("jobs")):
            world.kube.drop_job(name)
        await settle(world, rounds=4)
        return sum(spec.sweep for spec in world.specs)

    async def story() -> None:
        world = World(sweepInterval="10m")
        await settle(world)
        assert await sweeps_after(world, 400) == 1
        world.loads.request_sweep("somebody asked")
        assert await sweeps_after(world, 0) == 2
        # Not 10 minutes after the start, but after the last one.
        assert await sweeps_after(world, 400) == 2
        assert await sweeps_after(world, 200) == 3
        assert await sweeps_after(world, 600) == 4

    run(story())


def test_a_schedule_that_is_read_again_makes_no_second_plan() -> None:
    async def story() -> None:
        world = World()
        done: list[Mark] = []
        handler = Schedules(world.kube, world.settings, world.letters, [], done.append, world.store, SOURCES)  # type: ignore[arg-type]
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
def test_killed_at_any_call_every_object_is_loaded_and_built_and_runs_are_single(seed: int) -> None:
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
        world.kube.kill_rate = 0.0
        world.loads.request_sweep("the test's end")
        await settle(world)
        ended = {job["metadata"]["uid"] for job in world.kube.kind("jobs").values()}
        # A Job's own record goes along with the one after it.
        assert len(ended - world.history_kept.keys()) <= 2
        assert len(world.history) <= 2, "what is kept is told no more"
        assert len(world.history_kept) > 10

    run(story())
