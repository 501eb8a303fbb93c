"""Who gets the free slots for Jobs: one limit over all plans, by priority and age, and nobody starves."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import NamedTuple


class _Share(NamedTuple):
    """What a plan holds and wants."""

    rank: tuple[int, str, str]
    held: int
    wanted: int


class Place(NamedTuple):
    """A plan that waits for a slot: its priority, and since when it exists."""

    plan: str
    priority: int
    created_at: str


@dataclass
class Slots:
    """The slots of all plans. A change of one plan costs what that plan costs, however many there are."""

    limit: int
    _shares: dict[str, _Share] = field(default_factory=dict)
    _holders: set[str] = field(default_factory=set)
    _ranked: list[tuple[int, str, str]] = field(default_factory=list)
    """Plans that want slots: higher priority first, then older, then by name."""
    _aged: list[tuple[str, str]] = field(default_factory=list)
    """Plans that want slots and hold none, by age."""
    held: int = 0
    wanted: int = 0

    def set(self, name: str, priority: int, created_at: str, held: int, wanted: int) -> None:
        """Say what a plan holds and how many more Jobs it would start now."""
        self.drop(name)
        rank = (-priority, created_at, name)
        self._shares[name] = _Share(rank, held, wanted)
        self.held += held
        self.wanted += wanted
        if held:
            self._holders.add(name)
        if wanted:
            insort(self._ranked, rank)
            if not held:
                insort(self._aged, (created_at, name))

    def drop(self, name: str) -> None:
        """Forget a plan."""
        share = self._shares.pop(name, None)
        if share is None:
            return
        self.held -= share.held
        self.wanted -= share.wanted
        self._holders.discard(name)
        if share.wanted:
            del self._ranked[bisect_left(self._ranked, share.rank)]
            if not share.held:
                del self._aged[bisect_left(self._aged, share.rank[1:])]

    def allocate(self) -> dict[str, int]:
        """Return how many Jobs plans may start now, where it is any; together with what is held at most the limit.

        Slots go by rank. So that a long plan, or a stream of important ones, starves nobody, one slot of two or more
        is always the oldest waiting plan's: where nobody but the first in rank holds a slot, the next free one goes to
        the oldest plan that has none.
        """
        granted: dict[str, int] = {}
        position = 0
        for _ in range(self.limit - self.held):
            while position < len(self._ranked):
                first = self._ranked[position][2]
                if self._shares[first].wanted > granted.get(first, 0):
                    break
                position += 1
            else:
                break
            if self.limit > 1 and self._holds_alone(first, granted):
                first = next((name for _, name in self._aged if name not in granted), first)
            granted[first] = granted.get(first, 0) + 1
        return granted

    def _holds_alone(self, name: str, granted: dict[str, int]) -> bool:
        others = any(holder != name for holder in granted) or len(self._holders - {name}) > 0
        return not others and (name in self._holders or name in granted)

    def queue(self) -> list[Place]:
        """Return the plans that want slots and hold none, in the order of their rank. Safe from any thread."""
        return [Place(name, -rank, since) for rank, since, name in list(self._ranked) if name not in self._holders]
