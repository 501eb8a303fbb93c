"""Who has which sols in hand, over all live plans: claims, what new plans leave out, and what comes back to them."""

from collections.abc import Callable, Mapping

from mm_contracts.batch import CoveredSols
from mm_contracts.keys import PHOTOS
from mm_contracts.plan import DroppedSols

from mm_operator.core.awaited import Awaited, Fetched
from mm_operator.core.coverage import Claims, covered_sols, settle_dropped, waits_for
from mm_operator.core.entry import Entry
from mm_operator.core.indexes import Indexes


class Sharing:
    """The sols of all live plans. ``touch`` is called with the names of plans for which something has changed."""

    def __init__(self, entries: Mapping[str, Entry], touch: Callable[..., None]) -> None:
        self._entries, self._touch = entries, touch
        self._claims = Claims()
        self._awaited = Awaited()
        self._fresh: set[str] = set()
        self._covered: tuple[CoveredSols, ...] | None = None

    def begins(self, name: str) -> None:
        """Note that a plan is new here."""
        self._fresh.add(name)
        self._awaited.begins(name)

    def changed(self, entry: Entry) -> None:
        """Note that a plan's batches, or what failed of them, may be others now."""
        self._covered = None
        if entry.unfit:
            self._touch(*self._claims.drop(entry.hold()))
            entry.holding = None

    def ends(self, name: str, entry: Entry) -> None:
        """Note that a plan is deleted or has ended: what it had in hand is anybody's."""
        self._covered = None
        self._fresh.discard(name)
        if waiting := self._awaited.waiting_for(name):
            self._awaited.ended(name, entry.fetched())
            self._touch(*waiting)
        if entry.holding is not None:
            self._touch(*self._claims.drop(entry.holding))
        self._awaited.set(name, entry.waits, set())

    def tell_end(self, name: str, fetched: Fetched) -> None:
        """Note what a plan that is not live had fetched at its end."""
        self._awaited.ended(name, fetched)
        self._touch(*self._awaited.waiting_for(name))

    def claim_what_runs(self, age: Callable[[str], tuple[bool, str, str]]) -> None:
        """Let plans that are new here hold what their Jobs fetch, before any of them claims what it only waits for."""
        for name in sorted(self._fresh, key=age):
            entry = self._entries[name]
            if entry.plan is None or not entry.plan.accepted:
                continue
            active = [r.batch for r in entry.plan.status.records if r.state == "Active"]
            known = range(len(entry.batches))
            self._claims.sync(entry.hold(), Indexes.of(index for index in active if index in known))
        self._fresh.clear()

    def accept(self, entry: Entry) -> None:
        """Leave out of a new plan what others have in hand. Raises TooManyBatchesError."""
        self._split(entry, [])
        dropped = self._claims.find_dropped(entry.hold())
        if dropped:
            self._touch(*self._claims.drop(entry.hold()))
            self._split(entry, dropped)

    def take_back(self, entry: Entry) -> None:
        """Take back what plans that have ended had in hand of this one's sols, and did not fetch."""
        assert entry.plan is not None
        dropped = entry.dropped
        for other in waits_for(dropped):
            fetched = None if other in self._entries else self._awaited.fetched_by(other)
            if fetched is not None:
                dropped = settle_dropped(dropped, other, fetched)
        self._split(entry, dropped)
        others = waits_for(dropped)
        self._awaited.set(entry.plan.name, entry.waits, others)
        entry.waits = others

    def hold(self, name: str, entry: Entry, open_batches: Indexes) -> None:
        """Have a plan hold what it has open and nobody else has, and let go of the rest."""
        self._touch(*self._claims.sync(entry.hold(), open_batches) - {name})

    def unknown_ends(self, entry: Entry) -> tuple[str, ...]:
        """Return the plans that this one waits for, that are not live, and of whose end nothing is known."""
        return tuple(
            other
            for other in waits_for(entry.dropped)
            if other not in self._entries and self._awaited.fetched_by(other) is None
        )

    def covered(self) -> tuple[CoveredSols, ...]:
        """Return the sols of photos that live plans have in hand."""
        if self._covered is None:
            self._covered = covered_sols(
                (entry.plan.sources, entry.batches, entry.failed)
                for entry in self._entries.values()
                if entry.plan and entry.plan.spec.dataset == PHOTOS and entry.plan.accepted
            )
        return self._covered

    def _split(self, entry: Entry, dropped: list[DroppedSols]) -> None:
        if entry.split(dropped):
            self.changed(entry)
