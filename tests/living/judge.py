"""The verdict on a run: by the simulator's request log, and by what was in the archive while its clock ran."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

from mm_simulator.core.facts import ROVERS
from mm_simulator.core.release import Release
from mm_simulator.core.timebase import SOL_SECONDS
from mm_simulator.core.world import World

from tests.living.scenario import ACTIVE, Scenario

Counts = Mapping[tuple[str, int], int]
Request = Mapping[str, Any]


class Truth:
    """What the sources had at any simulated time: the history that the simulator shows, made again here."""

    def __init__(self, scenario: Scenario, seed: str = "martian-moments-1") -> None:
        self._world = World(seed, scenario.end + 3 * SOL_SECONDS)
        self._release = Release(scenario.late_sols, scenario.late_hours)
        self._shown = {rover: _range(sols) for rover, sols in scenario.sols.items()}

    def count(self, rover: str, sol: int, now: float) -> int:
        """Photos of a sol that could be had at a simulated time (Unix s)."""
        plan = self._world.plans[rover].get(sol)
        return 0 if plan is None else self._release.released(ROVERS[rover], sol, plan.total, now)

    def counts(self, now: float) -> dict[tuple[str, int], int]:
        """Photos of every shown sol of the active rovers at a simulated time, where there are any."""
        found = {(rover, sol): self.count(rover, sol, now) for rover in ACTIVE for sol in self._shown[rover]}
        return {key: count for key, count in found.items() if count}


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _begins(request: Request) -> bool:
    """Whether a request begins a fetch of a sol: its first page, or all of it. A page of one item only counts."""
    if request["kind"] not in ("photos", "feed") or request["sol"] is None:
        return False
    query, first = parse_qs(request["query"]), "0" if request["kind"] == "feed" else "1"
    return query.get("page", [first])[0] == first and "1" not in query.get("num", query.get("per_page", []))


def refetched(log: Iterable[Request], truth: Truth) -> list[str]:
    """Sols that were fetched again although nothing of them had changed, and no answer in between had failed."""
    by_sol: dict[tuple[str, int], list[Request]] = defaultdict(list)
    for request in log:
        if request["kind"] in ("photos", "feed") and request["rover"] and request["sol"] is not None:
            by_sol[request["rover"], request["sol"]].append(request)
    wrong = []
    for (rover, sol), requests in sorted(by_sol.items()):
        good = [i for i, request in enumerate(requests) if request["status"] == 200 and _begins(request)]
        for before, after in pairwise(good):
            failed = any(request["status"] not in (200, 304) for request in requests[before + 1 : after])
            then, now = requests[before], requests[after]
            grew = truth.count(rover, sol, then["sim_time"]) != truth.count(rover, sol, now["sim_time"])
            if not grew and not failed:
                wrong.append(
                    f"{rover} sol {sol}: fetched at {told(then['sim_time'])} from {then['flavour']} and again at "
                    f"{told(now['sim_time'])} from {now['flavour']}, with {truth.count(rover, sol, now['sim_time'])} "
                    "photos both times"
                )
    return wrong


def late(samples: Sequence[tuple[float, Counts]], scenario: Scenario, truth: Truth) -> list[str]:
    """Sols that lacked photos a sol after those could be had, outside the troubles.

    A sample is (simulated Unix s, photos in the archive).
    """
    wrong = []
    for now, archived in samples:
        if now - SOL_SECONDS < scenario.start or scenario.excused(now):
            continue
        for (rover, sol), count in truth.counts(now - SOL_SECONDS).items():
            if archived.get((rover, sol), 0) < count:
                there = archived.get((rover, sol), 0)
                wrong.append(f"{rover} sol {sol}: {there} of the {count} photos of a sol before {told(now)}")
    return wrong


def incomplete(archived: Counts, promised: Counts) -> list[str]:
    """Where the archive does not hold what could be had in the end: gaps, and photos too many."""
    keys = sorted({*archived, *promised})
    return [
        f"{rover} sol {sol}: {archived.get((rover, sol), 0)} photos, not {promised.get((rover, sol), 0)}"
        for rover, sol in keys
        if archived.get((rover, sol), 0) != promised.get((rover, sol), 0)
    ]


def sources_in_turn(log: Iterable[Request], rover: str) -> list[str]:
    """The sources that gave a rover's photos, in order, each once until another took over."""
    turns: list[str] = []
    for request in log:
        gave = request["rover"] == rover and request["kind"] in ("photos", "feed") and request["status"] == 200
        if gave and turns[-1:] != [request["flavour"]]:
            turns.append(request["flavour"])
    return turns


def hand_overs(charges: Iterable[tuple[str, str, str]], away: bool) -> list[str]:
    """What is missing of the hand-overs: the first source of each active rover gave up, came back, and is out if dead.

    ``charges`` are (rover, source, reason) in their order.
    """
    wrong = []
    for rover in ACTIVE:
        reasons = [reason for name, _, reason in charges if name == rover]
        if "SourceStale" not in reasons:
            wrong.append(f"{rover}: nobody took over; the reasons are {reasons}")
        elif "SourceWell" not in reasons[reasons.index("SourceStale") :]:
            wrong.append(f"{rover}: the first source did not come back; the reasons are {reasons}")
        elif away and reasons[-1] != "SourceStale":
            wrong.append(f"{rover}: a dead source is in charge; the reasons are {reasons}")
    return wrong


def told(moment: float) -> str:
    """A simulated time for people."""
    return f"{datetime.fromtimestamp(moment, UTC):%b %d %H:%M}"
