"""The planner leaves alone what a plan has in hand, sees when the plan lets go, and asks again for what grows."""

from typing import Any

from tests.cluster.archive import archived, gaps, grow, promised, wait_complete, wait_quiet
from tests.cluster.system import System, wait_until

PLAN: dict[str, Any] = {
    "apiVersion": "martian-moments.io/v1alpha1",
    "kind": "IngestionPlan",
    "metadata": {"name": "in-hand"},
    "spec": {"suspend": True, "rovers": [{"name": "Opportunity", "sols": ["20-21"]}]},
}


def asked_for(system: System, sol: int, rover: str = "Opportunity") -> int:
    """Return how often the planner has asked for a sol."""
    query = f"select count(*) from bronze.schedule_ledger where rover_name = '{rover}' and sol = {sol}"
    return int(str(system.sql(query)[0][0]))


def test_a_due_gap_in_a_plans_hand_is_not_scheduled_until_the_plan_is_gone(system: System) -> None:
    """A suspended plan covers two new sols: only the third is asked for. Once it is deleted, they are too."""
    wait_complete(system)
    wait_quiet(system)
    system.apply(PLAN)
    try:
        wait_until(lambda: system.phase("in-hand") == "Suspended", "the plan to be suspended")
        grow(system, Opportunity="20-22")
        wait_until(lambda: [gap[1] for gap in gaps(system)] == [20, 21], "all but the sols in hand to be archived", 300)
        assert [asked_for(system, sol) for sol in (20, 21, 22)] == [0, 0, 1]
    finally:
        system.kubectl("delete", "iplan", "in-hand", "--ignore-not-found")
    wait_complete(system)
    assert archived(system) == promised(system)
    assert [asked_for(system, sol) for sol in (20, 21, 22)] == [1, 1, 1]


def test_a_sol_that_grows_is_fetched_again_each_time(system: System) -> None:
    """A new sol's photos come in three parts, hours apart. Its earlier plans still exist, done, while it grows."""
    wait_complete(system)
    wait_quiet(system)
    # Sol 4681 of Curiosity ends here; parts come 4, 12 and 36 hours later.
    system.simulator("POST", "/__sim/clock", {"now": "2025-10-07T06:58:12Z"})
    counts = []
    for hours in (5, 8, 24):
        system.simulator("POST", "/__sim/clock", {"advance_hours": hours})
        grow(system, Curiosity="4681")
        wait_until(lambda: archived(system) == promised(system) and not gaps(system), "the sol as grown", 300, every=3)
        counts.append(int(str(system.sql("select count(*) from silver.fact_photos where sol = 4681")[0][0])))
    assert 0 < counts[0] < counts[1] < counts[2]
    assert asked_for(system, 4681, "Curiosity") == 3
