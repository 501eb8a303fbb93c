"""From gaps to schedules, and what one schedule may ask for."""

from datetime import datetime
from pathlib import Path

import pytest
from mm_contracts.batch import CoveredSols
from mm_contracts.messages import parse_schedule, schedule_message
from mm_jobs.common.env import SettingsError
from mm_jobs.transform.budgets import budgets, read_sources
from mm_jobs.transform.planner import NEWEST_PRIORITY, Budget, Gap, PlannedSchedule, Summary, schedule_id, summarize
from mm_jobs.transform.planner import plan as plan_with
from mm_jobs.transform.planning import places

SOON = datetime(2026, 1, 2, 3, 4, 5)
LATER = datetime(2026, 1, 3)


def gap(
    rover: str,
    sol: int,
    *,
    rank: int = 0,
    due: bool = True,
    attempts: int = 0,
    at: datetime | None = None,
    photos: int | None = 7,
    newest: bool = False,
    source: str = "nasa",
    asked: int = 0,
) -> Gap:
    return Gap(source, rover, sol, "MISSING_SOL", photos, attempts, at, due, None, rank, newest, asked)


def plan(
    gaps: list[Gap], covered: frozenset[tuple[str, str, int]] = frozenset(), **limits: int
) -> list[PlannedSchedule]:
    return plan_with(gaps, covered, lambda _: Budget(**limits))


def sols(schedules: list[PlannedSchedule]) -> list[list[int]]:
    return [[one.sol for one in schedule.gaps] for schedule in schedules]


def test_due_gaps_are_planned_in_order_of_urgency_and_in_messages_of_limited_size() -> None:
    gaps = [gap("Curiosity", sol, rank=100 - sol) for sol in range(10)] + [gap("Spirit", 1, due=False)]
    schedules = plan(gaps, tasks=4)
    assert sols(schedules) == [[9, 8, 7, 6], [5, 4, 3, 2], [1, 0]]
    assert len({schedule.schedule_id for schedule in schedules}) == 3
    assert [schedule.priority for schedule in schedules] == [9, 8, 7]


def test_a_schedule_ends_where_its_photos_or_the_sources_hour_are_used_up() -> None:
    gaps = [gap("Curiosity", sol, rank=sol, photos=300) for sol in range(5)]
    assert sols(plan(gaps, photos=700)) == [[0, 1], [2, 3], [4]]
    assert sols(plan(gaps, requests=2)) == [[0, 1], [2, 3], [4]]
    # Page by page a sol of 300 photos is four requests of 100: the last page is known by being short.
    assert sols(plan(gaps, requests=8, page_size=100)) == [[0, 1], [2, 3], [4]]
    assert sols(plan([gap("Curiosity", 0, photos=3_684), gap("Spirit", 1, rank=1)], photos=700)) == [[0], [1]]
    assert sols(plan([gap("Curiosity", sol, rank=sol, photos=None) for sol in range(3)], photos=1)) == [[0, 1, 2]]


def test_no_due_gap_of_any_rover_is_left_out() -> None:
    gaps = [
        gap(rover, sol, rank=2 * sol + n) for n, rover in enumerate(("Curiosity", "Spirit")) for sol in range(2_000)
    ]
    schedules = plan(gaps, photos=1_000, requests=100)
    assert sorted(one.place for schedule in schedules for one in schedule.gaps) == sorted(one.place for one in gaps)
    assert {one.rover for one in schedules[0].gaps} == {"Curiosity", "Spirit"}


def test_the_newest_sols_do_not_queue_behind_the_others() -> None:
    schedules = plan([gap("Spirit", 1, rank=2), gap("Curiosity", 9, rank=1, newest=True)])
    assert sols(schedules) == [[9], [1]]
    assert [schedule.priority for schedule in schedules] == [NEWEST_PRIORITY, NEWEST_PRIORITY - 1]
    assert plan([gap("Spirit", sol, rank=sol) for sol in range(30)], tasks=1)[-1].priority == 0


def test_what_a_live_plan_has_in_hand_is_not_asked_for() -> None:
    covered = places([CoveredSols(source="nasa", rover="Spirit", sols="1-2,7")])
    gaps = [gap("Spirit", 1), gap("Spirit", 3), gap("Spirit", 7, source="other"), gap("Spirit", 2, due=False, at=SOON)]
    assert [(s.source, [g.sol for g in s.gaps]) for s in plan(gaps, covered)] == [("nasa", [3]), ("other", [7])]
    assert summarize(gaps, covered) == Summary(total=4, due=2, held=1, waiting=1, next_due_at=SOON)
    assert plan([gap("Spirit", 1)], covered) == []


def test_gaps_are_asked_of_the_source_whose_manifest_promises_them() -> None:
    schedules = plan([gap("Spirit", 1, source="b"), gap("Spirit", 1, source="a"), gap("Spirit", 2, rank=1, source="b")])
    assert [(schedule.source, len(schedule.gaps)) for schedule in schedules] == [("a", 1), ("b", 2)]
    assert len({schedule.schedule_id for schedule in plan([gap("Spirit", 1, source=s) for s in "ab"])}) == 2


def test_nothing_due_is_no_schedule() -> None:
    assert plan([gap("Spirit", 1, due=False)]) == []
    assert plan([]) == []


def test_the_same_gaps_are_the_same_schedule_and_the_next_attempt_is_another() -> None:
    one, two = gap("Spirit", 1, rank=1), gap("Curiosity", 1, rank=2)
    assert schedule_id([one, two]) == schedule_id([two, one])
    assert schedule_id([one]) != schedule_id([gap("Spirit", 1, rank=1, attempts=1, asked=1)])
    assert schedule_id([one]) != schedule_id([one, two])


def test_a_sol_that_grows_again_is_another_schedule_though_its_attempts_start_anew() -> None:
    """The plan of an earlier first attempt may still exist, and would answer for this one."""
    assert len({schedule_id([gap("Curiosity", 4700, attempts=0, asked=asked)]) for asked in range(3)}) == 3


def test_a_planned_schedule_is_a_valid_message() -> None:
    (schedule,) = plan([gap("Spirit", 5, rank=2), gap("Curiosity", 1, rank=1)])
    value = schedule_message(
        "photos",
        schedule.tasks(),
        schedule_id=schedule.schedule_id,
        timestamp="t",
        source=schedule.source,
        priority=schedule.priority,
    )
    parsed = parse_schedule(value)
    assert [(task.rover_name, task.sol, task.photos, task.reason) for task in parsed.tasks] == [
        ("Curiosity", 1, 7, "MISSING_SOL"),
        ("Spirit", 5, 7, "MISSING_SOL"),
    ]
    assert (parsed.schedule_id, parsed.dataset, parsed.rejected) == (schedule.schedule_id, "photos", ())
    assert (parsed.source, parsed.priority) == ("nasa", NEWEST_PRIORITY - 1)


def test_a_summary_says_when_to_come_again() -> None:
    gaps = [
        gap("Spirit", 1, at=None),
        gap("Spirit", 2, due=False, at=LATER),
        gap("Spirit", 3, due=False, at=SOON),
    ]
    assert summarize(gaps, ()) == Summary(total=3, due=1, held=0, waiting=2, next_due_at=SOON)
    assert summarize([], ()) == Summary(0, 0, 0, 0, None)


def test_a_schedule_asks_for_an_hour_of_what_its_source_allows(tmp_path: Path) -> None:
    path = tmp_path / "sources.json"
    path.write_text(
        '{"default": "nasa", "sources": {"nasa": {"baseUrl": "https://nasa.example", "requestsPerHour": 1000},'
        ' "vista": {"baseUrl": "https://vista.example", "pageSize": 100}}}'
    )
    budget_of = budgets(read_sources(path), Budget(photos=9))
    assert budget_of("nasa") == Budget(photos=9, requests=1000)
    assert budget_of("vista") == Budget(photos=9, page_size=100)
    assert budget_of("gone") == Budget(photos=9)
    assert budgets(read_sources(tmp_path / "none.json"), Budget())("nasa") == Budget()
    path.write_text("{}")
    with pytest.raises(SettingsError, match="cannot read the configured sources"):
        read_sources(path)
