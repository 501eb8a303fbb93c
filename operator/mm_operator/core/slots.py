"""Who gets the free slots for Jobs: one limit over all plans, by priority and age, and nobody starves."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """A live plan: how many of its Jobs hold a slot, and how many more it would start now."""

    name: str
    priority: int
    created_at: str
    active: int
    wanted: int

    @property
    def rank(self) -> tuple[int, str, str]:
        """Sort key: higher priority first, then older, then by name."""
        return (-self.priority, self.created_at, self.name)


def allocate(limit: int, contenders: Sequence[Contender]) -> dict[str, int]:
    """Return how many Jobs each plan may start now; together with the active ones at most ``limit``.

    Slots go by rank. So that a long plan, or a stream of important ones, starves nobody, one slot of two or more is
    always the oldest waiting plan's: where nobody but the first in rank holds a slot, the next free one goes to the
    oldest plan that has none.
    """
    granted = {contender.name: 0 for contender in contenders}
    free = limit - sum(contender.active for contender in contenders)
    ranked = sorted(contenders, key=lambda c: c.rank)
    for _ in range(max(0, free)):
        wanting = [c for c in ranked if c.wanted > granted[c.name]]
        if not wanting:
            break
        first = wanting[0]
        holders = {c.name for c in ranked if c.active + granted[c.name] > 0}
        waiting = [c for c in wanting if c.name not in holders]
        if limit > 1 and len(holders) == 1 and first.name in holders and waiting:
            first = min(waiting, key=lambda c: (c.created_at, c.name))
        granted[first.name] += 1
    return granted


def position(name: str, contenders: Sequence[Contender]) -> tuple[int, int]:
    """Return (place, length) of the queue of plans that want slots and hold none; place 0 is not in the queue."""
    queue = [c.name for c in sorted(contenders, key=lambda c: c.rank) if c.active == 0 and c.wanted > 0]
    return (queue.index(name) + 1 if name in queue else 0, len(queue))
