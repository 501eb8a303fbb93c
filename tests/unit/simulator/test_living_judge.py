"""The judge of the living mode: it must see what is wrong, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from mm_simulator.core.timebase import CLOCKS, SOL_SECONDS

from tests.living import judge
from tests.living.scenario import ACTIVE, hand_over, month, short

SCENARIO = hand_over()
SOL = 4783
END = CLOCKS["Curiosity"].unix(SOL + 1, 0.0)
HOUR = 3600.0


@pytest.fixture(scope="module")
def truth() -> judge.Truth:
    return judge.Truth(SCENARIO)


def request(hours: float, status: int = 200, flavour: str = "nasa-v1", query: str = f"sol={SOL}") -> dict[str, Any]:
    """A request for the sol's photos so many hours after its end."""
    kind = "feed" if flavour.endswith("-raw") else "photos"
    return {
        "kind": kind, "rover": "Curiosity", "sol": SOL, "status": status, "flavour": flavour, "query": query,
        "sim_time": END + hours * HOUR,
    }  # fmt: skip


@pytest.mark.parametrize(
    "log",
    [
        [request(5), request(13), request(37)],  # it grew each time
        [request(5), request(6, 503), request(7)],  # an answer failed
        [request(5, query=f"sol={SOL}&page={page}") for page in (1, 2, 3)],  # one fetch in pages
        [request(5, flavour="m20-raw", query=f"sol={SOL}&page={page}") for page in (0, 1, 2)],
        [request(5), request(6, 304)],  # asked whether it had changed, and was told no
    ],
)
def test_a_fetch_with_a_reason_is_no_waste(truth: judge.Truth, log: list[dict[str, Any]]) -> None:
    assert judge.refetched(log, truth) == []


@pytest.mark.parametrize(
    "log",
    [
        [request(5), request(6)],
        [request(40), request(90)],
        [request(40), request(41, flavour="nebulum")],  # another source has the same pictures
        [request(5, query=f"sol={SOL}&page=1"), request(6, query=f"sol={SOL}&page=1")],
        [request(5), request(6, 503), request(7), request(8)],
    ],
)
def test_a_fetch_without_a_reason_is_named(truth: judge.Truth, log: list[dict[str, Any]]) -> None:
    (found,) = judge.refetched(log, truth)
    assert f"Curiosity sol {SOL}" in found


def test_photos_may_be_a_sol_old_and_no_more(truth: judge.Truth) -> None:
    now = END + 4 * HOUR + SOL_SECONDS + 60.0
    assert not SCENARIO.excused(now) or SCENARIO.troubles
    quiet = hand_over()
    quiet = type(quiet)(**{**quiet.__dict__, "troubles": ()})
    whole = truth.counts(now - SOL_SECONDS)
    quiet = type(quiet)(**{**quiet.__dict__, "start": now - 2 * SOL_SECONDS})
    assert judge.late([(now, whole)], quiet, truth) == []
    short_of_one = {**whole, ("Curiosity", SOL): whole["Curiosity", SOL] - 1}
    (found,) = judge.late([(now, short_of_one)], quiet, truth)
    assert f"Curiosity sol {SOL}" in found
    assert judge.late([(now - 120.0, short_of_one)], quiet, truth) == []


def test_troubles_excuse_themselves_and_a_while_after() -> None:
    for scenario in (short(), SCENARIO, month()):
        for trouble in scenario.troubles:
            assert scenario.excused(trouble.begin + 1.0)
            assert scenario.excused(trouble.end + SOL_SECONDS - 1.0)
        moments = [scenario.start + i * HOUR for i in range(int(scenario.length * SOL_SECONDS / HOUR))]
        judged = [at for at in moments if at - SOL_SECONDS >= scenario.start and not scenario.excused(at)]
        assert len(judged) / len(moments) > 0.1  # else it would be a test of nothing


def test_gaps_and_photos_too_many_are_told() -> None:
    promised = {("Curiosity", 1): 5, ("Curiosity", 2): 6}
    assert judge.incomplete(promised, promised) == []
    wrong = judge.incomplete({("Curiosity", 1): 4, ("Curiosity", 3): 1}, promised)
    assert len(wrong) == 3


def test_sources_in_turn() -> None:
    log = [request(1), request(2), request(3, 503), request(4, flavour="nebulum"), request(5)]
    assert judge.sources_in_turn(log, "Curiosity") == ["nasa-v1", "nebulum", "nasa-v1"]
    assert judge.sources_in_turn(log, "Perseverance") == []


def test_the_truth_is_what_the_simulator_serves(truth: judge.Truth, make: Any) -> None:
    scenario = month()
    api = make(profile="living", now=scenario.start, late_sols=scenario.late_sols, late_hours=scenario.late_hours)
    truth = judge.Truth(scenario)
    for days in (0.0, 10.3, 31.9):
        now = scenario.start + days * 86400.0
        api.simulator.move_clock(now, None)
        served = {
            (rover, entry["sol"]): entry["total_photos"] for rover in ACTIVE for entry in api.manifest(rover)["photos"]
        }
        assert served == truth.counts(now)
    for fault in (*scenario.changes, *(trouble.request for trouble in scenario.troubles)):
        api.fault(**fault)


def test_hand_overs_and_returns_are_wanted() -> None:
    gone, back = ("spare", "SourceStale"), ("simulator", "SourceWell")

    def charges(*changes: tuple[str, str]) -> list[tuple[str, str, str]]:
        return [(rover, *change) for change in changes for rover in ACTIVE]

    assert judge.hand_overs(charges(gone, back), away=False) == []
    assert judge.hand_overs(charges(gone, back, gone), away=True) == []
    for wrong, away in ((charges(), False), (charges(gone), False), (charges(gone, back), True)):
        assert len(judge.hand_overs(wrong, away)) == len(ACTIVE)


def test_counting_is_no_fetch(truth: judge.Truth) -> None:
    counted = [request(5 + i, flavour="m20-raw", query=f"sol={SOL}&page=0&num=1") for i in range(3)]
    assert judge.refetched(counted, truth) == []
