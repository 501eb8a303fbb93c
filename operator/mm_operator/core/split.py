"""Plans into batches, and schedules into plans. A batch's index is a function of the spec, so it never moves."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from mm_contracts.keys import IMAGES, TIMELAPSE, WITH_SOLS
from mm_contracts.messages import Schedule, Task
from mm_contracts.plan import SOL_TEXT_LIMIT, BatchLimits, DroppedSols, ImageOptions, PlanSpec, RoverSols
from mm_contracts.sols import format_sols, parse_sols

from mm_operator.core.settings import PlanDefaults

MAX_BATCHES: Final = 10_000
"""Batches in one plan: their indexes in the status stay far below what etcd keeps in one object."""

MAX_ITEMS: Final = 5_000
"""Items of one rover's ``sols``, as the spec has it."""
POD_SECONDS: Final = 2.0
"""What a pod costs of a machine's time before and after its work, whatever it does."""
WORTHWHILE_SECONDS: Final = 10.0
"""A batch that runs so long has a pod that costs a fifth of it, and is soon done again where it fails."""
UNKNOWN_PHOTOS: Final = 200
"""Photos of a sol of which nothing is promised."""
_ITEM_SOLS: Final = SOL_TEXT_LIMIT // 6
"""Sols that fit into one item of ``sols`` even where no two of them make a range (five digits and a comma each)."""


class TooManyBatchesError(ValueError):
    """A plan would make more batches than a status can count; the sentence says what to change."""


@dataclass(frozen=True)
class Batch:
    """One Job's work: a rover and its sols (none for manifests and coordinates)."""

    index: int
    rover: str
    sols: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The sols as text."""
        return format_sols(self.sols)


def _rover_groups(rover: RoverSols, dropped: frozenset[int], max_sols: int) -> list[tuple[int, ...]]:
    seen = set(dropped)
    groups: list[tuple[int, ...]] = []
    for item in rover.sols:
        sols = tuple(sol for sol in parse_sols(item) if sol not in seen)
        seen.update(sols)
        groups.extend(sols[start : start + max_sols] for start in range(0, len(sols), max_sols))
    return groups


def most_sols(limits: BatchLimits) -> int:
    """Return the most sols of a batch of a plan by hand: its photos count as if each sol had UNKNOWN_PHOTOS."""
    return min(limits.max_sols, max(1, limits.max_photos // UNKNOWN_PHOTOS))


def split(spec: PlanSpec, dropped: Sequence[DroppedSols] = (), *, size: int | None = None) -> tuple[Batch, ...]:
    """Return the batches of a plan, rovers taking turns so that none waits for another's end.

    An item of ``sols`` becomes one batch, or several where it holds more than ``size`` sols. Items are never joined. A
    sol that is named twice is taken once.

    Args:
        spec: the plan's spec.
        size: most sols of a batch; by default what ``most_sols`` says of a plan by hand. The items of a schedule have
            been cut by promised photos already: theirs is ``batch.maxSols``.
        dropped: what other plans had in hand when it was accepted. It is left out; what has been returned since makes
            batches after all others, in the order of the list, so that no index moves.

    Raises:
        TooManyBatchesError: more than MAX_BATCHES.
    """
    size = size or most_sols(spec.batch)
    left_out: dict[str, set[int]] = {}
    for entry in dropped:
        left_out.setdefault(entry.rover, set()).update(parse_sols(entry.sols) if entry.sols else ())
    per_rover: list[list[tuple[str, tuple[int, ...]]]] = []
    for rover in spec.rovers:
        if spec.dataset in WITH_SOLS and rover.sols:
            groups = _rover_groups(rover, frozenset(left_out.get(rover.name, ())), size)
            if spec.dataset == TIMELAPSE and groups:  # one video, however many sols it goes over
                groups = [tuple(sorted(sol for group in groups for sol in group))]
            per_rover.append([(rover.name, sols) for sols in groups])
        elif rover.name not in left_out:
            per_rover.append([(rover.name, ())])
    turns = [entry for turn in zip_longest(*per_rover) for entry in turn if entry is not None]
    for back in dropped:
        if back.ended == "Returned":
            sols = parse_sols(back.sols) if back.sols else ()
            turns += [(back.rover, sols[at : at + size]) for at in range(0, max(1, len(sols)), size)]
    if len(turns) > MAX_BATCHES:
        raise TooManyBatchesError(
            f"the plan makes {len(turns)} batches and {MAX_BATCHES} is the limit: raise batch.maxSols, and "
            "batch.maxPhotos with it, write sols as ranges instead of single numbers, or split the plan"
        )
    return tuple(Batch(index, rover, sols) for index, (rover, sols) in enumerate(turns))


@dataclass(frozen=True)
class Pace:
    """What fetching is expected to cost: rounded from what Jobs need at the simulator on two cores."""

    request_seconds: float = 0.15
    photo_seconds: float = 0.001

    @classmethod
    def of(cls, requests_per_hour: int | None) -> "Pace":
        """Return the pace of a source that allows so many requests an hour; None is any number."""
        return cls(max(cls.request_seconds, 3600 / requests_per_hour)) if requests_per_hour else cls()

    def seconds(self, task: Task) -> float:
        """Return what a sol is expected to take."""
        photos = UNKNOWN_PHOTOS if task.photos is None else task.photos
        return self.request_seconds + self.photo_seconds * photos


def _batch_seconds(total: float, parallelism: int) -> float:
    """Return how long a batch should run, given what all of them take together.

    A pod costs POD_SECONDS of work whatever it does, so a batch is worth its pod from WORTHWHILE_SECONDS on. Where that
    would leave slots empty, batches are shorter, but none is shorter than what its pod costs.
    """
    return min(WORTHWHILE_SECONDS, max(POD_SECONDS, total / parallelism))


def _cut(tasks: Iterable[Task], limits: BatchLimits, pace: Pace, seconds: float) -> list[str]:
    items: list[str] = []
    group: list[int] = []
    photos, expected = 0, 0.0
    for task in tasks:
        if task.sol is None:
            continue
        more, longer = task.photos or 0, pace.seconds(task)
        full = len(group) >= limits.max_sols or photos + more > limits.max_photos or expected + longer > seconds
        if group and (full or not _fits(group, task.sol)):
            items.append(format_sols(group))
            group, photos, expected = [], 0, 0.0
        group.append(task.sol)
        photos, expected = photos + more, expected + longer
    if group:
        items.append(format_sols(group))
    return items


def _fits(group: list[int], sol: int) -> bool:
    """Return whether a sol more still makes one item of ``sols``; ranges are short however many sols they hold."""
    return len(group) < _ITEM_SOLS or len(format_sols([*group, sol])) <= SOL_TEXT_LIMIT


def plan_name(schedule: Schedule, topic: str, partition: int, offset: int, instance: str = "") -> str:
    """Return the plan's name: a function of ``schedule_id``, or of where the message lies if it has none.

    Releases that share a namespace publish the same ids (that of the first schedule, say): each has names of its own.
    """
    cause = f"id\x1f{schedule.schedule_id}" if schedule.schedule_id else f"at\x1f{topic}\x1f{partition}\x1f{offset}"
    cause = f"{instance}\x1f{cause}" if instance else cause
    return f"{schedule.dataset}-{hashlib.sha256(cause.encode()).hexdigest()[:12]}"


def plan_from_schedule(
    schedule: Schedule, defaults: PlanDefaults, paces: Mapping[str, Pace] | None = None
) -> PlanSpec | None:
    """Return the plan that a schedule asks for, or None where it asks for nothing.

    Tasks keep their order within a rover; they are cut into items by the work that they promise, of at most
    ``batch.maxSols`` sols and about ``batch.maxPhotos`` promised photos (one sol may hold more by itself). Limits so
    small that a plan could not hold the items are doubled until it can: a schedule is not lost to a setting.

    Args:
        schedule: the message.
        defaults: what it does not say.
        paces: of each rover's source; one that is left out has the usual one.
    """
    by_rover: dict[str, list[Task]] = {}
    for task in schedule.tasks:
        by_rover.setdefault(task.rover_name, []).append(task)
    if not by_rover:
        return None
    limits = defaults.batch
    pace = {rover: (paces or {}).get(rover, Pace()) for rover in by_rover}
    total = sum(pace[rover].seconds(task) for rover, tasks in by_rover.items() for task in tasks)
    seconds = _batch_seconds(total, defaults.parallelism)

    def cut() -> dict[str, list[str]]:
        return {rover: _cut(tasks, limits, pace[rover], seconds) for rover, tasks in by_rover.items()}

    items = cut()
    while max(map(len, items.values())) > MAX_ITEMS or sum(map(len, items.values())) > MAX_BATCHES:
        wider = {"max_sols": min(1000, limits.max_sols * 2), "max_photos": limits.max_photos * 2}
        limits, seconds = limits.model_copy(update=wider), seconds * 2
        items = cut()
    limits = limits.model_copy(update={"max_photos": min(100_000, limits.max_photos)})
    return PlanSpec(
        dataset=schedule.dataset,
        rovers=[RoverSols.model_validate({"name": rover, "sols": texts}) for rover, texts in items.items()],
        batch=limits,
        parallelism=defaults.parallelism,
        retry=defaults.retry,
        priority=max(-1000, min(1000, schedule.priority + defaults.priority.get(schedule.dataset, 0))),
        source=schedule.source,
        images=schedule.images if schedule.dataset in (IMAGES, TIMELAPSE) else ImageOptions(),
        active_deadline=defaults.active_deadline,
        ttl_after_finished=defaults.ttl_after_finished,
    )
