"""One plan: what its Jobs say becomes its status, and what is to be done follows from the status alone."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from mm_contracts.messages import ChargeNote
from mm_contracts.plan import PlanSpec, PlanStatus
from mm_contracts.sols import format_sols, parse_sols
from mm_contracts.terminations import Termination
from mm_operator.core import decide
from mm_operator.core.batches import OPEN_RECORDS
from mm_operator.core.indexes import Indexes
from mm_operator.core.jobs import ingest_job_name
from mm_operator.core.observe import Job, Pod
from mm_operator.core.plan_view import TERMINAL, Plan
from mm_operator.core.progress import CreateJob, DeleteJob, SuspendJob
from mm_operator.core.split import Batch, split
from mm_operator.core.times import format_time

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def spec(**more: object) -> PlanSpec:
    body = {
        "rovers": [{"name": "Curiosity", "sols": ["0-19"]}, {"name": "Spirit", "sols": ["1-5"]}],
        "batch": {"maxSols": 5},
        "parallelism": 3,
        "retry": {"limit": 2, "backoff": "10s", "maxBackoff": "1m"},
    }
    return PlanSpec.model_validate(body | more)


def plan(status: PlanStatus | None = None, token: str = "", **more: object) -> Plan:
    return Plan(
        name="p", uid="uid-1", created_at="2026-01-01T12:00:00Z", generation=1, spec=spec(**more),
        status=status or PlanStatus(), trace_id="a" * 32, retry_token=token,
    )  # fmt: skip


def step(
    found: Plan,
    jobs: list[Job],
    now: datetime = NOW,
    granted: int = 100,
    stuck_after: float = 60.0,
    batches: tuple[Batch, ...] | None = None,
) -> decide.Outcome:
    progress = decide.count_progress(found, split(found.spec) if batches is None else batches, jobs, now, stuck_after)
    standing = decide.assess(found, progress, jobs, Indexes(), now)
    return decide.decide(found, standing, min(granted, standing.wanted), [], stuck_after, now)


def job(batch: int, attempt: int = 1, state: str = "active", **more: object) -> Job:
    return replace(
        Job(
            name=ingest_job_name("p", batch, attempt), kind="ingest", plan="p", batch=batch, attempt=attempt,
            created_at=NOW, finished_at=None if state == "active" else NOW,
        ),
        state=state,
        **more,
    )  # fmt: skip


def ended(code: int, **said: object) -> tuple[Pod, ...]:
    end = Termination.model_validate({"status": "success" if code == 0 else "failed", **said})
    phase = "Failed" if code else "Succeeded"
    return (Pod("pod", phase=phase, exit_code=code, termination=end, finished_at=NOW),)


def creates(outcome: decide.Outcome) -> list[tuple[int, int]]:
    return [(a.batch.index, a.attempt) for a in outcome.actions if isinstance(a, CreateJob)]


def deletes(outcome: decide.Outcome) -> list[str]:
    return [a.name for a in outcome.actions if isinstance(a, DeleteJob)]


def test_a_new_plan_starts_as_many_jobs_as_parallelism_and_slots_allow() -> None:
    assert creates(step(plan(), [])) == [(0, 1), (1, 1), (2, 1)]
    assert creates(step(plan(), [], granted=1)) == [(0, 1)]
    nothing = step(plan(), [], granted=0)
    assert creates(nothing) == []
    assert nothing.status.batches.total == 5


def test_a_plan_that_waits_for_a_slot_says_so_and_nothing_that_changes_with_others() -> None:
    status = step(plan(), [], granted=0).status
    assert (status.phase, status.reason) == ("Pending", "Queued")
    assert "Waits for a free slot" in next(c.message for c in status.conditions if c.type == "Progressing")


def test_an_intent_whose_job_was_never_created_is_created_under_the_same_name() -> None:
    first = step(plan(), [])
    again = step(plan(first.status), [])
    assert creates(again) == creates(first)
    assert again.status == first.status


def test_nothing_changes_where_nothing_happened() -> None:
    first = step(plan(), [])
    jobs = [job(n, pods=(Pod("x", phase="Running"),)) for n in range(3)]
    second = step(plan(first.status), jobs)
    third = step(plan(second.status), jobs, NOW + timedelta(hours=1))
    assert second.actions == third.actions == ()
    assert third.status == second.status


def test_counts_of_a_succeeded_job_are_taken_once() -> None:
    status = step(plan(), []).status
    jobs = [job(0, state="succeeded", pods=ended(0, sols=5, photos=70, bytes=9, requests=6)), job(1), job(2)]
    once = step(plan(status), jobs).status
    twice = step(plan(once), jobs).status
    assert (once.sols, once.photos, once.bytes, once.requests, once.completed_indexes) == (5, 70, 9, 6, "0")
    assert (twice.photos, twice.completed_indexes) == (70, "0")
    assert step(plan(status), jobs).ended == (jobs[0],)
    assert step(plan(once), jobs).ended == ()


@pytest.mark.parametrize(
    ("said", "reason", "words", "warning"),
    [
        ({}, "Complete", "All 2 batches are done.", False),
        ({"not_promised": 5}, "SolNotPromised", "10 of 10 sols are not in the rover's manifest", True),
        ({"mismatched": 2}, "SolMismatch", "4 of 10 sols are not as the manifest promises", False),
        ({"not_promised": 1, "mismatched": 2}, "SolNotPromised", "4 of 10 sols are not as the manifest", True),
    ],
)
def test_sols_that_are_not_as_promised_are_told_at_the_end(
    said: dict[str, int], reason: str, words: str, warning: bool
) -> None:
    found = plan(rovers=[{"name": "Spirit", "sols": ["1-10"]}])
    status = step(found, []).status
    done = [job(n, state="succeeded", pods=ended(0, sols=5, photos=0, **said)) for n in range(2)]
    end = step(plan(status, rovers=[{"name": "Spirit", "sols": ["1-10"]}]), done)
    assert (end.status.phase, end.status.reason) == ("Complete", reason)
    assert (end.status.not_promised_sols, end.status.mismatched_sols) == (
        2 * said.get("not_promised", 0),
        2 * said.get("mismatched", 0),
    )
    complete = next(c for c in end.status.conditions if c.type == "Complete")
    assert (complete.status, complete.reason) == ("True", reason)
    (notice,) = end.notices
    assert (notice.reason, notice.message, notice.warning) == (reason, complete.message, warning)
    assert words in notice.message


def test_a_failed_job_waits_with_backoff_and_then_has_another_attempt() -> None:
    status = step(plan(), []).status
    failed = job(0, state="failed", pods=ended(75, reason="SourceError", message="500"), log_tail="last words")
    after = step(plan(status), [failed, job(1), job(2)])
    record = next(r for r in after.status.records if r.batch == 0)
    assert (record.state, record.reason, record.attempts, record.log_tail) == (
        "Waiting",
        "SourceError",
        1,
        "last words",
    )
    assert after.next_moment is not None
    assert timedelta(seconds=9) < after.next_moment - NOW <= timedelta(seconds=12)
    assert creates(after) == [(3, 1)]
    still = [failed, job(2), job(3), job(1, state="succeeded", pods=ended(0))]
    assert creates(step(plan(after.status), still, NOW + timedelta(seconds=9))) == [(4, 1)]
    assert creates(step(plan(after.status), still, after.next_moment)) == [(0, 2)]


def test_a_source_s_own_retry_time_is_honoured_and_a_rate_limit_uses_up_no_retry() -> None:
    found = plan(retry={"limit": 0, "backoff": "10s"})
    status = step(found, []).status
    retry_at = format_time(NOW + timedelta(seconds=300))
    failed = job(0, state="failed", pods=ended(75, reason="RateLimited", message="429", retry_at=retry_at))
    after = step(replace(found, status=status), [failed, job(1), job(2)])
    record = next(r for r in after.status.records if r.batch == 0)
    assert record.state == "Waiting"
    assert after.next_moment is not None
    assert after.next_moment >= NOW + timedelta(seconds=300)
    assert next(c.status for c in after.status.conditions if c.type == "RateLimited") == "True"


@pytest.mark.parametrize(("preferred", "reason"), [(False, "SourceStale"), (True, "SourceWell")])
def test_a_plan_of_a_promise_that_changed_hands_says_why_its_source_is_asked(preferred: bool, reason: str) -> None:
    note = ChargeNote(preferred=preferred, reason=reason, message="Curiosity: the newest manifest is 30 hours old")
    found = {c.type: c for c in step(replace(plan(), charge=note), []).status.conditions}["PreferredSource"]
    assert (found.status, found.reason, found.message) == (str(preferred), reason, note.message)
    assert "PreferredSource" not in {c.type for c in step(plan(), []).status.conditions}


@pytest.mark.parametrize(("code", "reason"), [(64, "BadArguments"), (69, "SourceGone")])
def test_what_cannot_help_is_not_tried_again(code: int, reason: str) -> None:
    status = step(plan(), []).status
    after = step(plan(status), [job(0, state="failed", pods=ended(code, reason=reason, message="no")), job(1), job(2)])
    assert after.status.failed_indexes == "0"
    assert after.status.batches.failed == 1
    assert [n.reason for n in after.notices] == [reason]
    assert step(plan(after.status), [job(1), job(2)]).status.failed_indexes == "0"


def test_retries_end_at_the_limit() -> None:
    current, jobs, now = plan(), [], NOW
    for attempt in (1, 2, 3):
        current = replace(current, status=step(current, jobs, now).status)
        jobs = [
            *[j for j in jobs if j.batch != 0],
            replace(job(0, attempt, "failed", pods=ended(1, message="boom")), finished_at=now),
            *([job(1), job(2)] if attempt == 1 else []),
        ]
        now += timedelta(minutes=2)
    last = step(current, jobs, now)
    assert last.status.failed_indexes == "0"
    assert "after 3 attempts" in last.notices[0].message


def test_a_vanished_job_is_simply_tried_again() -> None:
    status = step(plan(), []).status
    settled = step(plan(status), [job(0), job(1), job(2)]).status
    assert creates(step(plan(settled), [job(1), job(2)])) == [(0, 1)]


def test_a_lost_status_is_found_again_from_the_jobs() -> None:
    jobs = [job(0, 2), job(1, state="succeeded", pods=ended(0, photos=3)), job(2, state="succeeded", pods=ended(0))]
    found = step(plan(), jobs)
    assert found.status.completed_indexes == "1-2"
    assert {r.batch: r.attempts for r in found.status.records} == {0: 2, 3: 1, 4: 1}
    assert creates(found) == [(3, 1), (4, 1)]


def test_a_superseded_job_is_deleted_and_its_batch_waits_for_its_end() -> None:
    status = step(plan(parallelism=9), []).status
    stuck = job(0, pods=(Pod("x", since=NOW - timedelta(seconds=90), waiting_reason="ImagePullBackOff"),))
    others = [job(n) for n in range(1, 5)]
    gone = step(plan(status), [stuck, *others])
    assert deletes(gone) == ["p-0-1"]
    record = next(r for r in gone.status.records if r.batch == 0)
    assert (record.state, record.reason) == ("Waiting", "ImagePull")
    later = NOW + timedelta(minutes=5)
    roomy = plan(gone.status, parallelism=9)
    assert creates(step(roomy, [replace(stuck, deleting=True), *others], later)) == []
    assert creates(step(roomy, others, later)) == [(0, 2)]


def test_a_pod_that_cannot_start_is_told_while_it_runs() -> None:
    status = step(plan(), []).status
    pending = job(0, pods=(Pod("x", created_at=NOW, unschedulable="0/1 nodes: Insufficient memory"),))
    after = step(plan(status), [pending, job(1), job(2)])
    assert after.status.reason == "Unschedulable"
    assert deletes(after) == []


def test_suspend_and_resume() -> None:
    status = step(plan(), []).status
    paused = step(plan(status, suspend=True), [job(0), job(1), job(2)])
    assert [(a.name, a.suspend) for a in paused.actions if isinstance(a, SuspendJob)] == [
        ("p-0-1", True), ("p-1-1", True), ("p-2-1", True)
    ]  # fmt: skip
    assert (paused.status.phase, creates(paused)) == ("Suspended", [])
    asleep = [replace(job(n), suspended=True) for n in range(3)]
    resumed = step(plan(paused.status), asleep)
    assert len([a for a in resumed.actions if isinstance(a, SuspendJob) and not a.suspend]) == 3


def test_kueue_s_jobs_keep_their_suspension() -> None:
    status = step(plan(queue_name="mars"), []).status
    asleep = [replace(job(n), suspended=True) for n in range(3)]
    assert step(plan(status, queue_name="mars"), asleep).actions == ()


def test_a_manual_retry_skips_the_wait_and_reopens_what_failed() -> None:
    status = step(plan(parallelism=9), []).status
    jobs = [
        job(0, state="failed", pods=ended(64, reason="BadArguments", message="no")),
        job(1, state="failed", pods=ended(1, message="boom")),
        *(job(n) for n in range(2, 5)),
    ]
    failed = step(plan(status, parallelism=9), jobs).status
    assert creates(step(plan(failed, parallelism=9), jobs)) == []
    again = step(plan(failed, token="now", parallelism=9), jobs)
    assert {(0, 2), (1, 2)} == set(creates(again))
    assert again.status.retry_token == "now"
    assert creates(step(plan(again.status, token="now", parallelism=9), [*jobs, job(0, 2), job(1, 2)])) == []


def test_a_reopened_plan_is_no_longer_finished() -> None:
    small = {"rovers": [{"name": "Spirit", "sols": ["1"]}]}
    status = step(plan(**small), []).status
    jobs = [job(0, state="failed", pods=ended(69, reason="SourceGone", message="gone"))]
    over = step(plan(status, **small), jobs).status
    assert (over.phase, over.reason) == ("Failed", "SourceGone")
    assert over.finished_at is not None
    again = step(plan(over, token="2", **small), jobs).status
    assert (again.phase, again.finished_at) == ("Running", None)


def test_an_empty_plan_is_complete_at_once() -> None:
    status = step(plan(), [], batches=()).status
    assert status.phase == "Complete"
    assert status.finished_at == format_time(NOW)
    assert decide.expired(status, "1h", NOW + timedelta(hours=2))
    assert not decide.expired(status, "1h", NOW + timedelta(minutes=59))


def test_a_failing_source_does_not_get_the_whole_plan_thrown_at_it() -> None:
    found = plan(rovers=[{"name": "Curiosity", "sols": ["0-4999"]}], batch={"maxSols": 1}, retry={"backoff": "10m"})
    jobs: list[Job] = []
    batches = split(found.spec)
    for _ in range(20):
        outcome = step(found, jobs, batches=batches)
        found = replace(found, status=outcome.status)
        for index, attempt in creates(outcome):
            jobs.append(job(index, attempt, "failed", pods=ended(75, reason="SourceError", message="x" * 400)))
    assert found.status.batches.waiting <= OPEN_RECORDS


def test_a_status_of_twenty_thousand_sols_stays_small() -> None:
    # The worst case for texts of indexes: done and failed batches take turns.
    found = plan(
        PlanStatus(done=format_sols(range(0, 9800, 2)), failed_indexes=format_sols(range(1, 9800, 2))),
        rovers=[{"name": "Curiosity", "sols": ["0-19999"]}], batch={"maxSols": 2}, parallelism=100, retry={"limit": 0},
    )  # fmt: skip
    jobs: list[Job] = []
    batches = split(found.spec)
    for _ in range(5):
        outcome = step(found, jobs, batches=batches)
        found = replace(found, status=outcome.status)
        jobs = []
        for index, attempt in creates(outcome):
            bad = index % 2
            said = ended(1, message="y" * 3000) if bad else ended(0, photos=1)
            jobs.append(job(index, attempt, "failed" if bad else "succeeded", pods=said, log_tail="z" * 2048))
        if outcome.status.phase in TERMINAL:
            break
    assert found.status.phase == "Failed"
    assert found.status.batches.total == 10_000
    assert found.status.batches.failed == 5_000
    assert len(found.status.model_dump_json(by_alias=True)) < 100_000


@dataclass
class World:
    """A cluster of the imagination: Jobs that end, vanish, linger; a status that may be stored or not."""

    chance: random.Random
    spec_: PlanSpec
    status: PlanStatus = field(default_factory=PlanStatus)
    jobs: dict[str, Job] = field(default_factory=dict)
    fetched: list[int] = field(default_factory=list)
    now: datetime = NOW

    def live(self, batch: int) -> int:
        return sum(j.batch == batch and j.state == "active" for j in self.jobs.values())

    def act(self, outcome: decide.Outcome) -> None:
        for action in outcome.actions:
            if self.chance.random() < 0.1:
                return  # killed in the middle
            if isinstance(action, CreateJob):
                name = ingest_job_name("p", action.batch.index, action.attempt)
                if name not in self.jobs:
                    assert self.live(action.batch.index) == 0, "a sol is fetched by two Jobs at a time"
                    self.jobs[name] = replace(job(action.batch.index, action.attempt), created_at=self.now)
            elif isinstance(action, DeleteJob) and action.name in self.jobs:
                self.jobs[action.name] = replace(self.jobs[action.name], deleting=True)

    def turn(self) -> None:
        for name, found in list(self.jobs.items()):
            dice = self.chance.random()
            if found.deleting:
                if dice < 0.5:
                    del self.jobs[name]
            elif found.state == "active" and dice < 0.5:
                code = self.chance.choice([0, 0, 0, 0, 1, 75, 74, 137])
                kind = "succeeded" if code == 0 else "failed"
                pods = ended(code, photos=1) if code in (0, 75) else (Pod("x", phase="Failed", exit_code=code),)
                self.jobs[name] = replace(found, state=kind, finished_at=self.now, pods=pods)
                if code == 0:
                    self.fetched.append(found.batch)
            elif dice < 0.55:
                del self.jobs[name]  # somebody deleted it
        self.now += timedelta(seconds=self.chance.uniform(0, 20))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_no_sol_is_lost_and_none_is_fetched_by_two_jobs_at_a_time(seed: int) -> None:
    chance = random.Random(seed)
    world = World(chance, spec(retry={"limit": 20, "backoff": "1s", "maxBackoff": "5s"}))
    batches = split(world.spec_)
    for _ in range(600):
        found = replace(plan(world.status), spec=world.spec_)
        outcome = step(found, list(world.jobs.values()), world.now, granted=chance.randint(0, 3), stuck_after=5)
        if chance.random() < 0.1:
            world.status = PlanStatus() if chance.random() < 0.05 else world.status  # never stored, or wiped
        else:
            world.status = outcome.status
            world.act(outcome)
        if world.status.phase in TERMINAL:
            break
        world.turn()
    assert world.status.phase == "Complete", world.status
    done = parse_sols(world.status.completed_indexes)
    assert done == tuple(range(len(batches)))
    assert set(world.fetched) == set(done)
