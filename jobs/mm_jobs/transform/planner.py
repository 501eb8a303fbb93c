"""From gaps to schedules. Pure: the same gaps with the same attempts are the same schedule, whoever asks."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

MOST_TASKS: Final = 5_000
"""Tasks in one message; a plan of them stays far below etcd's limit for an object."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A (rover, sol) that the manifest promises and the archive lacks or disagrees on. Times are UTC without zone."""

    rover: str
    sol: int
    status: str
    promised_photos: int | None
    attempts: int
    next_attempt_at: datetime | None
    due: bool
    reason: str | None
    rank: int
    """Order of urgency: newest sols first, then the oldest gaps, rovers taking turns."""


@dataclass(frozen=True, slots=True)
class PlannedSchedule:
    """One message: its id and its gaps in order of urgency."""

    schedule_id: str
    gaps: tuple[Gap, ...]

    def tasks(self) -> list[dict[str, Any]]:
        """Return the tasks as the schedule message holds them."""
        return [
            {"rover_name": gap.rover, "sol": gap.sol, "reason": gap.status}
            | ({} if gap.promised_photos is None else {"photos": gap.promised_photos})
            for gap in self.gaps
        ]


@dataclass(frozen=True, slots=True)
class Summary:
    """How far the archive is from complete."""

    total: int
    due: int
    waiting: int
    next_due_at: datetime | None
    """When the first waiting gap becomes due; None where none waits."""


def plan(gaps: Iterable[Gap], most_tasks: int = MOST_TASKS) -> list[PlannedSchedule]:
    """Return the schedules of the gaps that are due: none where nothing is due, never an empty one."""
    due = sorted((gap for gap in gaps if gap.due), key=lambda gap: (gap.rank, gap.rover, gap.sol))
    runs = [tuple(due[start : start + most_tasks]) for start in range(0, len(due), most_tasks)]
    return [PlannedSchedule(schedule_id(run), run) for run in runs]


def schedule_id(gaps: Sequence[Gap]) -> str:
    """Return the id of a schedule: a hash of its gaps and of the attempt that each is about to have.

    Published twice it is one plan; the next attempt of the same gaps is another.
    """
    parts = sorted(f"{gap.rover}/{gap.sol}/{gap.attempts + 1}" for gap in gaps)
    return f"gaps-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:20]}"


def summarize(gaps: Iterable[Gap]) -> Summary:
    """Return the counts of the gaps, and when the next one becomes due."""
    known = list(gaps)
    due = sum(gap.due for gap in known)
    waits = [gap.next_attempt_at for gap in known if not gap.due and gap.next_attempt_at is not None]
    return Summary(len(known), due, len(known) - due, min(waits) if waits else None)
