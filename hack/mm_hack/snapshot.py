"""What a run looks like from outside: pure summaries of plans, Jobs and the archive, and the verdict on them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KIND_LABEL = "martian-moments.io/kind"


@dataclass(frozen=True)
class RoverArchive:
    """One rover's line of ``mars status -o json``; its drives are None where no layer tells them."""

    rover_name: str
    sols_promised: int
    sols_archived: int
    photos_promised: int
    photos_archived: int
    gaps: int
    gaps_due: int
    drives: int | None

    @property
    def complete(self) -> bool:
        """Whether every promised sol and photo is there and no gap is left."""
        return (
            self.sols_promised > 0
            and self.gaps == 0
            and self.sols_archived == self.sols_promised
            and self.photos_archived == self.photos_promised
        )


def rover_archive(entry: Mapping[str, Any]) -> RoverArchive:
    """Return a rover's line from its JSON. Raises KeyError when a number is missing."""
    return RoverArchive(**{name: entry[name] for name in RoverArchive.__dataclass_fields__})


@dataclass(frozen=True)
class Snapshot:
    """Everything the watcher looks at, at one moment."""

    plans: int = 0
    plans_live: int = 0
    batches: int = 0
    batches_done: int = 0
    batches_failed: int = 0
    batches_waiting: int = 0
    photos_fetched: int = 0
    jobs_active: tuple[tuple[str, int], ...] = ()
    jobs_done: tuple[tuple[str, int], ...] = ()
    reasons: tuple[str, ...] = ()
    rovers: tuple[RoverArchive, ...] = ()

    @property
    def quiet(self) -> bool:
        """Whether nothing runs and nothing is about to."""
        return self.plans > 0 and self.plans_live == 0 and not self.jobs_active

    @property
    def complete(self) -> bool:
        """Whether the archive of every rover is complete and the loop is quiet."""
        return self.quiet and len(self.rovers) >= 4 and all(rover.complete for rover in self.rovers)


def _is_active(job: Mapping[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions") or []
    return not any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def _counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return tuple(sorted(counts.items()))


def summarise(
    plans: Iterable[Mapping[str, Any]], jobs: Iterable[Mapping[str, Any]], rovers: Iterable[RoverArchive]
) -> Snapshot:
    """Return the snapshot of API objects (IngestionPlans and Jobs as dicts) and the archive's lines."""
    plans = list(plans)
    kinds_active: list[str] = []
    kinds_done: list[str] = []
    reasons: list[str] = []
    totals = {"total": 0, "succeeded": 0, "failed": 0, "waiting": 0}
    photos = live = 0
    for plan in plans:
        status = plan.get("status") or {}
        live += status.get("phase", "Pending") in ("Pending", "Running")
        photos += status.get("photos", 0)
        for name in totals:
            totals[name] += (status.get("batches") or {}).get(name, 0)
        for record in status.get("records") or []:
            if record.get("reason"):
                reasons.append(f"{record['rover']} sols {record.get('sols', '')}: {record['reason']}")
    for job in jobs:
        kind = (job["metadata"].get("labels") or {}).get(KIND_LABEL)
        if kind:
            (kinds_active if _is_active(job) else kinds_done).append(kind)
    return Snapshot(
        plans=len(plans),
        plans_live=live,
        batches=totals["total"],
        batches_done=totals["succeeded"],
        batches_failed=totals["failed"],
        batches_waiting=totals["waiting"],
        photos_fetched=photos,
        jobs_active=_counted(kinds_active),
        jobs_done=_counted(kinds_done),
        reasons=tuple(reasons),
        rovers=tuple(rovers),
    )


def progress_line(snapshot: Snapshot) -> str:
    """Return one line for people: what runs, how far the batches are, how far the archive is."""
    running = ", ".join(f"{count} {kind}" for kind, count in snapshot.jobs_active) or "nothing"
    rovers = snapshot.rovers
    promised = sum(r.photos_promised for r in rovers)
    parts = [
        f"running {running}",
        f"batches {snapshot.batches_done}/{snapshot.batches}"
        + (f" ({snapshot.batches_waiting} waiting)" if snapshot.batches_waiting else "")
        + (f" ({snapshot.batches_failed} failed)" if snapshot.batches_failed else ""),
    ]
    if snapshot.photos_fetched:
        parts.append(f"{snapshot.photos_fetched:,} photos fetched")
    if promised:
        parts += [
            f"archive {sum(r.sols_archived for r in rovers):,}/{sum(r.sols_promised for r in rovers):,} sols",
            f"{sum(r.photos_archived for r in rovers):,}/{promised:,} photos",
            f"{sum(r.gaps for r in rovers):,} gaps",
        ]
    return " · ".join(parts)


def closing_table(snapshot: Snapshot) -> str:
    """Return the table per rover that ends a run."""
    head = ("rover", "sols promised", "sols archived", "photos promised", "photos archived", "gaps", "drives")
    rows = [
        (r.rover_name, r.sols_promised, r.sols_archived, r.photos_promised, r.photos_archived, r.gaps, r.drives)
        for r in snapshot.rovers
    ]
    total = ("all", *(sum(int(row[i] or 0) for row in rows) for i in range(1, len(head))))
    cells = [[_cell(cell) for cell in row] for row in (head, *rows, total)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _cell(value: object) -> str:
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def what_is_missing(snapshot: Snapshot) -> str:
    """Return a sentence that says why a run is not complete."""
    if not snapshot.plans:
        return "no IngestionPlan was made: look at the operator's log (kubectl -n mars logs deploy/mars-operator)"
    if not snapshot.rovers:
        return "no manifest reached the warehouse: look at `kubectl -n mars get iplan,jobs` and at failed Jobs' logs"
    short = [r for r in snapshot.rovers if not r.complete]
    parts = [
        f"{r.rover_name} has {r.sols_archived:,} of {r.sols_promised:,} sols, {r.photos_archived:,} of "
        f"{r.photos_promised:,} photos and {r.gaps:,} gaps"
        for r in short
    ]
    if len(snapshot.rovers) < 4:
        parts.append(f"only {len(snapshot.rovers)} of 4 rovers have a manifest")
    if snapshot.reasons:
        parts.append("reasons: " + "; ".join(snapshot.reasons[:5]))
    return "; ".join(parts) or "the loop is still running"
