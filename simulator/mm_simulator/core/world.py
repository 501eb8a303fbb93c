"""The one history that every profile shows a part of: counts, ids and drives, up to a horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from mm_simulator.core.drives import Track, curiosity_drives
from mm_simulator.core.facts import ROVERS, Rover
from mm_simulator.core.ids import assign
from mm_simulator.core.photos import Photo, sol_photos
from mm_simulator.core.plan import SolPlan, build
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import ManifestRow, m20_drives
from mm_simulator.core.timebase import CLOCKS

_MARGIN_SOLS = 60  # built beyond what is asked for, so that a moving clock seldom asks again


class World:
    """What happened, by rover and sol. Building it takes under a second; photos are made when asked for."""

    def __init__(self, seed: str, until: float, given: Mapping[str, Sequence[ManifestRow]] | None = None) -> None:
        """Build every sol that has begun before the Unix time ``until``, and a few more.

        ``given`` are sols of real manifests by rover, in place of drawn ones.
        """
        self.rand = Rand(seed)
        self.horizon = {
            name: max(0, CLOCKS[name].sol_at(until)) + _MARGIN_SOLS for name, r in ROVERS.items() if r.active
        }
        # Counts are needed up to the last total that the real API told, wherever the clock stands.
        history = build(self.rand, {name: max(sol, 4600) for name, sol in self.horizon.items()}, given)
        self.plans: dict[str, dict[int, SolPlan]] = {
            name: {plan.sol: plan for plan in plans} for name, plans in history.items()
        }
        self.ids = assign(history)

    def covers(self, now: float) -> bool:
        """Whether the world is built far enough for that Unix time."""
        return all(CLOCKS[name].sol_at(now) <= sol for name, sol in self.horizon.items())

    @cached_property
    def tracks(self) -> Mapping[str, Track]:
        """The drives of the two rovers that have a traverse layer."""
        return {
            "Perseverance": Track(m20_drives()),
            "Curiosity": Track(curiosity_drives(self.rand, self.plans["Curiosity"].values())),
        }

    def photos(self, rover: Rover, sol: int) -> list[Photo]:
        """All photos of a sol, whether released yet or not, by camera id and id; empty if there are none."""
        plan = self.plans[rover.name].get(sol)
        if plan is None:
            return []
        ids = self.ids.cells(rover.id, sol)
        return sol_photos(self.rand, rover.name, plan, ids, self.tracks.get(rover.name))
