"""What loads and dbt runs have in common: their Jobs, created by name; their ends, told once."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_contracts.batch import Termination

from mm_operator import metrics
from mm_operator.core.diagnose import diagnose_active, diagnose_failed, stuck_since
from mm_operator.core.fold import completed
from mm_operator.core.ledger import Notice
from mm_operator.core.observe import Job
from mm_operator.kube import ApiError, Kube
from mm_operator.notices import post_notice
from mm_operator.observer import ended_job
from mm_operator.store import Store

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0
"""After an API error."""
OLD_SECONDS: Final = 60.0
"""What ended so long before the start of this process is neither logged nor counted: the one before has done it, or was
not there, and a counter that begins anew would count it at every start."""
EVENT_SECONDS: Final = 3600.0
"""What failed so long before the start gets no Event any more. Clusters keep Events for an hour, mostly: of what failed
later an Event is there if it was told, and posting it again adds nothing; an older one would be told at every start."""
IDLE_SECONDS: Final = 15.0
"""Longest time between two decisions."""


class Flights:
    """Creates Jobs of some kinds and follows them to their end."""

    def __init__(self, kube: Kube, store: Store, owners: Sequence[Mapping[str, Any]], *kinds: str) -> None:
        self.kube, self.store, self.owners, self.kinds = kube, store, owners, kinds
        self._told: set[str] = set()
        self._started_at = datetime.now(UTC)

    def jobs(self) -> list[Job]:
        """Return the Jobs of these kinds that exist."""
        return [job for job in self.store.jobs(*self.kinds) if not job.deleting]

    async def launch(self, body: dict[str, Any], why: str, trace_id: str) -> Job:
        """Create a Job, or find the one of its name. Raises ApiError."""
        found, fresh = await self.kube.create("jobs", body)
        self.store.put("jobs", found)
        name = found["metadata"]["name"]
        if fresh:
            kind = found["metadata"]["labels"]["martian-moments.io/kind"]
            metrics.JOBS_STARTED.labels(kind).inc()
            log.info("started Job %s: %s", name, why, extra={"trace_id": trace_id})
        job = self.store.job(name)
        if job is None:
            raise ApiError(0, "Gone", f"Job {name} was deleted as soon as it was created")
        return job

    async def tell_ends(self) -> None:
        """Log, count and post the ends that have not been told yet; pods that ended meanwhile are asked for.

        Of what failed while no operator was running an Event is posted all the same: a run whose data tests failed has
        completed, so that nothing else would tell of it before the next run.
        """
        jobs = self.jobs()
        self._told &= {job.name for job in jobs}
        for job in jobs:
            if job.state == "active" or job.name in self._told:
                continue
            # The termination message decides whether a run counts as completed: without the pod it is not known.
            ended = await ended_job(self.kube, self.store, job)
            if not self._ended_before(ended, OLD_SECONDS):
                self._tell(ended)
            if ended.state == "failed" and not self._ended_before(ended, EVENT_SECONDS):
                await self._post(ended)
            self._told.add(job.name)

    async def give_up_stuck(self, now: datetime, stuck_after: float) -> None:
        """End Jobs that cannot start for a missing image or configuration: a shorter deadline makes them fail."""
        for job in self.jobs():
            why = diagnose_active(job, now) if job.state == "active" and job.name not in self._told else None
            since = stuck_since(job)
            if why is None or not why.stuck or since is None or (now - since).total_seconds() < stuck_after:
                continue
            log.warning("Job %s cannot start: %s", job.name, why.told)
            await self.kube.patch("jobs", job.name, {"spec": {"activeDeadlineSeconds": 1}})
            metrics.JOBS_ENDED.labels(job.kind, str(why.reason)).inc()
            self._told.add(job.name)

    def _ended_before(self, job: Job, seconds: float) -> bool:
        """Return whether a Job ended longer than so before this process started."""
        return job.finished_at is not None and job.finished_at <= self._started_at - timedelta(seconds=seconds)

    def _tell(self, job: Job) -> None:
        trace_id = self.store.job_trace(job.name)
        if job.state == "succeeded":
            metrics.JOBS_ENDED.labels(job.kind, "Success").inc()
            log.info("Job %s is done: %s", job.name, _summary(job.termination), extra={"trace_id": trace_id})
            return
        why = diagnose_failed(job)
        metrics.JOBS_ENDED.labels(job.kind, str(why.reason)).inc()
        log.warning(
            "Job %s failed: %s %s",
            job.name,
            why.told,
            f"Last lines: {job.log_tail}" if job.log_tail and not completed(job) else "",
            extra={"trace_id": trace_id, "reason": str(why.reason)},
        )

    async def _post(self, job: Job) -> None:
        why = diagnose_failed(job)
        body = self.store.job_body(job.name)
        if body is not None:
            await post_notice(self.kube, body, Notice("end", str(why.reason), why.told, True))


def _summary(end: Termination | None) -> str:
    if end is None:
        return "it left no word"
    plain = (str, int, float, bool)
    details = [f"{name}={value}" for name, value in end.details.items() if isinstance(value, plain)]
    return " ".join([end.message, *details]).strip()[:400]
