"""No (dataset, rover, sol) in two live plans: what another live plan covers is dropped from a new one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mm_contracts.batch import CoveredSols
from mm_contracts.keys import PHOTOS
from mm_contracts.plan import DroppedSols, PlanSpec
from mm_contracts.sols import format_sols, parse_sols

from mm_operator.core.split import Batch, sols_by_rover


@dataclass(frozen=True)
class Covering:
    """A live, accepted plan and what it is going to fetch (its own dropped sols are not part of it)."""

    name: str
    dataset: str
    source: str
    batches: tuple[Batch, ...]


def find_dropped(
    spec: PlanSpec, source: str, batches: tuple[Batch, ...], others: Iterable[Covering]
) -> list[DroppedSols]:
    """Return what must be left out of a plan because other live plans fetch it already.

    Plans are accepted one at a time and in the order of their age, so the older one keeps the sols. A plan from
    another source is no duplicate: the same sol of two sources is two things.

    Args:
        spec: the new plan's spec.
        source: the name of its source, resolved.
        batches: its batches, nothing dropped.
        others: all accepted plans that have not ended, without this one.
    """
    wanted = sols_by_rover(batches)
    dropped: list[DroppedSols] = []
    for other in others:
        if other.dataset != spec.dataset or other.source != source:
            continue
        for rover, sols in sols_by_rover(other.batches).items():
            if rover not in wanted:
                continue
            if spec.dataset != "photos":
                dropped.append(DroppedSols(rover=rover, sols="", plan=other.name))
                del wanted[rover]
            elif common := wanted[rover] & sols:
                dropped.append(DroppedSols(rover=rover, sols=format_sols(common), plan=other.name))
                wanted[rover] -= common
    return dropped


def covered_sols(live: Iterable[Covering]) -> tuple[CoveredSols, ...]:
    """Return what live plans fetch of photos, by source and rover: gaps among it need no schedule."""
    found: dict[tuple[str, str], set[int]] = {}
    for plan in live:
        if plan.dataset == PHOTOS:
            for rover, sols in sols_by_rover(plan.batches).items():
                found.setdefault((plan.source, rover), set()).update(sols)
    return tuple(
        CoveredSols(source=source, rover=rover, sols=format_sols(sols))
        for (source, rover), sols in sorted(found.items())
        if sols
    )


def lets_go(before: Iterable[CoveredSols], now: Iterable[CoveredSols]) -> bool:
    """Return whether something that live plans had in hand before is in no plan's hand any more."""
    held = {(one.source, one.rover): set(parse_sols(one.sols)) for one in now}
    return any(not set(parse_sols(one.sols)) <= held.get((one.source, one.rover), set()) for one in before)


def dropped_by_rover(dropped: Iterable[DroppedSols]) -> Mapping[str, frozenset[int]]:
    """Return the dropped sols by rover, as ``split`` takes them."""
    found: dict[str, set[int]] = {}
    for entry in dropped:
        found.setdefault(entry.rover, set()).update(parse_sols(entry.sols) if entry.sols else ())
    return {rover: frozenset(sols) for rover, sols in found.items()}
