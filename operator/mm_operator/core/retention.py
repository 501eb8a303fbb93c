"""Which ended Jobs may be deleted: only those whose result is recorded, and not before somebody could look at them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from mm_contracts.plan import parse_duration

from mm_operator.core.fold import completed, last_completed
from mm_operator.core.observe import Job
from mm_operator.core.settings import OperatorSettings

KEPT_FAILURES: Final = 10
"""Failed loads, sweeps and dbt runs since the last success that are kept: the back-off is counted from them."""


def _old(job: Job, settings: OperatorSettings, now: datetime) -> bool:
    keep = settings.keep_succeeded_jobs if job.state == "succeeded" else settings.keep_failed_jobs
    ended = job.ended_at or job.finished_at
    return ended is not None and (now - ended).total_seconds() > parse_duration(keep)


def deletable_ingest(
    jobs: Iterable[Job], recorded: Callable[[Job], bool], settings: OperatorSettings, now: datetime
) -> list[str]:
    """Return names of ended ingest Jobs that are old and whose result is ``recorded`` in their plan's status."""
    return [
        job.name
        for job in jobs
        if job.state != "active" and not job.deleting and _old(job, settings, now) and recorded(job)
    ]


def deletable_others(jobs: Sequence[Job], settings: OperatorSettings, now: datetime) -> list[str]:
    """Return names of ended loads, sweeps and dbt runs that are old and that no decision leans on."""
    keep: set[str] = set()
    for kinds in (("load", "sweep"), ("transform",)):
        group = [job for job in jobs if job.kind in kinds]
        latest = [found for kind in kinds if (found := last_completed(group, kind))]
        keep.update(job.name for job in latest)
        failures = [job for job in group if job.state == "failed" and not completed(job) and job.finished_at]
        failures.sort(key=lambda job: (job.finished_at, job.name), reverse=True)
        since = max((job.finished_at for job in group if completed(job) and job.finished_at), default=None)
        recent = [job for job in failures if since is None or (job.finished_at and job.finished_at > since)]
        keep.update(job.name for job in recent[:KEPT_FAILURES])
        swept = next((job.created_at for job in latest if job.kind == "sweep"), None)
        if kinds[0] == "load":
            # A failed load that no sweep has made good yet is what asks for that sweep.
            lost = [j for j in failures if swept is None or (j.finished_at and j.finished_at > swept)]
            keep.update(job.name for job in lost[:KEPT_FAILURES])
    return [
        job.name
        for job in jobs
        if job.state != "active" and not job.deleting and job.name not in keep and _old(job, settings, now)
    ]
