"""A run: Mars goes on by the simulator's fast clock, and the installed loop follows as well as it can."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mm_simulator.core.timebase import SOL_SECONDS, format_instant, parse_instant

from tests.cluster.archive import gaps
from tests.cluster.system import System, wait_until
from tests.living import judge
from tests.living.scenario import ACTIVE, Scenario

COUNTS = """
select rover_name, sol, count(*) from silver.fact_photos where rover_name in ('Perseverance', 'Curiosity') group by 1, 2
"""
TWICE = "select image_id, count(*) from silver.fact_photos group by 1 having count(*) > 1"
CHARGES = "select rover_name, source, reason from silver.source_charge order by since, charge_id"
LOOKS_A_SOL = 40
SETTLE_SOLS = 9.0
"""How far the clock jumps at the end, so that the last and the late photos of every sol are there."""


@dataclass
class Seen:
    """What a run left to judge: samples of the archive by simulated time, the request log, the last state."""

    samples: list[tuple[float, judge.Counts]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    archived: judge.Counts = field(default_factory=dict)
    gaps: list[tuple[Any, ...]] = field(default_factory=list)
    duplicates: list[tuple[Any, ...]] = field(default_factory=list)
    charges: list[tuple[str, str, str]] = field(default_factory=list)
    end: float = 0.0


def counts(system: System, scenario: Scenario) -> dict[tuple[str, int], int]:
    """Photos in the archive by rover and sol, of the scenario's sols."""
    shown = {rover: sols.partition("-") for rover, sols in scenario.sols.items()}
    return {
        (str(rover), int(sol)): int(count)
        for rover, sol, count in system.sql(COUNTS)
        if int(shown[rover][0]) <= int(sol) <= int(shown[rover][2])
    }


def sim_now(system: System) -> float:
    """The simulated time (Unix s)."""
    return parse_instant(system.simulator("GET", "/__sim/clock")["now"])


def ask_for_manifests(system: System) -> None:
    """What the chart's schedule does by the hour; simulated hours are seconds."""
    system.kubectl("exec", "deploy/mars-operator", "--", "mars", "schedule", "--dataset", "manifests")


def manifests_in_hand(system: System) -> bool:
    """Whether a plan of manifests has not ended yet."""
    return any(
        plan["spec"].get("dataset") == "manifests"
        and (plan.get("status") or {}).get("phase", "Pending") in ("Pending", "Running")
        for plan in system.get("iplan")
    )


def whole(system: System, scenario: Scenario, truth: judge.Truth) -> bool:
    """Whether the archive has all that can be had now, and no gap is left."""
    return not judge.incomplete(counts(system, scenario), truth.counts(sim_now(system))) and not gaps(system)


def follow(
    system: System, scenario: Scenario, sol_seconds: float, say: Callable[[str], None], patience: float = 900.0
) -> Seen:
    """Run a scenario with sols of ``sol_seconds`` real seconds, let it settle, and return what was seen.

    Raises:
        AssertionError: the archive was not whole ``patience`` seconds after the clock had stopped, or before its start.
    """
    truth, seen = judge.Truth(scenario), Seen()
    system.simulator("POST", "/__sim/clock", {"now": format_instant(scenario.start), "rate": 0})
    system.simulator("POST", "/__sim/sols", scenario.sols)
    ask_for_manifests(system)
    wait_until(lambda: whole(system, scenario, truth), "all that there was before the start", patience, every=3)
    begun = max((r["seq"] for r in system.simulator("GET", "/__sim/requests?limit=1")["requests"]), default=0)
    for fault in (*scenario.changes, *(trouble.request for trouble in scenario.troubles)):
        system.simulator("POST", "/__sim/faults", fault)
    say(f"whole at {judge.told(scenario.start)}; the clock runs, a sol in {sol_seconds:.0f} s")
    system.simulator("POST", "/__sim/clock", {"rate": SOL_SECONDS / sol_seconds})
    last_word = 0.0
    while (now := sim_now(system)) < scenario.end:
        if not manifests_in_hand(system):
            ask_for_manifests(system)
        # The clock goes on while the archive answers: what it answers is held against the time of the question.
        seen.samples.append((now, counts(system, scenario)))
        if time.monotonic() - last_word > 30:
            behind = len(judge.incomplete(seen.samples[-1][1], truth.counts(now)))
            say(f"{judge.told(now)}: {sum(seen.samples[-1][1].values())} photos, {behind} sols behind the sources")
            last_word = time.monotonic()
        wait_until(lambda now=now: sim_now(system) > now + SOL_SECONDS / LOOKS_A_SOL, "the clock to go on", every=1)
    seen.end = scenario.end + SETTLE_SOLS * SOL_SECONDS
    system.simulator("POST", "/__sim/clock", {"now": format_instant(seen.end), "rate": 0})
    say(f"the clock stands at {judge.told(seen.end)}; the last photos are fetched")

    def settled() -> bool:
        if not manifests_in_hand(system) and not whole(system, scenario, truth):
            ask_for_manifests(system)
        return whole(system, scenario, truth) and not system.active_jobs()

    wait_until(settled, "all photos after the clock stopped", patience, every=5)
    seen.archived, seen.gaps, seen.duplicates = counts(system, scenario), gaps(system), system.sql(TWICE)
    seen.charges = [(str(rover), str(source), str(reason)) for rover, source, reason in system.sql(CHARGES)]
    answer = system.simulator("GET", f"/__sim/requests?after={begun}")
    assert answer["forgotten"] <= begun, "the simulator's log is too small for this run: raise SIM_REQUEST_LOG"
    seen.log = answer["requests"]
    return seen


def verdict(seen: Seen, scenario: Scenario, spare: bool) -> dict[str, list[str]]:
    """What was wrong with a run, by kind; all lists are empty for a good one. ``spare``: there is a second source."""
    truth = judge.Truth(scenario)
    away = any(change.get("kind") == "gone" for change in scenario.changes)
    return {
        "hand-overs": judge.hand_overs(seen.charges, away) if spare else [],
        "gaps": judge.incomplete(seen.archived, truth.counts(seen.end)) + [str(gap) for gap in seen.gaps],
        "duplicates": [str(row) for row in seen.duplicates],
        "fetched without need": judge.refetched(seen.log, truth),
        "late": judge.late(seen.samples, scenario, truth),
    }


def summary(seen: Seen) -> str:
    """One line about a run."""
    photos = [r for r in seen.log if r["kind"] in ("photos", "feed")]
    turns = "; ".join(f"{rover}: {' > '.join(judge.sources_in_turn(seen.log, rover)) or 'none'}" for rover in ACTIVE)
    return (
        f"{sum(seen.archived.values())} photos, {len(seen.log)} requests, {len(photos)} of them for photos, "
        f"{len(seen.samples)} looks at the archive; sources in turn: {turns}"
    )
