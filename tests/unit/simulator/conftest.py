"""One history for all tests of the simulator: building it is the costly part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mm_simulator.core.timebase import parse_instant
from mm_simulator.core.world import World
from mm_simulator.settings import Settings
from mm_simulator.shell.app import Simulator
from starlette.testclient import TestClient

KEY = "k" * 40
V1 = "/mars-photos/api/v1"


class Wall:
    """A real clock that a test moves (Unix seconds)."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Api:
    """A simulator and a client that sends a key."""

    def __init__(self, simulator: Simulator, wall: Wall) -> None:
        self.simulator, self.wall = simulator, wall
        self.client = TestClient(simulator, headers={"x-api-key": KEY})
        self.stranger = TestClient(simulator)
        # One event loop for all requests of a client, not one for each.
        self.loops = ExitStack()
        self.loops.enter_context(self.client)
        self.loops.enter_context(self.stranger)

    def get(self, path: str, **query: Any) -> Any:
        """A v1 request that must succeed; its JSON."""
        response = self.client.get(V1 + path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def photos(self, rover: str, **query: Any) -> list[dict[str, Any]]:
        """The photos of a query."""
        found: list[dict[str, Any]] = self.get(f"/rovers/{rover}/photos", **query)["photos"]
        return found

    def manifest(self, rover: str) -> dict[str, Any]:
        """A rover's manifest."""
        found: dict[str, Any] = self.get(f"/manifests/{rover}")["photo_manifest"]
        return found

    def fault(self, **given: Any) -> str:
        """Set a fault by the control plane; its id."""
        response = self.client.post("/__sim/faults", json=given)
        assert response.status_code == 201, response.text
        fault_id: str = response.json()["id"]
        return fault_id


@pytest.fixture(scope="session")
def world() -> World:
    """The history of the default seed."""
    return World(Settings().seed, Settings().now)


@pytest.fixture(scope="session")
def longer() -> World:
    """The same history, built a year further."""
    return World(Settings().seed, parse_instant("2026-09-01T00:00:00Z"))


def build(world: World | None, **changes: Any) -> Api:
    """A simulator with other settings than the defaults, over a history that is there already."""
    wall = Wall()
    return Api(Simulator(replace(Settings(), **changes), real_now=wall, steady=wall, world=world), wall)


@pytest.fixture
def make(world: World) -> Iterator[Callable[..., Api]]:
    """Makes simulators with other settings than the defaults."""
    with ExitStack() as loops:

        def made(**changes: Any) -> Api:
            api = build(world, **changes)
            loops.enter_context(api.loops)
            return api

        yield made


@pytest.fixture
def tiny(make: Callable[..., Api]) -> Api:
    """The tiny profile, fresh for each test."""
    return make(profile="tiny")


@pytest.fixture(scope="session")
def recording() -> Iterator[Api]:
    """The tiny profile with every real answer there is: its history is built anew, so once for all tests."""
    shared = Path(os.environ.get("MARS_SHARED") or Path(__file__).parents[4] / "shared")
    feeds = shared / "data" / "feeds"
    if not feeds.is_dir():
        pytest.skip("no real answers here; set MARS_SHARED to a folder that has data/feeds")
    api = build(None, profile="tiny", captures_dir=str(feeds))
    with api.loops:
        yield api


@pytest.fixture
def recorded(recording: Api) -> Api:
    """The same, as at its start."""
    assert recording.client.post("/__sim/reset").is_success
    return recording


@pytest.fixture(scope="session")
def full(world: World) -> Iterator[Api]:
    """The full profile, for tests that only read."""
    api = build(world, profile="full")
    with api.loops:
        yield api


@pytest.fixture(scope="session")
def demo(world: World) -> Iterator[Api]:
    """The demo profile, for tests that only read."""
    api = build(world, profile="demo")
    with api.loops:
        yield api


@pytest.fixture(scope="session")
def demo_photos(demo: Api) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """Every photo of the demo profile as served, by rover and sol."""
    return {
        rover["name"]: {
            entry["sol"]: demo.photos(rover["name"], sol=entry["sol"])
            for entry in demo.manifest(rover["name"])["photos"]
        }
        for rover in demo.get("/rovers")["rovers"]
    }
