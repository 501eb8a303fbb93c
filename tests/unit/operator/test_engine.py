"""The pass over all plans: slots, coverage, lost nodes, refusals; and that a decision costs what has changed."""

from dataclasses import replace
from typing import Any

import pytest
from cluster_view import ClusterView
from mm_operator.core import engine as module
from mm_operator.core.batches import Refusal
from mm_operator.core.observe import LOST_AFTER, SIDECAR_AFTER, Job, Pod
from mm_operator.core.progress import CreateJob


def view(**options: Any) -> ClusterView:
    return ClusterView(options)


def terminating(cluster: ClusterView, name: str) -> None:
    """The Job's pod is being deleted, and its node does not answer."""
    pod = Pod("pod", phase="Running", terminating=True, grace_seconds=5, since=cluster.now)
    cluster.put(replace(cluster.jobs[name], pods=(pod,)))


def test_a_lost_node_frees_the_slot_and_its_batch_is_tried_again_without_using_up_a_retry() -> None:
    cluster = view(maxConcurrentJobs=1)
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}], retry={"limit": 0})
    cluster.step()
    terminating(cluster, "p-0-1")
    cluster.step()
    assert [job.name for job in cluster.live()] == ["p-0-1"]
    cluster.tick(5 + LOST_AFTER.total_seconds())
    cluster.step()
    assert cluster.live() == []
    (record,) = cluster.status("p").records
    assert (record.state, record.reason) == ("Waiting", "NodeLost")
    cluster.tick(15)
    cluster.step()
    assert [job.name for job in cluster.live()] == ["p-0-2"]
    cluster.end("p-0-2", photos=1)
    cluster.step()
    assert cluster.status("p").phase == "Complete"


def test_what_changes_while_a_decision_is_carried_out_is_decided_about_afterwards() -> None:
    cluster = view()
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1", "2"]}])
    cluster.step()
    cluster.end("p-0-1", photos=1)
    (first,) = cluster.engine.run(cluster.now).decisions
    assert first.outcome.status.batches.succeeded == 1
    cluster.end("p-1-1", photos=1)
    assert cluster.engine.run(cluster.now).decisions == [], "one decision about a plan at a time"
    assert not cluster.engine.pending
    cluster.engine.applied("p")
    (second,) = cluster.engine.run(cluster.now).decisions
    assert second.outcome.status.batches.succeeded == 2


def test_a_slot_is_taken_from_the_decision_on_and_not_only_once_its_job_is_there() -> None:
    cluster = view(maxConcurrentJobs=1)
    cluster.add("first", rovers=[{"name": "Spirit", "sols": ["1"]}])
    (decision,) = cluster.engine.run(cluster.now).decisions
    assert [type(action) for action in decision.outcome.actions] == [CreateJob]
    cluster.add("second", rovers=[{"name": "Spirit", "sols": ["2"]}], priority=9)
    (waits,) = cluster.engine.run(cluster.now).decisions
    assert (waits.name, waits.outcome.actions) == ("second", ())


def test_after_a_restart_what_a_younger_plan_fetches_stays_its_own() -> None:
    cluster = view()
    cluster.add("old", rovers=[{"name": "Spirit", "sols": ["1"]}], retry={"limit": 0})
    cluster.step()
    cluster.end("old-0-1", 69, reason="SourceGone", message="gone")
    cluster.step()
    cluster.tick(1)
    cluster.add("young", rovers=[{"name": "Spirit", "sols": ["1"]}])
    cluster.step()
    cluster.reopen("old", "again")
    cluster.step()
    assert [job.name for job in cluster.live()] == ["young-0-1"]
    cluster.restart()
    cluster.step()
    assert [job.name for job in cluster.live()] == ["young-0-1"]
    cluster.end("young-0-1", photos=1)
    cluster.step()
    assert [job.plan for job in cluster.live()] == ["old"]


def test_a_plan_keeps_the_cut_with_which_it_was_accepted_whoever_accepted_it() -> None:
    """Indexes of its status lean on the cut: with another one sols that were never fetched would count as done."""
    cluster = view()
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["0-99"]}], batch={"maxSols": 50, "maxPhotos": 2_000})
    cluster.step()
    status = cluster.plans["p"]["status"]
    assert (status["batchSols"], status["batches"]["total"]) == (10, 10)
    # As a version before wrote it, which cut by maxSols alone.
    del status["batchSols"]
    status |= {"completedIndexes": "0", "records": [], "batches": {"total": 2, "succeeded": 1}}
    cluster.jobs.clear()
    cluster.restart()
    cluster.step()
    assert [cluster.specs[job.name] for job in cluster.live()] == [("Spirit", tuple(range(50, 100)))]
    assert cluster.plans["p"]["status"]["batchSols"] == 50
    cluster.restart()
    cluster.step()
    assert len(cluster.live()) == 1


def test_the_pass_says_when_a_pod_counts_as_lost() -> None:
    cluster = view()
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}])
    cluster.step()
    terminating(cluster, "p-0-1")
    cluster.step()
    moment = cluster.engine.next_moment
    assert moment is not None
    assert (moment - cluster.now).total_seconds() == 5 + LOST_AFTER.total_seconds()


def test_a_pod_that_cannot_start_is_given_up_at_the_very_moment_that_was_told() -> None:
    cluster = view(stuckAfter="20s")
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}], retry={"limit": 0})
    cluster.step()
    pod = Pod("pod", waiting_reason="ImagePullBackOff", since=cluster.now)
    cluster.put(replace(cluster.jobs["p-0-1"], pods=(pod,)))
    cluster.step()
    moment = cluster.engine.next_moment
    assert moment is not None
    cluster.now = moment
    cluster.step()
    assert cluster.status("p").phase == "Failed"


def test_a_suspended_plan_frees_its_slots_and_asks_for_them_again() -> None:
    cluster = view(maxConcurrentJobs=4)
    cluster.add("long", parallelism=4)
    cluster.step()
    assert len(cluster.running()) == 4
    cluster.add("urgent", priority=1000, rovers=[{"name": "Curiosity", "sols": ["1-20"]}], parallelism=4)
    cluster.step()
    assert not [job for job in cluster.live() if job.plan == "urgent"]
    cluster.change("long", suspend=True)
    cluster.step()
    assert [job.plan for job in cluster.running()] == ["urgent"] * 4
    assert cluster.status("long").phase == "Suspended"
    for restarted in (False, True):
        if restarted:
            cluster.restart()
        cluster.change("long", suspend=False)
        cluster.step()
        assert len(cluster.running()) == 4, "resumed Jobs wait for slots, too"
        cluster.change("long", suspend=True)
        cluster.step()
    cluster.change("long", suspend=False)
    for job in list(cluster.running()):
        cluster.end(job.name)
    cluster.step()
    assert {job.plan for job in cluster.running()} == {"long"}
    assert len(cluster.running()) == 4


def test_a_suspended_plan_keeps_nothing_busy() -> None:
    cluster = view()
    cluster.add("p")
    cluster.step()
    assert cluster.engine.busy
    cluster.change("p", suspend=True)
    cluster.step()
    assert not cluster.engine.busy


def test_due_retries_without_a_slot_cause_no_look_until_something_changes() -> None:
    cluster = view(maxConcurrentJobs=1)
    cluster.add("hog", priority=10, rovers=[{"name": "Curiosity", "sols": ["1"]}])
    cluster.step()
    for number in range(20):
        cluster.add(f"p{number}", rovers=[{"name": "Opportunity", "sols": [str(number)]}], retry={"backoff": "1s"})
    cluster.step()
    # Each had a Job that failed, while there was room.
    for number in range(20):
        name = f"p{number}"
        uid = cluster.plans[name]["metadata"]["uid"]
        cluster.put(Job(f"{name}-0-1", "ingest", plan=name, batch=0, owner_uid=uid))
        cluster.end(f"{name}-0-1", 75, reason="SourceError", message="500")
    cluster.step()
    cluster.tick(60)
    cluster.step()
    assert cluster.engine.slots.wanted == 20
    assert cluster.step() == 0
    assert cluster.engine.next_moment is None
    assert not cluster.engine.pending


def test_one_plan_that_cannot_be_worked_out_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = view(maxConcurrentJobs=4)
    cluster.add("bad", parallelism=2)
    cluster.step()
    real = module.count_progress

    def failing(plan: Any, *more: Any, **other: Any) -> Any:
        if plan.name == "bad":
            raise OverflowError("date value out of range")
        return real(plan, *more, **other)

    monkeypatch.setattr(module, "count_progress", failing)
    cluster.change("bad", priority=1)
    cluster.add("good", rovers=[{"name": "Curiosity", "sols": ["1-40"]}], parallelism=4)
    result = cluster.engine.run(cluster.now)
    assert [name for name, _ in result.errors] == ["bad"]
    for decision in result.decisions:
        cluster.carry_out(decision)
    assert len([job for job in cluster.live() if job.plan == "good"]) == 2, "two slots are held by the bad plan's Jobs"
    assert cluster.engine.next_moment is not None, "it is looked at again"
    cluster.restart()
    for decision in cluster.engine.run(cluster.now).decisions:
        cluster.carry_out(decision)
    assert len(cluster.live()) == 4, "also after a restart"


def test_a_backoff_beyond_all_dates_is_one_day() -> None:
    cluster = view()
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}], retry={"backoff": "9999h", "maxBackoff": "9999h"})
    cluster.step()
    cluster.end("p-0-1", 75, reason="SourceError", message="500")
    cluster.step()
    moment = cluster.engine.next_moment
    assert moment is not None
    assert (moment - cluster.now).total_seconds() < 2 * 86_400


def test_a_rover_that_is_done_is_not_in_hand_any_more() -> None:
    cluster = view()
    rovers = [{"name": name} for name in ("Curiosity", "Spirit")]
    cluster.add("m", dataset="manifests", rovers=rovers)
    cluster.step()
    cluster.end("m-0-1")
    cluster.end("m-1-1", 75, reason="RateLimited", message="429")
    cluster.step()
    cluster.add("again", dataset="manifests", rovers=rovers)
    cluster.step()
    assert [d.rover for d in cluster.status("again").dropped] == ["Spirit"]
    assert [job.plan for job in cluster.live()] == ["again"]


def test_a_covered_plan_waits_for_the_other_and_takes_the_sols_back_where_that_is_deleted() -> None:
    cluster = view(maxConcurrentJobs=10)
    cluster.add("first", parallelism=1)
    cluster.step()
    cluster.add("second", rovers=[{"name": "Spirit", "sols": ["1-30"]}])
    cluster.step()
    assert (cluster.status("second").phase, cluster.status("second").reason) == ("Running", "Covered")
    cluster.end("first-0-1")
    cluster.step()
    cluster.delete("first")
    cluster.step()
    assert {d.ended for d in cluster.status("second").dropped} == {"Fetched", "Returned"}
    for _ in range(9):
        for job in list(cluster.live()):
            cluster.end(job.name)
        cluster.step()
    assert cluster.status("second").phase == "Complete"
    fetched = [sol for name, (_, sols) in cluster.specs.items() if name.startswith("second") for sol in sols]
    assert sorted(fetched) == list(range(6, 31)), "what the first one had fetched is not fetched again"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_covered_plan_ends_with_the_other(restarted: bool) -> None:
    cluster = view(maxConcurrentJobs=10)
    cluster.add("first", parallelism=6)
    cluster.step()
    cluster.add("second")
    cluster.step()
    for job in list(cluster.live()):
        cluster.end(job.name)
    if restarted:
        # The first one ends and is forgotten; the process that did it is gone before the second one knows.
        for decision in cluster.engine.run(cluster.now).decisions:
            cluster.carry_out(decision)
        cluster.restart()
    cluster.step()
    status = cluster.status("second")
    assert (status.phase, status.reason, status.batches.total) == ("Complete", "AlreadyCovered", 0)


def test_sols_that_a_live_plan_failed_for_good_are_taken_by_a_new_one() -> None:
    cluster = view(maxConcurrentJobs=10)
    cluster.add("first", parallelism=1, retry={"limit": 0})
    cluster.step()
    cluster.end("first-0-1", 75, reason="SourceError", message="500")
    cluster.step()
    assert cluster.status("first").phase == "Running"
    cluster.add("second", rovers=[{"name": "Spirit", "sols": ["1-6"]}])
    cluster.step()
    assert [(d.sols, d.plan) for d in cluster.status("second").dropped] == [("6", "first")]
    assert {job.plan for job in cluster.live()} == {"first", "second"}


def test_a_reopened_plan_waits_for_sols_that_another_is_fetching() -> None:
    cluster = view(maxConcurrentJobs=10)
    cluster.add("old", rovers=[{"name": "Spirit", "sols": ["1-5"]}], retry={"limit": 0})
    cluster.step()
    cluster.end("old-0-1", 75, reason="SourceError", message="500")
    cluster.step()
    assert cluster.status("old").phase == "Failed"
    cluster.add("new", rovers=[{"name": "Spirit", "sols": ["3"]}])
    cluster.step()
    cluster.reopen("old", "again")
    cluster.step()
    assert [job.name for job in cluster.live()] == ["new-0-1"]
    cluster.end("new-0-1")
    cluster.step()
    assert [job.name for job in cluster.live()] == ["old-0-2"]


def refusing(cluster: ClusterView, code: int, reason: str) -> int:
    """End all Jobs so, until nothing runs; return how many there were."""
    count = 0
    for _ in range(50):
        cluster.step()
        running = cluster.live()
        if not running:
            break
        for job in running:
            count += 1
            cluster.end(job.name, code, reason=reason, message="the key was refused")
        cluster.tick(1)
    return count


@pytest.mark.parametrize("parallelism", [1, 3, 8])
def test_a_wrong_key_costs_as_many_jobs_as_run_at_a_time_and_one_sentence(parallelism: int) -> None:
    cluster = view(maxConcurrentJobs=8)
    rovers = [{"name": name, "sols": ["1-1000"]} for name in ("Curiosity", "Spirit", "Opportunity", "Perseverance")]
    cluster.add("p", rovers=rovers, batch={"maxSols": 4}, parallelism=parallelism)
    assert refusing(cluster, 64, "Unauthorized") <= parallelism
    status = cluster.status("p")
    assert (status.phase, status.reason, status.batches.failed) == ("Failed", "Unauthorized", 1000)
    assert "not tried, because the source refuses" in next(c.message for c in status.conditions if c.type == "Failed")
    told = [n for d in cluster.decisions for n in d.outcome.notices if "are not tried" in n.message]
    assert len(told) == 1
    cluster.reopen("p", "key corrected")
    cluster.step()
    assert len(cluster.live()) == parallelism
    for job in cluster.live():
        cluster.end(job.name)
    cluster.step()
    assert cluster.status("p").batches.succeeded == parallelism


def test_a_rover_that_a_source_lacks_costs_the_other_rovers_nothing() -> None:
    cluster = view(maxConcurrentJobs=4)
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1-100"]}, {"name": "Curiosity", "sols": ["1-100"]}])
    bad = 0
    for _ in range(60):
        cluster.step()
        for job in cluster.live():
            if cluster.specs[job.name][0] == "Spirit":
                bad += 1
                cluster.end(job.name, 69, reason="SourceGone", message="404")
            else:
                cluster.end(job.name)
        cluster.tick(1)
    status = cluster.status("p")
    assert (status.phase, status.batches.succeeded, status.batches.failed) == ("Failed", 20, 20)
    assert bad <= 8


def test_a_job_that_a_quota_refuses_holds_no_slot_and_uses_up_no_retry() -> None:
    cluster = view(maxConcurrentJobs=1)
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}], retry={"limit": 0})
    (decision,) = cluster.engine.run(cluster.now).decisions
    waits = []
    for attempt in range(1, 6):
        (create,) = [a for a in decision.outcome.actions if isinstance(a, CreateJob)]
        decision.outcome.__dict__["actions"] = ()
        cluster.carry_out(decision)
        cluster.engine.refuse("p", f"p-0-{create.attempt}", Refusal("exceeded quota: jobs", quota=True))
        cluster.change("p")
        cluster.step()
        (record,) = cluster.status("p").records
        assert (record.state, record.reason, record.attempts) == ("Waiting", "Quota", attempt)
        assert cluster.engine.slots.held == 0
        moment = cluster.engine.next_moment
        assert moment is not None
        waits.append((moment - cluster.now).total_seconds())
        cluster.now = moment
        (decision,) = cluster.engine.run(cluster.now).decisions
    assert waits == sorted(waits)
    assert waits[0] >= 15
    assert waits[-1] >= 200


def test_a_job_that_a_rule_refuses_says_refused_and_comes_to_an_end() -> None:
    cluster = view()
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}], retry={"limit": 1, "backoff": "1s"})
    for attempt in (1, 2):
        (decision,) = cluster.engine.run(cluster.now).decisions
        decision.outcome.__dict__["actions"] = ()
        cluster.carry_out(decision)
        cluster.engine.refuse("p", f"p-0-{attempt}", Refusal("the policy says no"))
        cluster.change("p")
        cluster.step()
        cluster.tick(5)
    status = cluster.status("p")
    assert (status.phase, status.reason) == ("Failed", "Refused")
    assert "the policy says no" in status.records[0].message


def test_a_sidecar_that_keeps_the_pod_is_told_and_then_its_job_is_deleted() -> None:
    cluster = view(maxConcurrentJobs=1)
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}])
    cluster.step()
    (end,) = (pod for pod in [Pod("pod", phase="Running", exit_code=0, others_running=("istio-proxy",))])
    cluster.put(replace(cluster.jobs["p-0-1"], pods=(replace(end, since=cluster.now),)))
    cluster.step()
    assert cluster.status("p").reason == "SidecarKeepsPod"
    assert "istio-proxy" in cluster.status("p").records[0].message
    cluster.tick(SIDECAR_AFTER.total_seconds())
    cluster.step()
    assert cluster.status("p").phase == "Complete"
    assert cluster.live() == []


def test_a_retry_after_of_one_second_is_no_storm() -> None:
    cluster = view(maxConcurrentJobs=1)
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}])
    tries = 0
    until = cluster.now.timestamp() + 600
    while cluster.now.timestamp() < until:
        cluster.step()
        for job in cluster.live():
            tries += 1
            cluster.end(job.name, 75, reason="RateLimited", message="429", retry_at="2026-01-01T12:00:01Z")
        cluster.tick(1)
    assert tries <= 7


def test_jobs_of_a_deleted_plan_hold_their_slot_until_they_have_ended() -> None:
    cluster = view(maxConcurrentJobs=1)
    cluster.add("gone", rovers=[{"name": "Spirit", "sols": ["1"]}])
    cluster.step()
    job = cluster.jobs["gone-0-1"]
    cluster.delete("gone")
    cluster.put(job)
    cluster.add("next", rovers=[{"name": "Spirit", "sols": ["2"]}])
    cluster.step()
    assert [job.name for job in cluster.live()] == ["gone-0-1"]
    cluster.drop("gone-0-1")
    cluster.step()
    assert [job.name for job in cluster.live()] == ["next-0-1"]


def test_an_ended_job_whose_pods_no_watch_has_told_of_is_asked_about_before_it_counts() -> None:
    cluster = view()
    cluster.add("p", rovers=[{"name": "Spirit", "sols": ["1"]}])
    cluster.step()
    cluster.put(replace(cluster.jobs["p-0-1"], state="succeeded"))
    (decision,) = cluster.engine.run(cluster.now).decisions
    assert (decision.pods_of, decision.changed) == (("p-0-1",), False)
    cluster.carry_out(decision)
    cluster.step()
    assert cluster.status("p").phase == "Complete"


def test_a_pass_looks_at_what_has_changed_and_writes_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = view(maxConcurrentJobs=4)
    for number in range(300):
        cluster.add(f"p{number:03}", rovers=[{"name": "Curiosity", "sols": [f"{number * 10}-{number * 10 + 9}"]}])
    cluster.step(rounds=10)
    looks: list[str] = []
    real = module.count_progress

    def counting(plan: Any, *more: Any, **other: Any) -> Any:
        looks.append(plan.name)
        return real(plan, *more, **other)

    monkeypatch.setattr(module, "count_progress", counting)
    decided = len(cluster.decisions)
    cluster.end(cluster.live()[0].name)
    cluster.step()
    assert len(looks) <= 8
    assert len(cluster.decisions) - decided <= 3
    assert cluster.engine.slots.queue()[0].plan.startswith("p")
    assert "place" not in cluster.message("p200")


def test_a_fresh_engine_decides_nothing_that_the_old_one_did_not() -> None:
    cluster = view(maxConcurrentJobs=4)
    for number in range(5):
        cluster.add(f"p{number}", rovers=[{"name": "Curiosity", "sols": [f"{number}-{number + 12}"]}])
    cluster.step(rounds=10)
    before = {name: cluster.status(name) for name in cluster.plans}
    jobs = set(cluster.jobs)
    cluster.restart()
    assert cluster.step() == 0
    assert set(cluster.jobs) == jobs
    assert {name: cluster.status(name) for name in cluster.plans} == before
