"""The simulated clock: new sols arrive in parts, keep their ids, and manifests may lag."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from mm_simulator.clock import SimClock
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.rand import Rand
from mm_simulator.core.release import first_seen, released
from mm_simulator.core.timebase import CLOCKS, parse_instant
from mm_simulator.core.world import World
from mm_simulator.shell import app as app_module

SOL = 1640
HOUR = 3600.0


@pytest.fixture
def growing(make: Callable[..., Any]) -> Any:
    """The full profile, set to the end of a sol of Perseverance."""
    api = make(profile="full")
    api.end = CLOCKS["Perseverance"].unix(SOL + 1, 0.0)
    return api


def move(api: Any, hours: float) -> None:
    api.simulator.move_clock(api.end + hours * HOUR, None)


def test_a_sol_arrives_in_three_parts_and_keeps_its_ids(growing: Any) -> None:
    seen: list[dict[int, dict[str, Any]]] = []
    for hours in (3.9, 4.1, 12.1, 36.1, 500):
        move(growing, hours)
        seen.append({photo["id"]: photo for photo in growing.photos("perseverance", sol=SOL)})
    whole = len(seen[-1])
    assert [len(photos) for photos in seen] == [0, -(-whole * 55 // 100), -(-whole * 85 // 100), whole, whole]
    for before, after in pairwise(seen):
        assert before.items() <= after.items()


def test_manifest_and_latest_follow(growing: Any) -> None:
    move(growing, 3.9)
    assert growing.manifest("perseverance")["max_sol"] == SOL - 1
    for hours in (4.1, 12.1, 36.1):
        move(growing, hours)
        entry = next(e for e in growing.manifest("perseverance")["photos"] if e["sol"] == SOL)
        photos = growing.photos("perseverance", sol=SOL)
        assert entry["total_photos"] == len(photos)
        assert entry["cameras"] == sorted({photo["camera"]["name"] for photo in photos})
        assert growing.get("/rovers/perseverance")["rover"]["max_sol"] == growing.manifest("perseverance")["max_sol"]


def test_totals_add_up_while_growing(growing: Any) -> None:
    for hours in (4.1, 20, 40):
        move(growing, hours)
        manifest = growing.manifest("perseverance")
        assert manifest["total_photos"] == sum(entry["total_photos"] for entry in manifest["photos"])


def test_manifest_may_lag_behind_the_photos(make: Callable[..., Any]) -> None:
    api = make(profile="full", manifest_lag_hours=24.0)
    api.simulator.move_clock(CLOCKS["Perseverance"].unix(SOL + 1, 0.0) + 5 * HOUR, None)
    assert api.manifest("perseverance")["max_sol"] == SOL - 1
    assert api.photos("perseverance", sol=SOL)


def test_rovers_that_are_silent_do_not_change(growing: Any) -> None:
    before = growing.manifest("spirit")
    move(growing, 1_000)
    assert growing.manifest("spirit") == before


def test_a_clock_past_the_horizon_builds_on(growing: Any, longer: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(app_module, "World", lambda _, until, _given: asked.append(until) or longer)
    later = parse_instant("2026-09-01T00:00:00Z")
    growing.simulator.move_clock(later, None)
    manifest = growing.manifest("perseverance")
    assert asked == [later]
    assert manifest["max_sol"] > 1950
    assert len(growing.photos("perseverance", sol=manifest["max_sol"])) == manifest["photos"][-1]["total_photos"]


def test_a_clock_at_the_beginning_shows_little(make: Callable[..., Any]) -> None:
    api = make(profile="full", now=parse_instant("2012-08-20T00:00:00Z"))
    assert [entry["sol"] for entry in api.manifest("curiosity")["photos"]] == [0, 1, 2, 3, 10, 12]
    assert api.manifest("perseverance")["photos"] == []
    assert api.get("/rovers/perseverance/latest_photos") == {"latest_photos": []}


def test_released_by_age() -> None:
    rover = ROVERS["Curiosity"]
    end = CLOCKS["Curiosity"].unix(11, 0.0)
    assert [released(rover, 10, 1, end + hours * HOUR) for hours in (0, 4, 36)] == [0, 1, 1]
    assert released(ROVERS["Spirit"], 10, 7, 0.0) == 7


def test_parts_add_to_one_another() -> None:
    rand = Rand("x")
    parts = [set(first_seen(rand, "Curiosity", 1, 20, count)) for count in (11, 17, 20)]
    assert parts[0] < parts[1] < parts[2] == set(range(20))


def test_clock_runs_at_its_rate() -> None:
    steady = [100.0]
    clock = SimClock(1000.0, 60.0, lambda: steady[0])
    steady[0] += 2
    assert clock.now() == 1120.0
    clock.set(rate=0.0)
    steady[0] += 50
    assert clock.now() == 1120.0
    clock.advance(80)
    assert clock.now() == 1200.0
    clock.reset()
    assert (clock.now(), clock.rate) == (1000.0, 60.0)
