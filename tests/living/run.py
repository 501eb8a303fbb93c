"""A run: Mars goes on by the simulator's fast clock, and the installed loop follows as well as it can."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from mm_contracts import topics
from mm_contracts.messages import schedule_message
from mm_simulator.core.timebase import SOL_SECONDS, format_instant, parse_instant

from tests.cluster.archive import built, gaps
from tests.cluster.system import System, wait_until
from tests.living import judge
from tests.living.scenario import ACTIVE, Scenario

COUNTS = """
select rover_name, sol, count(*) from silver.fact_photos where rover_name in ('Perseverance', 'Curiosity') group by 1, 2
"""
TWICE = "select image_id, count(*) from silver.fact_photos group by 1 having count(*) > 1"
CHARGES = "select rover_name, source, reason from silver.source_charge order by since, charge_id"
LOOKS_A_SOL = 40
MANIFESTS_A_SOL = 4
"""As often as the chart's schedule asks for manifests."""
ROOM = 2.5
"""Times that a sol is longer than what the loop took for the first photos: up to a quarter of a sol until a manifest is
asked for, a run of dbt that may be under way, and the loop itself."""
SHORTEST_SOL = 60.0
"""Real seconds."""


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
    loop_seconds: float = 0.0
    """Real seconds from the first request for manifests to the photos in the archive."""
    sol_seconds: float = 0.0


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


def ask_for_manifests(system: System, sources: Sequence[str], turn: str) -> None:
    """What the chart's schedule does four times a sol; simulated hours are seconds."""
    for source in sources:
        name = f"living-{turn}-{source or 'first'}"
        rovers = [{"rover_name": rover} for rover in ACTIVE]
        value = schedule_message("manifests", rovers, schedule_id=name, timestamp=turn, source=source)
        system.publish(topics.SCHEDULING, value)


def photos_in_hand(system: System) -> bool:
    """Whether a plan of photos has not ended yet."""
    return any(
        plan["spec"].get("dataset", "photos") == "photos"
        and (plan.get("status") or {}).get("phase", "Pending") in ("Pending", "Running")
        for plan in system.get("iplan")
    )


def gaps_beside(system: System, known: Collection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The gaps of other sols than those that are known: what an earlier test left is no work of this run."""
    return [gap for gap in gaps(system) if gap[:2] not in known]


def whole(system: System, scenario: Scenario, truth: judge.Truth, known: Collection[tuple[Any, ...]]) -> bool:
    """Whether the archive has all that can be had now, and no gap is left beside those that are known."""
    if not built(system) or judge.incomplete(counts(system, scenario), truth.counts(sim_now(system))):
        return False
    return not gaps_beside(system, known)


def follow(
    system: System,
    scenario: Scenario,
    say: Callable[[str], None],
    *,
    sources: Sequence[str] = ("",),
    sol_seconds: float | None = None,
    patience: float = 900.0,
) -> Seen:
    """Run a scenario, let it settle, and return what was seen.

    Args:
        system: the installed release.
        scenario: what happens.
        say: takes lines about how far it is.
        sources: names of those whose manifests are asked for; the empty one is each rover's first.
        sol_seconds: real seconds of a sol; None takes what this machine can follow, by how long the first photos took.
        patience: seconds for what there was before the start, and again for what is left at the end.

    Raises:
        AssertionError: the archive was not whole when ``patience`` was over.
    """
    truth, seen, run = judge.Truth(scenario), Seen(), f"{time.time_ns():x}"
    known = {gap[:2] for gap in gaps(system)} if built(system) else set()
    system.simulator("POST", "/__sim/clock", {"now": format_instant(scenario.start), "rate": 0})
    system.simulator("POST", "/__sim/sols", scenario.sols)
    ask_for_manifests(system, sources, f"{run}-0")
    begun_at = time.monotonic()
    wait_until(lambda: whole(system, scenario, truth, known), "all that there was before the start", patience, every=2)
    seen.loop_seconds = time.monotonic() - begun_at
    seen.sol_seconds = sol_seconds or max(SHORTEST_SOL, ROOM * seen.loop_seconds)
    begun = max((r["seq"] for r in system.simulator("GET", "/__sim/requests?limit=1")["requests"]), default=0)
    for fault in (*scenario.changes, *(trouble.request for trouble in scenario.troubles)):
        system.simulator("POST", "/__sim/faults", fault)
    say(
        f"whole at {judge.told(scenario.start)} after {seen.loop_seconds:.0f} s; "
        f"the clock runs, a sol in {seen.sol_seconds:.0f} s"
    )
    system.simulator("POST", "/__sim/clock", {"rate": SOL_SECONDS / seen.sol_seconds})
    last_word, asked = 0.0, 0
    while (now := sim_now(system)) < scenario.end:
        turn = int((now - scenario.start) / SOL_SECONDS * MANIFESTS_A_SOL) + 1
        if turn > asked:
            ask_for_manifests(system, sources, f"{run}-{turn}")
            asked = turn
        # The clock goes on while the archive answers: what it answers is held against the time of the question.
        seen.samples.append((now, counts(system, scenario)))
        if time.monotonic() - last_word > 30:
            behind = len(judge.incomplete(seen.samples[-1][1], truth.counts(now)))
            say(f"{judge.told(now)}: {sum(seen.samples[-1][1].values())} photos, {behind} sols behind the sources")
            last_word = time.monotonic()
        wait_until(lambda now=now: sim_now(system) > now + SOL_SECONDS / LOOKS_A_SOL, "the clock to go on", every=1)
    seen.end = scenario.end + scenario.settle_sols * SOL_SECONDS
    system.simulator("POST", "/__sim/clock", {"now": format_instant(seen.end), "rate": 0})
    say(f"the clock stands at {judge.told(seen.end)}; the last photos are fetched")
    asked_at = -float("inf")

    def settled() -> bool:
        nonlocal asked, asked_at
        if whole(system, scenario, truth, known):
            return not photos_in_hand(system)
        if time.monotonic() - asked_at > seen.sol_seconds / MANIFESTS_A_SOL:
            asked, asked_at = asked + 1, time.monotonic()
            ask_for_manifests(system, sources, f"{run}-{asked}")
        return False

    wait_until(settled, "all photos after the clock stopped", patience, every=3)
    seen.archived, seen.gaps, seen.duplicates = counts(system, scenario), gaps_beside(system, known), system.sql(TWICE)
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
        f"{len(seen.samples)} looks at the archive, a sol in {seen.sol_seconds:.0f} s and the loop in "
        f"{seen.loop_seconds:.0f} s; sources in turn: {turns}"
    )
