"""Planning and the order of a transform run, without dbt and without a warehouse."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from mm_contracts.batch import TransformSpec
from mm_contracts.messages import parse_schedule, schedule_message
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.transform import job
from mm_jobs.transform.dbt import DbtProblem, NodeResult
from mm_jobs.transform.planner import Gap, Summary, plan, schedule_id, summarize

SOON = datetime(2026, 1, 2, 3, 4, 5)
LATER = datetime(2026, 1, 3)


def gap(rover: str, sol: int, *, rank: int, due: bool = True, attempts: int = 0, at: datetime | None = None) -> Gap:
    return Gap(rover, sol, "MISSING_SOL", 7, attempts, at, due, None, rank)


def test_due_gaps_are_planned_in_order_of_urgency_and_in_messages_of_limited_size() -> None:
    gaps = [gap("Curiosity", sol, rank=100 - sol) for sol in range(10)] + [gap("Spirit", 1, rank=0, due=False)]
    schedules = plan(gaps, most_tasks=4)
    assert [[g.sol for g in schedule.gaps] for schedule in schedules] == [[9, 8, 7, 6], [5, 4, 3, 2], [1, 0]]
    assert len({schedule.schedule_id for schedule in schedules}) == 3


def test_nothing_due_is_no_schedule() -> None:
    assert plan([gap("Spirit", 1, rank=1, due=False)]) == []
    assert plan([]) == []


def test_the_same_gaps_are_the_same_schedule_and_the_next_attempt_is_another() -> None:
    one, two = gap("Spirit", 1, rank=1), gap("Curiosity", 1, rank=2)
    assert schedule_id([one, two]) == schedule_id([two, one])
    assert schedule_id([one]) != schedule_id([gap("Spirit", 1, rank=1, attempts=1)])
    assert schedule_id([one]) != schedule_id([one, two])


def test_a_planned_schedule_is_a_valid_message() -> None:
    (schedule,) = plan([gap("Spirit", 5, rank=2), gap("Curiosity", 1, rank=1)])
    value = schedule_message("photos", schedule.tasks(), schedule_id=schedule.schedule_id, timestamp="t")
    parsed = parse_schedule(value)
    assert [(task.rover_name, task.sol, task.photos, task.reason) for task in parsed.tasks] == [
        ("Curiosity", 1, 7, "MISSING_SOL"),
        ("Spirit", 5, 7, "MISSING_SOL"),
    ]
    assert (parsed.schedule_id, parsed.dataset, parsed.rejected) == (schedule.schedule_id, "photos", ())


def test_a_summary_says_when_to_come_again() -> None:
    gaps = [
        gap("Spirit", 1, rank=1, at=None),
        gap("Spirit", 2, rank=2, due=False, at=LATER),
        gap("Spirit", 3, rank=3, due=False, at=SOON),
    ]
    assert summarize(gaps) == Summary(total=3, due=1, waiting=2, next_due_at=SOON)
    assert summarize([]) == Summary(0, 0, 0, None)


class FakeWarehouse:
    def __init__(self, *, away: bool = False) -> None:
        self.away = away

    def run(self, *_: object) -> list[Any]:
        if self.away:
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "it is away")
        return []


class FakeDbt:
    """Gives each step's results; notes the order of everything that happens."""

    def __init__(self, order: list[str], **steps: list[NodeResult] | Exception) -> None:
        self._order = order
        self._steps = steps

    def prepare(self, _database: str) -> bool:
        return True

    def invoke(self, command: str, *selection: str) -> list[NodeResult]:
        name = {"--select tag:loop": "loop", "--exclude tag:loop": "rest", "--exclude test_type:unit": "test"}[
            " ".join(selection)
        ]
        assert command == ("test" if name == "test" else "run")
        self._order.append(name)
        outcome = self._steps.get(name, [])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def node(name: str, status: str) -> NodeResult:
    return NodeResult(name, "model", status, f"{name} says no", 0.1)


Go = Callable[..., dict[str, Any]]


@pytest.fixture
def order() -> list[str]:
    return []


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch, order: list[str], log: Log) -> Go:
    monkeypatch.setattr(job.schema, "ensure", lambda _: [])

    def planning(*_: object) -> tuple[Summary, list[str]]:
        order.append("plan")
        return Summary(5, 0, 5, SOON), ["gaps-1"]

    monkeypatch.setattr(job, "schedule_gaps", planning)

    def run(*, away: bool = False, docs: Any = None, **steps: Any) -> dict[str, Any]:
        spec = TransformSpec(run_id="r", trace_id="t")
        dbt, warehouse = FakeDbt(order, **steps), FakeWarehouse(away=away)
        return job.run(spec, dbt, warehouse, "MARS", log, docs)  # type: ignore[arg-type]

    return run


def test_planning_does_not_wait_for_gold_and_tests(go: Go, order: list[str]) -> None:
    fields = go(loop=[node("a", "success")], rest=[node("b", "success")], test=[node("t", "pass"), node("u", "warn")])
    assert order == ["loop", "plan", "rest", "test"]
    assert fields["details"] == {
        "gaps": 5,
        "gaps_due": 0,
        "gaps_waiting": 5,
        "next_due_at": "2026-01-02T03:04:05Z",
        "schedules": ["gaps-1"],
        "models": 2,
        "tests": 2,
    }


def test_nothing_is_planned_on_a_loop_that_is_not_built(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError, match="1 models failed: a") as caught:
        go(loop=[node("a", "error"), node("b", "skipped")])
    assert (caught.value.code, caught.value.reason) == (ExitCode.OTHER, Reason.TRANSFORM_ERROR)
    assert order == ["loop"]


def test_a_failed_test_keeps_nothing_back_and_is_told_by_name(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError, match="1 tests failed: t") as caught:
        go(test=[node("t", "fail"), node("u", "pass")])
    assert caught.value.reason is Reason.TEST_FAILED
    assert order == ["loop", "plan", "rest", "test"]
    assert caught.value.counts["details"]["next_due_at"] == "2026-01-02T03:04:05Z"
    assert caught.value.counts["details"]["failed"] == ["t"]


def test_a_failed_gold_model_does_not_keep_the_tests_from_running(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError) as caught:
        go(rest=[node("g", "error")], test=[node("t", "fail")])
    assert caught.value.reason is Reason.TRANSFORM_ERROR
    assert order[-1] == "test"


def test_a_warehouse_that_went_away_is_told_instead_of_all_that_failed_for_it(go: Go) -> None:
    for steps in ({"loop": [node("a", "error")]}, {"loop": DbtProblem("no connection")}):
        with pytest.raises(JobError) as caught:
            go(away=True, **steps)
        assert (caught.value.code, caught.value.reason) == (ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR)


def test_a_broken_project_is_no_temporary_failure(go: Go) -> None:
    with pytest.raises(JobError, match="could not start: syntax") as caught:
        go(loop=DbtProblem("syntax"))
    assert caught.value.code is ExitCode.OTHER


class FakeDocs:
    def __init__(self, order: list[str]) -> None:
        self._order = order

    def renew(self, _maker: object, _database: str) -> str:
        self._order.append("docs")
        return "failed: no disk"


def test_the_page_comes_last_and_its_failure_fails_nothing(go: Go, order: list[str]) -> None:
    fields = go(docs=FakeDocs(order), loop=[node("a", "success")])
    assert order == ["loop", "plan", "rest", "test", "docs"]
    assert fields["details"]["docs"] == "failed: no disk"
    assert "docs" not in go()["details"]


def test_a_failed_test_does_not_keep_the_page_back_and_a_failed_model_does(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError) as caught:
        go(docs=FakeDocs(order), test=[node("t", "fail")])
    assert caught.value.counts["details"]["docs"] == "failed: no disk"
    order.clear()
    with pytest.raises(JobError):
        go(docs=FakeDocs(order), rest=[node("g", "error")])
    assert order == ["loop", "plan", "rest", "test"]
