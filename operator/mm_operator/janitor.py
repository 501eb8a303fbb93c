"""Clears away: ended Jobs whose results are recorded, and finished plans whose time is over."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_contracts.plan import ANNOTATION_RETRY, LABEL_FINISHED, PlanStatus

from mm_operator.core.decide import expired
from mm_operator.core.indexes import Indexes
from mm_operator.core.observe import Job, settle
from mm_operator.core.plan_view import read_status
from mm_operator.core.retention import deletable_ingest, deletable_others
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.split import MAX_BATCHES
from mm_operator.core.times import parse_time
from mm_operator.history import History
from mm_operator.kube import PAGE, ApiError, Kube
from mm_operator.store import Store, is_ours

log = logging.getLogger(__name__)

JOBS_SECONDS: Final = 60.0
UNTOLD_BEFORE: Final = timedelta(hours=1)
"""Plans that ended so long before this process began are told to the history again."""
PLANS_EVERY: Final = 10
"""Rounds of Jobs to one round of finished plans, which are read page by page and held by nobody."""


class Janitor:
    """Deletes what nobody needs any more."""

    def __init__(self, kube: Kube, store: Store, settings: OperatorSettings, history: History) -> None:
        self._kube, self._store, self._settings, self._history = kube, store, settings, history
        self._started_at = datetime.now(UTC)

    async def run(self) -> None:
        """Clear away for ever."""
        round_number = 0
        while True:
            try:
                await self.clear_jobs()
                # Not in the first round: a start has better things to do than to read all finished plans.
                if round_number % PLANS_EVERY == 1:
                    await self.clear_plans()
            except ApiError as error:
                log.warning("clearing away goes on later: %s", error)
            round_number += 1
            await asyncio.sleep(JOBS_SECONDS)

    async def clear_jobs(self) -> None:
        """Delete ended Jobs that are old enough and recorded. Raises ApiError."""
        now = datetime.now(UTC)
        ingest = [settle(job, now)[0] for job in self._store.jobs("ingest")]
        others = [settle(job, now)[0] for job in self._store.jobs("load", "sweep", "transform")]
        names = deletable_ingest(ingest, _Recorded(self._store), self._settings, now)
        names += deletable_others(others, self._settings, now)
        # What of them is not in the history yet may be asked for by another process: a day later they go by themselves.
        for name in [name for name in names if not self._history.is_open(self._store.job_uid(name))]:
            await self._kube.delete("jobs", name, self._store.job_uid(name))

    async def clear_plans(self) -> None:
        """Delete finished plans past their ``ttlAfterFinished``; reopen those with a new retry token."""
        now = datetime.now(UTC)
        query = {"limit": str(PAGE), "labelSelector": LABEL_FINISHED}
        while True:
            page = await self._kube.call("GET", "plans", query=query)
            for body in page.get("items") or ():
                if not is_ours(body, self._settings.instance, self._settings.plans_without_instance):
                    continue
                metadata, status = body["metadata"], read_status(body)
                name = metadata["name"]
                token = (metadata.get("annotations") or {}).get(ANNOTATION_RETRY, "")
                if token and token != status.retry_token:
                    await self._kube.patch("plans", name, {"metadata": {"labels": {LABEL_FINISHED: None}}})
                    continue
                ttl = str(body["spec"].get("ttlAfterFinished") or "168h")
                if self._is_untold(body, status, ttl, now):
                    self._history.plan_ended(body)
                elif expired(status, ttl, now):
                    log.info("plan %s has been finished for its ttlAfterFinished: deleting it", name)
                    await self._kube.delete("plans", name, metadata["uid"])
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                return

    def _is_untold(self, body: dict[str, Any], status: PlanStatus, ttl: str, now: datetime) -> bool:
        """Return whether a finished plan has still to be told to the history, before it may be deleted.

        One that ended shortly before this process began may not have been told by the one before. Another one is told
        once more before it is deleted, which waits for that a day at most.
        """
        uid, finished = body["metadata"]["uid"], parse_time(status.finished_at)
        if finished is None or self._history.is_kept(uid) or expired(status, ttl, now - timedelta(days=1)):
            return False
        is_over = expired(status, ttl, now)
        return is_over or (finished > self._started_at - UNTOLD_BEFORE and not self._history.is_open(uid))


class _Recorded:
    """Whether an ended Job's result is in its plan's status; a finished or deleted plan needs none of its Jobs."""

    def __init__(self, store: Store) -> None:
        self._ended: dict[str, tuple[str, Indexes, dict[int, int]]] = {}
        for body in store.plans():
            status = read_status(body)
            done, failed = (
                Indexes.parse(text, MAX_BATCHES) for text in (status.completed_indexes, status.failed_indexes)
            )
            tried = {r.batch: r.attempts - (r.state == "Active") for r in status.records}
            ended = Indexes(done.bits | failed.bits)
            self._ended[body["metadata"]["name"]] = (body["metadata"]["uid"], ended, tried)

    def __call__(self, job: Job) -> bool:
        known = self._ended.get(job.plan)
        if known is None or known[0] != job.owner_uid:
            return True
        _, ended, tried = known
        return job.batch in ended or job.attempt <= tried.get(job.batch, 0)
