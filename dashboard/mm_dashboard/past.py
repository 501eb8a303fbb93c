"""What ran before: records of ended work from the archive, which outlive Jobs, pods and plans. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from mm_dashboard.cluster import Job
from mm_dashboard.render import utc
from mm_dashboard.warehouse import Row

_COLUMNS: Final = """
    uid, kind, name, plan, batch, attempt, rover_name, sols, source, outcome, reason, message, created_at, ended_at,
    total_seconds, run_seconds, cpu_seconds, requests, bytes, photos, trace_id, log_tail
"""

RECENT: Final = """
select name, kind, plan, batch, attempt, outcome, reason, message, created_at, ended_at
from GOLD.WORK_HISTORY where kind <> 'plan' order by ended_at desc limit 3000
"""
"""Jobs that ended last, without their logs."""
OF_PLAN: Final = f"""
select {_COLUMNS}
from GOLD.WORK_HISTORY where plan = ? order by kind desc, batch, attempt, ended_at limit 2000
"""
"""What became of a plan, and each attempt at its batches."""
OF_JOB: Final = (
    f"select {_COLUMNS} from GOLD.WORK_HISTORY where name = ? and kind <> 'plan' order by ended_at desc limit 1"
)
COST: Final = """
select
    utc_date, kind, jobs, jobs_failed, jobs_deleted, requests, bytes, photos, run_seconds, cpu_seconds,
    median_total_seconds, longest_total_seconds
from GOLD.WORK_COST order by utc_date desc, kind limit 60
"""

SPANS: Final = {"1": "an hour", "6": "6 hours", "24": "a day", "168": "a week"}
"""Hours that the time line shows, in words."""


def span(text: str | None) -> tuple[str, timedelta]:
    """Return one of SPANS, the shortest where another is asked for, and its length."""
    hours = text if text in SPANS else next(iter(SPANS))
    return hours, timedelta(hours=int(hours))


def jobs_of(rows: Iterable[Row]) -> list[Job]:
    """Return the Jobs that records are of."""
    return [
        Job(
            name=row["name"],
            kind=row["kind"],
            state=row["outcome"],
            plan=row["plan"] or "",
            batch="" if row["batch"] is None else str(row["batch"]),
            attempt="" if row["attempt"] is None else str(row["attempt"]),
            created_at=utc(row["created_at"]),
            finished_at=utc(row["ended_at"]),
            message=row["reason"] or "",
        )
        for row in rows
    ]


def joined(live: Sequence[Job], rows: Iterable[Row]) -> list[Job]:
    """Return the Jobs that Kubernetes has, and those of the archive that it has no more."""
    names = {job.name for job in live}
    return [*live, *(job for job in jobs_of(rows) if job.name not in names)]
