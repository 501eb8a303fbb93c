"""When loads, sweeps and dbt runs start."""

from dataclasses import replace

import pytest
from factories import NOW, seconds, settings, work
from mm_operator.core.fold import (
    Decision,
    Sweeps,
    Waiting,
    completed,
    decide_load,
    decide_transform,
    failures_since_success,
)
from mm_operator.core.observe import Job

LOADS = settings(loadFoldSeconds=1.0, loadMaxDelay="5s", sweepInterval="10m", jobBackoff="10s", jobMaxBackoff="1m")
RUNS = settings(transformFoldSeconds=2.0, transformMaxDelay="60s", transformInterval="1h", jobBackoff="10s")


def load(
    now: float,
    jobs: list[Job] | None = None,
    count: int = 0,
    since: float = 0,
    asked: float | None = None,
    busy: bool = False,
    swept: float | None = None,
) -> Decision:
    waiting = Waiting(count, NOW + seconds(since) if count else None)
    requested_at, last_at = (None if at is None else NOW + seconds(at) for at in (asked, swept))
    sweeps = Sweeps(NOW, requested_at, last_at)
    return decide_load(NOW + seconds(now), waiting, jobs or [], sweeps, busy, LOADS)


def run(now: float, jobs: list[Job] | None = None, count: int = 0, since: float = 0, busy: bool = False) -> Decision:
    waiting = Waiting(count, NOW + seconds(since) if count else None)
    return decide_transform(NOW + seconds(now), waiting, jobs or [], busy, NOW, RUNS)


def test_a_first_event_waits_for_others_and_then_they_share_a_load() -> None:
    assert load(0.2, count=1) == Decision(wake_at=NOW + seconds(1))
    assert load(1, count=3).start == "load"
    assert load(0.2, count=LOADS.load_max_objects).start == "load"


def test_while_batches_run_a_load_waits_for_more_objects() -> None:
    assert load(1, count=1, busy=True) == Decision(wake_at=NOW + seconds(5))
    assert load(5, count=1, busy=True).start == "load"
    assert load(1, count=LOADS.load_max_objects, busy=True).start == "load"


def test_loads_are_single_flight() -> None:
    assert load(100, [work("load")], count=9).start is None
    assert load(100, [work("sweep")], count=9).start is None
    assert load(100, [work("load", "succeeded")], count=9).start == "load"


def test_more_loads_at_a_time_where_that_is_set_but_never_beside_a_sweep() -> None:
    two = settings(loadParallelism=2)
    waiting, none = Waiting(1, NOW), Sweeps(NOW)
    assert decide_load(NOW + seconds(9), waiting, [work("load")], none, False, two).start == "load"
    assert decide_load(NOW + seconds(9), waiting, [work("load"), work("load", at=1)], none, False, two).start is None
    assert decide_load(NOW + seconds(9), waiting, [work("sweep")], none, False, two).start is None
    assert decide_load(NOW + seconds(9), Waiting(), [work("load")], Sweeps(NOW, NOW), False, two).start is None


def test_a_sweep_comes_when_asked_for_and_every_interval() -> None:
    assert load(5, asked=15) == Decision(wake_at=NOW + seconds(15))
    assert load(15, asked=15).start == "sweep"
    done = [work("sweep", "succeeded", at=20)]
    assert load(30, done) == Decision(wake_at=NOW + seconds(620))
    assert load(620, done).start == "sweep"


def test_sweeps_go_on_where_no_job_is_left_to_count_from() -> None:
    # counted from the process's start, or from the last sweep that it has seen
    assert load(30) == Decision(wake_at=NOW + seconds(600))
    assert load(600).start == "sweep"
    assert load(700, swept=400) == Decision(wake_at=NOW + seconds(1000))
    assert load(1000, swept=400).start == "sweep"
    # a Job that exists is later news than what is remembered, and earlier news counts for nothing
    assert load(1000, [work("sweep", "succeeded", at=500)], swept=400).start is None
    assert load(1000, [work("sweep", "succeeded", at=300)], swept=400).start == "sweep"
    # a sweep that is gone has made good what had failed before it
    assert load(700, [work("load", "failed", at=300)], swept=400).start is None
    assert load(700, [work("load", "failed", at=500)], swept=400).start == "sweep"


def test_a_failed_load_is_made_good_by_a_sweep_after_its_backoff() -> None:
    jobs = [work("sweep", "succeeded", at=0), work("load", "failed", at=50)]
    early = load(56, jobs)
    assert early.start is None
    assert early.wake_at is not None
    assert seconds(10) <= early.wake_at - (NOW + seconds(55)) <= seconds(12)
    assert load(68, jobs).start == "sweep"
    assert load(68, [*jobs, work("sweep", "succeeded", at=60)]).start is None


def test_failures_back_off_longer_and_longer_and_a_restart_remembers_them() -> None:
    jobs = [work("sweep", "failed", at=n * 100, end=n * 100 + 1) for n in range(3)]
    wake = load(202, jobs, asked=0).wake_at
    assert wake is not None
    assert seconds(40) <= wake - (NOW + seconds(201)) <= seconds(48)


def test_a_failed_sweep_holds_up_no_new_object() -> None:
    jobs = [work("sweep", "failed", at=0)]
    assert load(6, jobs, count=1, asked=0).start == "load"
    # and where loads fail too, both wait
    assert load(12, [*jobs, work("load", "failed", at=6)], count=1, asked=0).start is None


def test_a_sweep_that_is_spoilt_again_and_again_lets_loads_through() -> None:
    jobs = [work("sweep", "failed", at=n * 100, end=n * 100 + 1) for n in range(5)]
    assert load(1000, jobs, count=1, since=999, asked=0).start == "load"


def test_dbt_waits_for_more_loads_and_is_single_flight() -> None:
    assert run(1, count=1) == Decision(wake_at=NOW + seconds(2))
    assert run(2, count=1).start == "transform"
    assert run(2, [work("transform")], count=1) == Decision()


def test_dbt_waits_until_batches_have_settled_but_not_for_ever() -> None:
    assert run(30, count=1, busy=True) == Decision(wake_at=NOW + seconds(60))
    assert run(60, count=1, busy=True).start == "transform"
    assert run(30, count=1, busy=False).start == "transform"


def test_a_failed_run_is_retried_with_backoff_also_without_new_events() -> None:
    failed = [work("transform", "failed", at=0, reason="TransformError")]
    assert run(10, failed, count=5).start is None
    again = run(18, failed)
    assert (again.start, again.attempt) == ("transform", 2)


def test_failing_data_tests_are_no_reason_to_run_again() -> None:
    tested = work("transform", "failed", at=0, reason="TestFailed")
    assert completed(tested)
    assert run(600, [tested]).start is None
    assert run(600, [tested], count=1).start == "transform"


def test_dbt_runs_when_a_gap_s_next_attempt_is_due() -> None:
    told = work("transform", "succeeded", at=0, details={"next_due_at": "2026-01-01T12:05:00Z"})
    assert run(200, [told]).wake_at == NOW + seconds(300)
    assert run(300, [told]).start == "transform"
    silent = work("transform", "succeeded", at=0, details={"next_due_at": None})
    assert run(3000, [silent]).start is None
    assert run(3605, [silent]).start == "transform"


def test_an_upgrade_makes_dbt_run_once_its_services_had_time_to_restart() -> None:
    old = replace(work("transform", "succeeded", at=-600), image="app:0")
    assert run(1, [old]) == Decision(wake_at=NOW + seconds(15))
    assert run(15, [old]).start == "transform"
    assert run(20, [old, work("transform", at=15)]).start is None
    assert run(60, [old, work("transform", "succeeded", at=15)]).start is None
    failed = run(30, [old, work("transform", "failed", at=15, reason="TransformError")])
    assert (failed.start, failed.attempt) == (None, 1)


def test_a_due_time_in_the_past_does_not_make_dbt_spin() -> None:
    told = work("transform", "succeeded", at=0, end=10, details={"next_due_at": "2026-01-01T11:00:00Z"})
    assert run(69, [told]).start is None
    assert run(70, [told]).start == "transform"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_failures_count_from_the_last_success_in_order_of_their_ends(order: tuple[int, int]) -> None:
    jobs = [work("load", "succeeded", at=0, end=50), work("load", "failed", at=10, end=20)]
    assert failures_since_success([jobs[n] for n in order])[0] == 0
    later = replace(jobs[1], finished_at=NOW + seconds(60))
    assert failures_since_success([jobs[0], later]) == (1, NOW + seconds(60), later.name)
