"""Jobs on one time line: lanes by kind, as many rows as run at a time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mm_dashboard.cluster import Job

LANES: Final = (("ingest", "fetch"), ("load", "load"), ("sweep", "sweep"), ("transform", "dbt"))
LEFT, RIGHT, ROW = 70.0, 1000.0, 14.0
LONGEST: Final = timedelta(hours=1)
SHORTEST: Final = timedelta(minutes=5)
MOST: Final = 800
"""Jobs in one drawing."""
STEPS: Final = (1, 2, 5, 10, 15, 60, 180, 360, 1440)
"""Minutes between two ticks."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One Job in the drawing."""

    x: float
    y: float
    width: float
    state: str
    title: str
    link: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing: its height, bars, lane names with their place, and times with theirs."""

    height: float
    bars: list[Bar]
    lanes: list[tuple[str, float]]
    ticks: list[tuple[str, float]]


def draw(jobs: Sequence[Job], now: datetime, longest: timedelta = LONGEST) -> Timeline | None:
    """Return the drawing of the Jobs that ran so long ago at most, the newest of them; None where there were none."""
    known = [job for job in jobs if job.created_at and (job.finished_at or now) > now - longest]
    known = sorted(known, key=lambda job: job.finished_at or now, reverse=True)[:MOST]
    if not known:
        return None
    first = min(job.created_at for job in known if job.created_at)
    begin = max(now - longest, min(first, now - SHORTEST))
    whole = (now - begin).total_seconds()

    def place(moment: datetime) -> float:
        return round(LEFT + (RIGHT - LEFT) * max(0.0, (moment - begin).total_seconds() / whole), 1)

    bars: list[Bar] = []
    lanes: list[tuple[str, float]] = []
    top = 4.0
    for kind, name in LANES:
        rows: list[float] = []
        mine = sorted((job for job in known if job.kind == kind), key=lambda job: job.created_at or now)
        for job in mine:
            x, end = place(job.created_at or now), place(job.finished_at or now)
            width = max(3.0, end - x)
            row = next((i for i, free in enumerate(rows) if free <= x), len(rows))
            rows[row : row + 1] = [x + width + 1]
            title = f"{job.name}: {'suspended' if job.suspended else job.state}"
            link = f"/work/plans/{job.plan}" if job.plan else f"/work/jobs/{job.name}"
            bars.append(Bar(x, top + row * ROW, round(width, 1), job.state, title, link))
        if mine:
            lanes.append((name, top + 10))
            top += max(1, len(rows)) * ROW + 6
    minutes = whole / 60
    step = next(size for size in STEPS if minutes / size <= 8 or size == STEPS[-1])
    ticks = [(_age(m), place(now - timedelta(minutes=m))) for m in range(0, int(minutes) + 1, step)]
    return Timeline(top + 18, bars, lanes, ticks)


def _age(minutes: int) -> str:
    if not minutes:
        return "now"
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"-{minutes // size} {unit}"
    return f"-{minutes} min"
