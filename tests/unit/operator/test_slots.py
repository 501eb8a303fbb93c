"""Slots for Jobs, shared by all plans."""

import random

import pytest
from mm_operator.core.slots import Slots

Contender = tuple[str, int, str, int, int]
"""Name, priority, time of creation, slots held, slots wanted."""


def slots(limit: int, plans: list[Contender]) -> Slots:
    found = Slots(limit)
    for plan in plans:
        found.set(*plan)
    return found


def allocate(limit: int, plans: list[Contender]) -> dict[str, int]:
    return {plan[0]: 0 for plan in plans} | slots(limit, plans).allocate()


def test_by_priority_then_age_within_the_limit() -> None:
    plans = [("young", 0, "2", 0, 9), ("old", 0, "1", 0, 9), ("first", 5, "3", 0, 2)]
    assert allocate(1, plans) == {"first": 1, "young": 0, "old": 0}
    assert allocate(4, plans) == {"first": 2, "old": 2, "young": 0}


def test_what_is_active_counts_also_of_plans_that_want_nothing() -> None:
    assert allocate(4, [("a", 0, "1", 3, 0), ("b", 0, "2", 0, 9)]) == {"a": 0, "b": 1}
    assert allocate(4, [("a", 0, "1", 5, 1), ("b", 0, "2", 0, 9)]) == {"a": 0, "b": 0}


def test_a_long_plan_does_not_starve_the_others() -> None:
    long, short = ("long", 0, "1", 3, 99), ("short", 0, "2", 0, 1)
    assert allocate(4, [long, short]) == {"long": 0, "short": 1}


def test_with_one_slot_rank_decides_alone() -> None:
    assert allocate(1, [("a", 0, "1", 0, 5), ("b", 9, "2", 0, 5)]) == {"a": 0, "b": 1}


def test_the_queue_is_told_in_order() -> None:
    found = slots(4, [("a", 0, "1", 4, 9), ("b", 0, "2", 0, 1), ("c", 1, "3", 0, 1)])
    assert [place.plan for place in found.queue()] == ["c", "b"]
    found.drop("c")
    found.set("b", 0, "2", 1, 0)
    assert found.queue() == []
    assert (found.held, found.wanted) == (5, 9)


@pytest.mark.parametrize("seed", range(30))
def test_the_limit_holds_no_slot_is_wasted_and_every_plan_ends(seed: int) -> None:
    chance = random.Random(seed)
    limit = chance.randint(2, 6)
    left = {f"p{n}": chance.randint(1, 12) for n in range(8)}
    rank = {name: (chance.randint(-2, 2), str(chance.randint(0, 9))) for name in left}
    active = dict.fromkeys(left, 0)
    for _ in range(500):
        plans = [(name, *rank[name], active[name], left[name]) for name in left]
        granted = allocate(limit, plans)
        for name, count in granted.items():
            assert count <= left[name]
            active[name] += count
            left[name] -= count
        assert sum(active.values()) <= limit
        assert sum(active.values()) == limit or not any(left.values())
        running = [name for name in active if active[name]]
        if not running:
            break
        active[chance.choice(running)] -= 1
    assert not any(left.values())
