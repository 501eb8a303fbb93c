"""Clears away: ended Jobs whose results are recorded, and finished plans whose time is over."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from mm_contracts.plan import ANNOTATION_RETRY, LABEL_FINISHED

from mm_operator.core.decide import expired
from mm_operator.core.indexes import Indexes
from mm_operator.core.observe import Job, settle
from mm_operator.core.plan_view import read_status
from mm_operator.core.retention import deletable_ingest, deletable_others
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.split import MAX_BATCHES
from mm_operator.kube import PAGE, ApiError, Kube
from mm_operator.store import Store, is_ours

log = logging.getLogger(__name__)

JOBS_SECONDS: Final = 60.0
PLANS_EVERY: Final = 10
"""Rounds of Jobs to one round of finished plans, which are read page by page and held by nobody."""


class Janitor:
    """Deletes what nobody needs any more."""

    def __init__(self, kube: Kube, store: Store, settings: OperatorSettings) -> None:
        self._kube, self._store, self._settings = kube, store, settings

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
        for name in names:
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
                elif expired(status, str(body["spec"].get("ttlAfterFinished") or "168h"), now):
                    log.info("plan %s has been finished for its ttlAfterFinished: deleting it", name)
                    await self._kube.delete("plans", name, metadata["uid"])
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                return


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
