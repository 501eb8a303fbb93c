"""No (dataset, rover, sol) in two live plans: what another live plan has in hand is left out of a new one.

A plan has in hand what it is still going to fetch: what is done, what failed for good, and what a plan had that was
deleted, is anybody's again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mm_contracts.batch import CoveredSols
from mm_contracts.plan import DroppedSols
from mm_contracts.sols import format_sols, parse_sols

from mm_operator.core.indexes import Indexes
from mm_operator.core.split import Batch

Key = tuple[str, str, str]
"""Source, dataset, rover. The same sol of two sources is two things."""
WHOLE: Final = -1
"""Stands for a rover's whole manifest or all of its coordinates."""
FETCHED: Final = "Fetched"
RETURNED: Final = "Returned"


def sols_of(batch: Batch) -> tuple[int, ...]:
    """Return what a batch fetches: its sols, or WHOLE."""
    return batch.sols or (WHOLE,)


@dataclass
class Holding:
    """What one plan has in hand: the batches whose sols are its own, and those of which somebody else has some."""

    plan: str
    sources: Mapping[str, str]
    dataset: str
    batches: Sequence[Batch]
    claimed: Indexes = field(default_factory=Indexes)
    blocked: Indexes = field(default_factory=Indexes)

    def key(self, rover: str) -> Key:
        """Return where a rover's sols are held."""
        return (self.sources.get(rover, ""), self.dataset, rover)


@dataclass
class Claims:
    """Which live plan has each sol in hand. Asking and changing cost what the plan costs that it is about."""

    _owners: dict[Key, dict[int, str]] = field(default_factory=dict)
    _waiting: dict[Key, set[str]] = field(default_factory=dict)

    def find_dropped(self, holding: Holding) -> list[DroppedSols]:
        """Return what must be left out of a new plan, because others have it in hand: who came first keeps it."""
        found: dict[tuple[str, str], list[int]] = {}
        for batch in holding.batches:
            owners = self._owners.get(holding.key(batch.rover)) or {}
            for sol in sols_of(batch):
                owner = owners.get(sol)
                if owner is not None and owner != holding.plan:
                    found.setdefault((batch.rover, owner), []).append(sol)
        return [
            DroppedSols(rover=rover, sols="" if WHOLE in sols else format_sols(sols), plan=owner)
            for (rover, owner), sols in found.items()
        ]

    def sync(self, holding: Holding, open_batches: Indexes) -> set[str]:
        """Hold what is open and free, let go of the rest; return plans that may now hold what they could not before."""
        gone = Indexes(holding.claimed.bits & ~open_batches.bits)
        woken = self._release(holding, gone)
        holding.claimed.bits &= open_batches.bits
        blocked = Indexes()
        for index in Indexes(open_batches.bits & ~holding.claimed.bits):
            batch = holding.batches[index]
            key = holding.key(batch.rover)
            owners = self._owners.setdefault(key, {})
            sols = sols_of(batch)
            if any(owners.get(sol, holding.plan) != holding.plan for sol in sols):
                blocked.add(index)
                self._waiting.setdefault(key, set()).add(holding.plan)
            else:
                owners.update(dict.fromkeys(sols, holding.plan))
                holding.claimed.add(index)
        holding.blocked = blocked
        return woken

    def drop(self, holding: Holding) -> set[str]:
        """Let go of everything a plan holds; return plans that may now hold what they could not before."""
        woken = self._release(holding, holding.claimed)
        holding.claimed = Indexes()
        for waiting in self._waiting.values():
            waiting.discard(holding.plan)
        return woken - {holding.plan}

    def _release(self, holding: Holding, batches: Indexes) -> set[str]:
        woken: set[str] = set()
        for index in batches:
            batch = holding.batches[index]
            key = holding.key(batch.rover)
            owners = self._owners.get(key, {})
            for sol in sols_of(batch):
                if owners.get(sol) == holding.plan:
                    del owners[sol]
            woken |= self._waiting.pop(key, set())
        return woken


def settle_dropped(dropped: Sequence[DroppedSols], plan: str, done: Mapping[str, frozenset[int]]) -> list[DroppedSols]:
    """Return dropped sols after the end of the plan that had them in hand: fetched by it, or the own plan's again.

    What is returned goes to the end of the list, because its batches come after all others.

    Args:
        dropped: as the status has it.
        plan: the plan that has ended or is gone.
        done: what it fetched, by rover; WHOLE for a manifest or coordinates.
    """
    kept: list[DroppedSols] = []
    back: list[DroppedSols] = []
    for entry in dropped:
        if entry.plan != plan or entry.ended:
            kept.append(entry)
            continue
        fetched = done.get(entry.rover, frozenset())
        if not entry.sols:
            target, word = (kept, FETCHED) if WHOLE in fetched else (back, RETURNED)
            target.append(entry.model_copy(update={"ended": word}))
            continue
        sols = set(parse_sols(entry.sols))
        for part, target, word in ((sols & fetched, kept, FETCHED), (sols - fetched, back, RETURNED)):
            if part:
                target.append(entry.model_copy(update={"sols": format_sols(part), "ended": word}))
    return kept + back


def waits_for(dropped: Iterable[DroppedSols]) -> set[str]:
    """Return the plans whose end decides about sols that were dropped."""
    return {entry.plan for entry in dropped if not entry.ended}


def done_sols(batches: Sequence[Batch], done: Indexes) -> dict[str, frozenset[int]]:
    """Return what a plan has fetched, by rover; WHOLE for a manifest or coordinates."""
    found: dict[str, set[int]] = {}
    for index in done:
        found.setdefault(batches[index].rover, set()).update(sols_of(batches[index]))
    return {rover: frozenset(sols) for rover, sols in found.items()}


def covered_sols(live: Iterable[tuple[Mapping[str, str], Sequence[Batch], Indexes]]) -> tuple[CoveredSols, ...]:
    """Return what live plans of photos have in hand, by source and rover: gaps among it need no schedule.

    What is done counts until its plan has ended: it is on its way into the warehouse.

    Args:
        live: (source by rover, batches, indexes of those that failed for good) of each such plan.
    """
    found: dict[tuple[str, str], set[int]] = {}
    for sources, batches, failed in live:
        for batch in batches:
            if batch.index not in failed:
                found.setdefault((sources.get(batch.rover, ""), batch.rover), set()).update(batch.sols)
    return tuple(
        CoveredSols(source=source, rover=rover, sols=format_sols(sols))
        for (source, rover), sols in sorted(found.items())
        if sols
    )


def any_released(before: Iterable[CoveredSols], now: Iterable[CoveredSols]) -> bool:
    """Return whether something that live plans had in hand before is in no plan's hand any more."""
    held = {(one.source, one.rover): set(parse_sols(one.sols)) for one in now}
    return any(not set(parse_sols(one.sols)) <= held.get((one.source, one.rover), set()) for one in before)
