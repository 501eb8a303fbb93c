"""A plan's batches as they are counted: done, failed, active, waiting; and what is to be done about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mm_contracts.plan import BatchRecord, PlanSpec, PlanStatus
from mm_contracts.sols import format_sols, parse_sols

from mm_operator.core.split import Batch


@dataclass(frozen=True)
class CreateJob:
    """Create the Job of one attempt of a batch; "already exists" is success."""

    batch: Batch
    attempt: int


@dataclass(frozen=True)
class DeleteJob:
    """Delete a Job and its pods."""

    name: str
    why: str


@dataclass(frozen=True)
class SuspendJob:
    """Suspend or resume a Job."""

    name: str
    suspend: bool


@dataclass(frozen=True)
class Notice:
    """Something worth a Kubernetes Event. ``key`` makes its name: the same cause is told once."""

    key: str
    reason: str
    message: str
    warning: bool = False


Action = CreateJob | DeleteJob | SuspendJob


@dataclass
class Ledger:
    """A plan's batches while they are being worked out."""

    plan: str
    uid: str
    spec: PlanSpec
    batches: Sequence[Batch]
    done: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    records: dict[int, BatchRecord] = field(default_factory=dict)
    old_failures: dict[int, BatchRecord] = field(default_factory=dict)
    occupied: set[int] = field(default_factory=set)
    """Batches with a Job that has not ended, also one that is being deleted: its pod may still run."""
    sols: int = 0
    photos: int = 0
    bytes: int = 0
    requests: int = 0
    actions: list[Action] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def count(self, state: str) -> int:
        """Return how many records are in a state (Active or Waiting)."""
        return sum(record.state == state for record in self.records.values())

    @property
    def pending(self) -> list[Batch]:
        """Batches that nothing has been done about yet, in order."""
        return [
            b
            for b in self.batches
            if b.index not in self.done and b.index not in self.failed and b.index not in self.records
        ]

    @property
    def finished(self) -> bool:
        """Whether every batch is done or failed for good."""
        return len(self.done) + len(self.failed) >= len(self.batches)


def indexes(text: str) -> set[int]:
    """Return the batch indexes in a text."""
    return set(parse_sols(text)) if text else set()


def index_text(found: Iterable[int]) -> str:
    """Return batch indexes as text."""
    return format_sols(found)


def open_ledger(plan: str, uid: str, spec: PlanSpec, batches: Sequence[Batch], status: PlanStatus) -> Ledger:
    """Return the batches as the status has them. Indexes that the plan does not have are left out."""
    known = range(len(batches))
    records = {r.batch: r for r in status.records if r.batch in known}
    done = {index for index in indexes(status.done) if index in known}
    failed = {index for index in indexes(status.failed_batches) if index in known}
    return Ledger(
        plan,
        uid,
        spec,
        batches,
        done=done,
        failed=failed - done,
        records={i: r for i, r in records.items() if r.state != "Failed" and i not in done and i not in failed},
        old_failures={i: r for i, r in records.items() if r.state == "Failed" and i in failed},
        sols=status.sols,
        photos=status.photos,
        bytes=status.bytes,
        requests=status.requests,
    )
