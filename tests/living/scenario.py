"""What happens to the sources while Mars goes on: the scenarios of the living mode, on the simulator's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mm_simulator.core.timebase import SOL_SECONDS, parse_instant

ACTIVE = ("Perseverance", "Curiosity")
_HOUR = 3600.0


@dataclass(frozen=True)
class Trouble:
    """A fault with a begin and an end (simulated Unix s). While it lasts, and a sol after it, photos may come late."""

    what: str
    fault: dict[str, Any]
    begin: float
    end: float

    @property
    def request(self) -> dict[str, Any]:
        """The fault as the simulator's control plane takes it."""
        return self.fault


@dataclass(frozen=True)
class Scenario:
    """Where the clock starts, how many sols it runs, and what goes wrong; ``sols`` are shown beyond the profile's."""

    name: str
    start: float
    length: float
    sols: dict[str, str]
    troubles: Sequence[Trouble] = ()
    changes: Sequence[dict[str, Any]] = ()
    late_sols: int = 0
    late_hours: float = 200.0
    environment: dict[str, str] = field(default_factory=dict)
    settle_sols: float = 9.0
    """How far the clock jumps at the end, so that the last and the late photos of every sol are there."""

    @property
    def end(self) -> float:
        """The simulated time at which the clock stops."""
        return self.start + self.length * SOL_SECONDS

    def excused(self, moment: float) -> bool:
        """Whether photos that came a sol before ``moment`` may still be missing: there was trouble since."""
        return any(trouble.begin <= moment <= trouble.end + SOL_SECONDS for trouble in self.troubles)


def trouble(what: str, begin: str, end: str | None, **fault: Any) -> Trouble:
    """A fault from one instant to another; without an end it lasts for good."""
    window = {"from": begin} | ({"until": end} if end else {})
    return Trouble(what, fault | window, parse_instant(begin), parse_instant(end) if end else float("inf"))


def new_camera(rover: str, camera: str, sols: str, *flavours: str) -> list[dict[str, Any]]:
    """A camera that is called by a name nobody knows, from some sol on, at each of its sources."""
    return [
        {"kind": "unknown_camera", "rover": rover, "camera": camera, "sols": [sols], "flavour": flavour}
        for flavour in flavours
    ]


NEW_CAMERA = new_camera("Curiosity", "NAV_LEFT_B", "4783-4900", "nasa-v1", "nebulum")


def short(first: str = "nasa-v1") -> Scenario:
    """Nearly two sols of one source: photos come in parts, it refuses for a while, is away, and has a new camera.

    Each trouble begins with or before a request for manifests, at a quarter of a sol, and lasts for hours after it, so
    that it is met whatever a pod's start takes.
    """
    return Scenario(
        name="short",
        start=parse_instant("2026-01-20T00:00:00Z"),
        length=1.7,
        sols={"Perseverance": "1745-1800", "Curiosity": "4780-4900"},
        troubles=(
            trouble(
                "three hours of 429", "2026-01-20T00:00:00Z", "2026-01-20T03:00:00Z", kind="rate_limit", flavour=first
            ),
            trouble(
                "a morning without the source", "2026-01-20T05:30:00Z", "2026-01-20T10:00:00Z",
                kind="status", status=503, body="heroku", flavour=first,
            ),
        ),
        changes=NEW_CAMERA,
        settle_sols=1.6,
    )  # fmt: skip


def hand_over(first: str = "nasa-v1") -> Scenario:
    """Four sols and a half of two sources: an afternoon of refusals, a new camera, and a day without the first one."""
    return Scenario(
        name="hand-over",
        start=parse_instant("2026-01-20T00:00:00Z"),
        length=4.5,
        sols={"Perseverance": "1745-1800", "Curiosity": "4780-4900"},
        troubles=(
            trouble(
                "an afternoon of 429", "2026-01-20T06:00:00Z", "2026-01-20T12:00:00Z", kind="rate_limit", flavour=first
            ),
            trouble(
                "a day without the first source", "2026-01-22T00:00:00Z", "2026-01-23T00:00:00Z",
                kind="status", status=503, body="heroku", flavour=first,
            ),
        ),
        changes=NEW_CAMERA,
        settle_sols=1.6,
    )  # fmt: skip


def month(first: str = "nasa-v1", spare: bool = True) -> Scenario:
    """A month with its conjunction; where there is a spare source, the first one dies in the end."""
    troubles = [
        trouble(
            "an afternoon of 429", "2026-01-02T12:00:00Z", "2026-01-02T18:00:00Z", kind="rate_limit", flavour=first
        ),
        trouble(
            "a day without the first source", "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z",
            kind="status", status=503, body="heroku", flavour=first,
        ),
        trouble(
            "a manifest that shrinks", "2026-01-12T00:00:00Z", "2026-01-13T00:00:00Z",
            kind="stale_manifest", count=3, flavour=first,
        ),
    ]  # fmt: skip
    if spare:
        troubles.append(
            trouble("the first source dies", "2026-01-23T00:00:00Z", "2026-01-24T00:00:00Z", kind="gone", flavour=first)
        )
    # It never comes back, but only the day of the hand-over is excused.
    dead = [{"kind": "gone", "flavour": first, "from": "2026-01-24T00:00:00Z"}] if spare else []
    return Scenario(
        name="month",
        start=parse_instant("2025-12-28T00:00:00Z"),
        length=31.0,
        sols={"Perseverance": "1715-1800", "Curiosity": "4755-4900"},
        troubles=troubles,
        changes=[
            *new_camera("Curiosity", "NAV_LEFT_B", "4785-4900", "nasa-v1", "nebulum"),
            *new_camera("Perseverance", "SKYCAM", "1750-1800", "nasa-v1", "nebulum", "m20-raw"),
            *dead,
        ],
        late_sols=7,
        environment={"SIM_LATE_SOLS": "7", "SIM_LATE_HOURS": "200"},
    )
