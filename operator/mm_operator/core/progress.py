"""A plan's batches as they are counted: done, failed, active, waiting; and what is to be done about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mm_contracts.plan import BatchRecord, PlanSpec, PlanStatus

from mm_operator.core.indexes import Indexes
from mm_operator.core.observe import Job
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
class Progress:
    """A plan's batches while they are being worked out."""

    plan: str
    uid: str
    spec: PlanSpec
    batches: Sequence[Batch]
    done: Indexes = field(default_factory=Indexes)
    failed: Indexes = field(default_factory=Indexes)
    records: dict[int, BatchRecord] = field(default_factory=dict)
    """Of active and waiting batches."""
    old_failures: dict[int, BatchRecord] = field(default_factory=dict)
    """Of batches that failed for good, as far as the status kept them."""
    occupied: set[int] = field(default_factory=set)
    """Batches with a Job that has not ended, also one that is being deleted: its pod may still run."""
    refusals: dict[str, int] = field(default_factory=dict)
    """By rover: batches that the source refused for good since one of that rover succeeded."""
    untried: int = 0
    """Batches that failed because the source refuses, without having been tried."""
    first_attempt: int = 1
    """Attempt with which a fresh batch begins; Jobs of earlier ones are of the time before a retry by hand."""
    sols: int = 0
    not_promised: int = 0
    mismatched: int = 0
    photos: int = 0
    bytes: int = 0
    requests: int = 0
    actions: list[Action] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    ended: list[Job] = field(default_factory=list)
    """Jobs whose end has been taken in now."""

    def count(self, state: str) -> int:
        """Return how many records are in a state (Active or Waiting)."""
        return sum(record.state == state for record in self.records.values())

    @property
    def open(self) -> Indexes:
        """Batches that are neither done nor failed for good."""
        return Indexes(~(self.done.bits | self.failed.bits) & ((1 << len(self.batches)) - 1))

    @property
    def pending(self) -> Indexes:
        """Batches that nothing has been done about yet."""
        return Indexes(self.open.bits & ~Indexes.of(self.records).bits)

    @property
    def finished(self) -> bool:
        """Whether every batch is done or failed for good."""
        return not self.open.bits


def open_progress(plan: str, uid: str, spec: PlanSpec, batches: Sequence[Batch], status: PlanStatus) -> Progress:
    """Return the batches as the status has them. Indexes that the plan does not have are left out."""
    known = len(batches)
    records = {r.batch: r for r in status.records if 0 <= r.batch < known}
    done = Indexes.parse(status.completed_indexes, known)
    failed = Indexes(Indexes.parse(status.failed_indexes, known).bits & ~done.bits)
    return Progress(
        plan,
        uid,
        spec,
        batches,
        done=done,
        failed=failed,
        records={i: r for i, r in records.items() if r.state != "Failed" and i not in done and i not in failed},
        old_failures={i: r for i, r in records.items() if r.state == "Failed" and i in failed},
        refusals=dict(status.refusals),
        untried=status.untried,
        first_attempt=max(1, status.first_attempt),
        sols=status.sols,
        not_promised=status.not_promised_sols,
        mismatched=status.mismatched_sols,
        photos=status.photos,
        bytes=status.bytes,
        requests=status.requests,
    )
