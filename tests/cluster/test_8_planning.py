"""The planner leaves alone what a plan has in hand, and sees at once when that plan lets go."""

from typing import Any

from tests.cluster.archive import archived, gaps, grow, promised, wait_complete, wait_quiet
from tests.cluster.system import System, wait_until

PLAN: dict[str, Any] = {
    "apiVersion": "martian-moments.io/v1alpha1",
    "kind": "IngestionPlan",
    "metadata": {"name": "in-hand"},
    "spec": {"suspend": True, "rovers": [{"name": "Opportunity", "sols": ["20-21"]}]},
}


def asked_for(system: System, sol: int) -> int:
    """Return how often the planner has asked for a sol of Opportunity."""
    query = f"select count(*) from bronze.schedule_ledger where rover_name = 'Opportunity' and sol = {sol}"
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
