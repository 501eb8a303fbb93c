"""A live plan as the engine holds it: the stored version, read once, and what was derived from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mm_contracts.plan import DroppedSols
from mm_contracts.sources import Sources

from mm_operator.core.batches import Refusal
from mm_operator.core.coverage import Holding, done_sols
from mm_operator.core.decide import Outcome
from mm_operator.core.indexes import Indexes
from mm_operator.core.plan_view import TERMINAL, Plan, read_plan, read_status, sentence
from mm_operator.core.split import Batch, split

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """What is to be done about one plan: look things up, then store the status, then act, then tell."""

    name: str
    body: Body
    """The plan as it was looked at: its status may be stored on that version only."""
    outcome: Outcome
    plan: Plan | None = None
    """None where it cannot be read; then it is Invalid."""
    changed: bool = False
    """Whether the status differs from the stored one."""
    pods_of: tuple[str, ...] = ()
    """Ended Jobs whose pods must be asked for."""
    logs_of: tuple[tuple[str, str], ...] = ()
    """(Job, pod) of failed Jobs whose last lines are wanted."""
    ends_of: tuple[str, ...] = ()
    """Plans that are not known any more and whose end must be looked up."""

    @property
    def ended(self) -> bool:
        """Whether the plan has come to its end."""
        return self.outcome.status.phase in TERMINAL


@dataclass
class Entry:
    """One live plan."""

    body: Body
    plan: Plan | None = None
    problem: str = ""
    """Why it cannot be read, where it cannot."""
    batches: tuple[Batch, ...] = ()
    split_by: tuple[DroppedSols, ...] | None = None
    holding: Holding | None = None
    dropped: list[DroppedSols] = field(default_factory=list)
    waits: set[str] = field(default_factory=set)
    """Plans whose ends it waits for."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """What the API said to creating Jobs, by Job."""
    failed: Indexes = field(default_factory=Indexes)
    applying: bool = False
    """Whether a decision about it is being carried out."""
    again: bool = False
    """Whether something changed meanwhile."""
    errors: int = 0
    not_before: datetime | None = None

    @property
    def uid(self) -> str:
        """The plan's uid."""
        return str(self.body["metadata"]["uid"])

    @property
    def created_at(self) -> str:
        """When the plan was created, as text."""
        return str(self.body["metadata"].get("creationTimestamp") or "")

    def read(self, body: Body, sources: Sources) -> bool:
        """Take a version in; return whether what it holds of sols may have changed."""
        self.body = body
        status = read_status(body)
        try:
            self.plan = read_plan(body, status, sources)
            changed = self.split(list(status.dropped))
            self.problem = ""
        except ValueError as error:
            self.plan, self.problem = None, sentence(error)
            return True
        failed = Indexes.parse(status.failed_indexes, len(self.batches))
        changed = changed or failed != self.failed or self.holding is None
        self.failed = failed
        return changed

    def split(self, dropped: Sequence[DroppedSols]) -> bool:
        """Work out the batches, once for each list of what was dropped; return whether they are others.

        What the plan holds of batches that are others now must be let go of by who keeps the claims: see ``unfit``.

        Raises:
            TooManyBatchesError: too many of them.
        """
        assert self.plan is not None
        self.dropped = list(dropped)
        key = tuple(dropped)
        if self.split_by == key:
            return False
        batches = split(self.plan.spec, dropped, size=self.plan.batch_sols)
        if self.holding is not None and batches[: len(self.batches)] == self.batches:
            self.holding.batches = batches
        self.batches, self.split_by = batches, key
        return True

    @property
    def unfit(self) -> bool:
        """Whether the claims are of batches that it does not have any more."""
        return self.holding is not None and self.holding.batches is not self.batches

    def hold(self) -> Holding:
        """Return what it has in hand."""
        if self.holding is None:
            assert self.plan is not None
            self.holding = Holding(self.plan.name, self.plan.sources, self.plan.spec.dataset, self.batches)
        return self.holding

    def fetched(self) -> dict[str, frozenset[int]]:
        """Return what its stored status says that it has fetched."""
        if self.plan is None:
            return {}
        return done_sols(self.batches, Indexes.parse(self.plan.status.completed_indexes, len(self.batches)))
