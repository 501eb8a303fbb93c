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


def draw(jobs: Sequence[Job], now: datetime) -> Timeline | None:
    """Return the drawing of the Jobs of the last hour, None where there were none."""
    known = [job for job in jobs if job.created_at and (job.finished_at or now) > now - LONGEST]
    if not known:
        return None
    first = min(job.created_at for job in known if job.created_at)
    begin = max(now - LONGEST, min(first, now - SHORTEST))
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
    step = next(size for size in (1, 2, 5, 10, 15) if minutes / size <= 8 or size == 15)
    ticks = [(f"-{m} min" if m else "now", place(now - timedelta(minutes=m))) for m in range(0, int(minutes) + 1, step)]
    return Timeline(top + 18, bars, lanes, ticks)
