"""The whole history as counts: for every rover and sol with photos, how many of each camera.

Later sols never change earlier ones: a history up to sol 2000 begins with the history up to sol 1000.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mm_simulator.core.facts import CAMERA_ID, ROVERS
from mm_simulator.core.presence import present_sols
from mm_simulator.core.rand import Rand
from mm_simulator.core.split import (
    PRESENCE,
    Group,
    curiosity_groups,
    drawn_groups,
    edl_groups,
    named_groups,
    split,
)
from mm_simulator.core.tables import FIRST_SOLS, KNOWN_SPLITS, ManifestRow, curiosity_manifest, m20_drives
from mm_simulator.core.totals import raw_total, scale_exact

# Totals that the real API reported, and the sol each belongs to.
CURIOSITY_TABLE_END = 3156
CURIOSITY_FROZEN_AT = 4102  # from the next sol on, few photos reached the API
CURIOSITY_ANCHOR, CURIOSITY_TOTAL = 4592, 704_569
PERSEVERANCE_ANCHOR, PERSEVERANCE_TOTAL = 1558, 300_127
MER_END = {"Opportunity": (5111, 198_439), "Spirit": (2208, 124_550)}

_CURIOSITY_TO_FROZEN = 695_670
# A drive sol of Perseverance has photos before, during and after the drive.
DRIVE_LEAST = {"NAVCAM": 5, "FHAZ": 3}
_DRIVE_BASE = 24


class SolPlan(NamedTuple):
    """One sol: (camera id, photos) pairs, ascending by camera id, none of them empty."""

    sol: int
    cells: tuple[tuple[int, int], ...]

    @property
    def total(self) -> int:
        """Photos of the sol."""
        return sum(count for _, count in self.cells)


def _cells(counts: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((camera, count) for camera, count in counts.items() if count > 0))


def _known(rover: str, sol: int) -> SolPlan | None:
    counts = KNOWN_SPLITS.get((rover, sol))
    if counts is None:
        return None
    return SolPlan(sol, _cells({CAMERA_ID[rover, name]: count for name, count in counts.items()}))


def _quiet(rand: Rand, rover: str, sol: int) -> SolPlan:
    """A sol during a quiet conjunction: a pair of each hazard camera, on half of the sols a navcam pair too."""
    pairs = {
        "Perseverance": (
            "FRONT_HAZCAM_LEFT_A",
            "FRONT_HAZCAM_RIGHT_A",
            "REAR_HAZCAM_LEFT",
            "REAR_HAZCAM_RIGHT",
        ),
        "Curiosity 2025": ("FHAZ_LEFT_B", "FHAZ_RIGHT_B", "RHAZ_LEFT_B", "RHAZ_RIGHT_B"),
    }
    navs = {"Perseverance": ("NAVCAM_LEFT", "NAVCAM_RIGHT"), "Curiosity 2025": ("NAV_LEFT_B", "NAV_RIGHT_B")}
    key = "Curiosity 2025" if rover == "Curiosity" and sol > CURIOSITY_FROZEN_AT else rover
    names = pairs.get(key, ("FHAZ", "RHAZ"))
    if rand.u(rover, sol, "quiet-nav") < 0.5:
        names = (*names, *navs.get(key, ("NAVCAM",)))
    each = 1 if key in pairs else 2
    return SolPlan(sol, _cells({CAMERA_ID[rover, name]: each for name in names}))


def _curiosity(rand: Rand, last: int) -> list[SolPlan]:
    plans: list[SolPlan] = []
    for row in curiosity_manifest():
        groups = named_groups("Curiosity", row.cameras)
        known = _known("Curiosity", row.sol)
        plans.append(known or SolPlan(row.sol, _cells(split(rand, "Curiosity", row.sol, row.total, groups, {}))))
    table_total = sum(row.total for row in curiosity_manifest())
    sols, quiet = present_sols(
        rand, ROVERS["Curiosity"], CURIOSITY_TABLE_END + 1, max(last, CURIOSITY_ANCHOR),
        {CURIOSITY_FROZEN_AT, CURIOSITY_ANCHOR}, with_gaps_to=CURIOSITY_FROZEN_AT,
    )  # fmt: skip
    rows = {sol: _quiet(rand, "Curiosity", sol) for sol in quiet}
    drawn = [sol for sol in sols if sol <= CURIOSITY_FROZEN_AT and sol not in quiet]
    few = [sol for sol in sols if CURIOSITY_FROZEN_AT < sol <= CURIOSITY_ANCHOR and sol not in quiet]

    target = _CURIOSITY_TO_FROZEN - table_total - _sum(rows, 0, CURIOSITY_FROZEN_AT)
    totals, _ = scale_exact(dict.fromkeys(drawn, 1), {s: raw_total(rand, "Curiosity", s) for s in drawn}, target)
    for sol, total in totals.items():
        rows[sol] = _planned(rand, "Curiosity", sol, total, curiosity_groups(rand, sol, total), {})

    target = CURIOSITY_TOTAL - _CURIOSITY_TO_FROZEN - _sum(rows, CURIOSITY_FROZEN_AT + 1, CURIOSITY_ANCHOR)
    draws = {sol: rand.u("Curiosity", sol, "total") for sol in few}
    totals, _ = scale_exact(dict.fromkeys(few, 12), draws, target)
    later = [sol for sol in sols if sol > CURIOSITY_ANCHOR and sol not in quiet]
    totals.update({sol: rand.integer("Curiosity", sol, "total", 0, 12, 24) for sol in later})
    for sol, total in totals.items():
        groups = drawn_groups(rand, "Curiosity 2025", "Curiosity", sol, total)
        rows[sol] = _planned(rand, "Curiosity", sol, total, groups, {})
    plans.extend(rows[sol] for sol in sols if sol <= last)
    return [plan for plan in plans if plan.sol <= last]


def _perseverance(rand: Rand, last: int) -> list[SolPlan]:
    name = "Perseverance"
    drives = m20_drives().keys()
    sols, quiet = present_sols(
        rand, ROVERS[name], 0, max(last, PERSEVERANCE_ANCHOR), drives | {0, 1, PERSEVERANCE_ANCHOR}
    )
    rows = {sol: _quiet(rand, name, sol) for sol in quiet}
    for sol in (0, 1):
        known = _known(name, sol)
        assert known is not None
        rows[sol] = known
    drawn = [sol for sol in sols if sol not in rows]
    base = {sol: _DRIVE_BASE if sol in drives else 1 for sol in drawn}
    raw = {sol: raw_total(rand, name, sol) for sol in drawn}
    anchored = [sol for sol in drawn if sol <= PERSEVERANCE_ANCHOR]
    target = PERSEVERANCE_TOTAL - _sum(rows, 0, PERSEVERANCE_ANCHOR)
    totals, factor = scale_exact({s: base[s] for s in anchored}, {s: raw[s] for s in anchored}, target)
    totals.update({s: base[s] + int(factor * raw[s]) for s in drawn if s > PERSEVERANCE_ANCHOR})
    for sol, total in totals.items():
        groups = drawn_groups(rand, name, name, sol, total)
        if sol <= 3:
            groups += edl_groups(rand, sol)
        driving = sol in drives
        if driving:
            groups = _with(groups, [group for group, _ in PRESENCE[name]], DRIVE_LEAST)
        rows[sol] = _planned(rand, name, sol, total, groups, DRIVE_LEAST if driving else {})
    return [rows[sol] for sol in sols if sol <= last]


def _mer(rand: Rand, name: str) -> list[SolPlan]:
    end, grand_total = MER_END[name]
    first = dict(enumerate(FIRST_SOLS[name], start=1))
    sols, quiet = present_sols(rand, ROVERS[name], 1, end, first.keys() | {end})
    rows = {sol: _quiet(rand, name, sol) for sol in quiet}
    drawn = [sol for sol in sols if sol not in rows and sol not in first]
    raw = {sol: raw_total(rand, name, sol) for sol in drawn}
    target = grand_total - _sum(rows, 0, end) - sum(first.values())
    totals, _ = scale_exact(dict.fromkeys(drawn, 1), raw, target)
    for sol, total in (first | totals).items():
        groups = drawn_groups(rand, name, name, sol, total)
        rows[sol] = _known(name, sol) or _planned(rand, name, sol, total, groups, {})
    return [rows[sol] for sol in sols]


def _with(groups: list[Group], pool: list[Group], needed: Iterable[str]) -> list[Group]:
    wanted = set(needed) | {group.instrument for group in groups}
    extra = [group for group in groups if group.instrument not in {g.instrument for g in pool}]
    return [group for group in pool if group.instrument in wanted] + extra


def _planned(rand: Rand, rover: str, sol: int, total: int, groups: list[Group], least: Mapping[str, int]) -> SolPlan:
    return SolPlan(sol, _cells(split(rand, rover, sol, total, groups, least)))


def _sum(rows: Mapping[int, SolPlan], first: int, last: int) -> int:
    return sum(plan.total for sol, plan in rows.items() if first <= sol <= last)


def _given(rand: Rand, rover: str, rows: Iterable[ManifestRow]) -> list[SolPlan]:
    """A rover's sols as a manifest tells them; how each sol's photos divide over its cameras is drawn."""
    plans = []
    for row in rows:
        known = _known(rover, row.sol)
        if known is None or known.total != row.total:
            known = SolPlan(
                row.sol, _cells(split(rand, rover, row.sol, row.total, named_groups(rover, row.cameras), {}))
            )
        plans.append(known)
    return plans


def build(
    rand: Rand, last_sol: Mapping[str, int], given: Mapping[str, Sequence[ManifestRow]] | None = None
) -> dict[str, list[SolPlan]]:
    """Every rover's sols with photos, ascending; those of active rovers up to ``last_sol``.

    ``given`` holds sols of real manifests: they take the place of what would be drawn, as far as they reach.
    """
    history = {
        "Curiosity": _curiosity(rand, last_sol["Curiosity"]),
        "Spirit": _mer(rand, "Spirit"),
        "Opportunity": _mer(rand, "Opportunity"),
        "Perseverance": _perseverance(rand, last_sol["Perseverance"]),
    }
    for rover, rows in (given or {}).items():
        end = max((row.sol for row in rows), default=-1)
        history[rover] = _given(rand, rover, rows) + [plan for plan in history[rover] if plan.sol > end]
    return history
