"""From gaps to schedules. Pure: the same gaps with the same attempts are the same schedule, whoever asks."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

NEWEST_PRIORITY: Final = 10
"""Priority of a schedule of an active rover's newest sols: what people wait for does not queue behind years of gaps."""

MOST_PHOTOS: Final = 50_000
"""Promised photos of one schedule, about: a plan of it takes minutes, not hours, and its end can be foreseen."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A (source, rover, sol) that the manifest promises and the archive lacks or disagrees on.

    Times are UTC, without a zone.
    """

    source: str
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
    newest: bool = False
    times_scheduled: int = 0
    """Schedules that ever asked for it, also before its manifest grew and its attempts started anew."""

    @property
    def place(self) -> tuple[str, str, int]:
        """(source, rover, sol)."""
        return self.source, self.rover, self.sol


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one schedule may ask for. A larger need becomes several schedules, never a part that is left out."""

    photos: int = MOST_PHOTOS
    """Promised photos of one schedule, about."""
    requests: int | None = None
    """Requests of one schedule, about: what the source allows in an hour. None: no limit."""
    page_size: int | None = None
    """Photos of one request; None where a sol is one request."""
    tasks: int = 5_000
    """Tasks of one message: a plan of them stays far below etcd's limit for an object."""

    def requests_of(self, gap: Gap) -> int:
        """Requests that a gap costs. The last page is known by being short, so that one request more may be needed."""
        if self.page_size is None:
            return 1
        return (gap.promised_photos or 0) // self.page_size + 1


@dataclass(frozen=True, slots=True)
class PlannedSchedule:
    """One message: its id, its gaps in order of urgency, and its priority among plans."""

    schedule_id: str
    gaps: tuple[Gap, ...]
    priority: int = 0

    @property
    def source(self) -> str:
        """The source of all its gaps."""
        return self.gaps[0].source

    @property
    def photos(self) -> int:
        """Photos that are promised for its gaps."""
        return sum(gap.promised_photos or 0 for gap in self.gaps)

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
    held: int
    """Due, but in the hands of a live plan."""
    waiting: int
    next_due_at: datetime | None
    """When the first waiting gap becomes due; None where none waits."""


def plan(
    gaps: Iterable[Gap], covered: Collection[tuple[str, str, int]], budget_of: Callable[[str], Budget]
) -> list[PlannedSchedule]:
    """Return the schedules of the gaps that are due: none where nothing is due, never an empty one.

    Every due gap is in one of them, unless a live plan has it in hand. The newest sols come first and in schedules of
    their own; then the oldest gaps, rovers taking turns, cut where the budget of one schedule is used up. Earlier
    schedules have the higher priority, so that the first of them is not passed by the last.

    Args:
        gaps: all gaps, in any order.
        covered: (source, rover, sol) of what live plans are fetching.
        budget_of: how much goes into one schedule of a source.
    """
    due = sorted((gap for gap in gaps if gap.due and gap.place not in covered), key=lambda gap: (gap.rank, gap.place))
    schedules: list[PlannedSchedule] = []
    for source in sorted({gap.source for gap in due}):
        mine, budget = [gap for gap in due if gap.source == source], budget_of(source)
        newest = _cut([gap for gap in mine if gap.newest], budget)
        schedules += [PlannedSchedule(schedule_id(run), run, NEWEST_PRIORITY) for run in newest]
        others = enumerate(_cut([gap for gap in mine if not gap.newest], budget))
        schedules += [PlannedSchedule(schedule_id(run), run, max(0, NEWEST_PRIORITY - 1 - n)) for n, run in others]
    return schedules


def _cut(gaps: Sequence[Gap], budget: Budget) -> Iterator[tuple[Gap, ...]]:
    run: list[Gap] = []
    photos = requests = 0
    for gap in gaps:
        more_photos, more_requests = gap.promised_photos or 0, budget.requests_of(gap)
        if run and (
            len(run) >= budget.tasks
            or photos + more_photos > budget.photos
            or (budget.requests is not None and requests + more_requests > budget.requests)
        ):
            yield tuple(run)
            run, photos, requests = [], 0, 0
        run.append(gap)
        photos += more_photos
        requests += more_requests
    if run:
        yield tuple(run)


def schedule_id(gaps: Sequence[Gap]) -> str:
    """Return the id of a schedule: a hash of its gaps and of how often each was asked for.

    Published twice it is one plan; the next time that the same gaps are asked for is another. Attempts do not tell
    that: they start anew when a manifest grows, and the plan of the former first attempt may still exist.
    """
    parts = sorted(f"{gap.source}/{gap.rover}/{gap.sol}/{gap.times_scheduled + 1}" for gap in gaps)
    return f"gaps-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:20]}"


def summarize(gaps: Iterable[Gap], covered: Collection[tuple[str, str, int]]) -> Summary:
    """Return the counts of the gaps, and when the next one becomes due."""
    known = list(gaps)
    due = [gap for gap in known if gap.due]
    held = sum(gap.place in covered for gap in due)
    waits = [gap.next_attempt_at for gap in known if not gap.due and gap.next_attempt_at is not None]
    return Summary(len(known), len(due) - held, held, len(known) - len(due), min(waits) if waits else None)
