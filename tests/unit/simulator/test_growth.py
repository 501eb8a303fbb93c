"""The simulated clock: new sols arrive in parts, keep their ids, and manifests may lag."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from mm_simulator.clock import SimClock
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.presence import conjunction_sols
from mm_simulator.core.rand import Rand
from mm_simulator.core.release import Release, first_seen
from mm_simulator.core.tables import m20_drives
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
    assert [Release().released(rover, 10, 1, end + hours * HOUR) for hours in (0, 4, 36)] == [0, 1, 1]
    assert Release().released(ROVERS["Spirit"], 10, 7, 0.0) == 7


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


def test_last_photos_of_some_sols_come_late(make: Callable[..., Any]) -> None:
    api = make(profile="full", late_sols=5, late_hours=200.0)
    assert SOL % 5 == 0
    whole = make(profile="full").simulator.archive._world(0.0).plans["Perseverance"]
    for sol, hours, all_there in ((SOL, 199.0, False), (SOL, 201.0, True), (SOL + 1, 37.0, True)):
        api.simulator.move_clock(CLOCKS["Perseverance"].unix(sol + 1, 0.0) + hours * HOUR, None)
        photos = api.photos("perseverance", sol=sol)
        entry = next(e for e in api.manifest("perseverance")["photos"] if e["sol"] == sol)
        assert len(photos) == entry["total_photos"]
        assert (len(photos) == whole[sol].total) is all_there


def test_feeds_tell_when_each_photo_came(growing: Any) -> None:
    query = {"sol": SOL, "num": 100, "extended": "sample_type::full,"}
    seen: dict[str, str] = {}
    for hours in (4.1, 12.1, 36.1):
        move(growing, hours)
        now = growing.client.get("/__sim/state").json()["now"]
        total = growing.client.get("/rss/api/", params=query).json()["total_results"]
        images = [
            image
            for page in range(-(-total // 100))
            for image in growing.client.get("/rss/api/", params=query | {"page": page}).json()["images"]
        ]
        assert {image["date_received"] for image in images} <= {*seen.values(), max(i["date_received"] for i in images)}
        for image in images:
            assert image["date_received"] <= now
            name = image["image_files"]["large"]
            assert seen.setdefault(name, image["date_received"]) == image["date_received"]
    assert len(set(seen.values())) == 3


def test_the_state_tells_when_photos_last_came(growing: Any) -> None:
    move(growing, 13.0)
    shown = growing.client.get("/__sim/state").json()["rovers"]
    newest = parse_instant(shown["Perseverance"]["newest_photo"])
    assert newest == pytest.approx(growing.end + 12 * HOUR, abs=1.0)


def test_the_living_profile_brings_new_sols_and_a_conjunction(make: Callable[..., Any]) -> None:
    start = parse_instant("2025-12-28T00:00:00Z")
    api = make(profile="living", now=start, history="drawn")
    sols = [{e["sol"]: e["total_photos"] for e in api.manifest("perseverance")["photos"]}]
    assert 3 <= len(sols[0]) <= 8
    for days in (15, 31):
        api.simulator.move_clock(start + days * 86400.0, None)
        sols.append({e["sol"]: e["total_photos"] for e in api.manifest("perseverance")["photos"]})
        assert set(sols[-2]) < set(sols[-1])
    quiet = conjunction_sols(ROVERS["Perseverance"])[1]
    drives = set(m20_drives())
    during = [n for sol, n in sols[-1].items() if sol in quiet and sol not in drives and sol < max(sols[-1]) - 2]
    assert during
    assert all(n <= 6 for n in during)
    assert sum(sols[-1].values()) > 2000
    assert [e["sol"] for e in api.manifest("spirit")["photos"]] == [1, 2, 3]
