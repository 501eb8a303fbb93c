"""Looks at plans, one at a time: observe, decide (core), store the status, act. Every step may be repeated."""

import logging
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_contracts.batch import BatchSpec, CoveredSols
from mm_contracts.keys import plan_stamp
from mm_contracts.plan import LABEL_FINISHED, parse_duration
from mm_contracts.sources import Sources

from mm_operator import metrics
from mm_operator.batch_cache import BatchCache
from mm_operator.core import reduce
from mm_operator.core.batches import unrecorded
from mm_operator.core.coverage import covered_sols
from mm_operator.core.diagnose import diagnose_failed
from mm_operator.core.jobs import build_ingest_job, ingest_job_name
from mm_operator.core.ledger import Action, CreateJob, DeleteJob, Notice, SuspendJob
from mm_operator.core.observe import Job
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.slots import Contender, allocate, position
from mm_operator.core.story import TERMINAL, Plan, Queue
from mm_operator.health import Health
from mm_operator.kube import ApiError, Kube
from mm_operator.notices import post_notice
from mm_operator.observer import ended_job
from mm_operator.plans import coverings, dropped_sols, generation, read_plan, read_status, sentence, status_patch
from mm_operator.store import Store
from mm_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

REFUSED_SECONDS: Final = 15
"""A Job that the API refused (a quota) is asked for again after so long."""


class Controller:
    """Plans, and the slots for Jobs that they share."""

    def __init__(self, kube: Kube, store: Store, settings: OperatorSettings, sources: Sources, health: Health) -> None:
        self._kube, self._store, self._settings, self._sources = kube, store, settings, sources
        self._queue = WorkQueue(self.look_at, health)
        self._standing: dict[str, Contender] = {}
        self._refusals: dict[str, str] = {}
        self._cache = BatchCache()

    @property
    def busy(self) -> bool:
        """Whether a live plan has Jobs under way or would start some now."""
        return any(c.active or c.wanted for c in self._standing.values()) or not self._queue.empty

    def covered(self) -> tuple[CoveredSols, ...]:
        """Return the sols that live plans have in hand."""
        return covered_sols(coverings(self._store.plans(), self._sources, self._cache))

    def run(self) -> Awaitable[None]:
        """Look at plans for ever."""
        return self._queue.run()

    def enqueue(self, name: str) -> None:
        """Have a plan looked at soon."""
        self._queue.add(name)

    def enqueue_all(self) -> None:
        """Have all live plans looked at, in the order in which they get slots."""

        def rank(body: dict[str, Any]) -> tuple[int, str, str]:
            metadata = body["metadata"]
            return (
                -int(body["spec"].get("priority") or 0),
                metadata.get("creationTimestamp") or "",
                metadata["name"],
            )

        for body in sorted(self._store.plans(), key=rank):
            self._queue.add(body["metadata"]["name"])

    def forget(self, name: str) -> None:
        """Free what a deleted or finished plan held."""
        self._queue.forget(name)
        if self._standing.pop(name, None) is not None:
            self._wake_waiting()

    def _wake_waiting(self) -> None:
        for name, contender in sorted(self._standing.items(), key=lambda item: item[1].rank):
            if contender.wanted:
                self._queue.add(name)

    async def look_at(self, name: str) -> None:
        """Bring one plan a step further. Raises ApiError where the API refuses; nothing is lost then."""
        body = self._store.plan(name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self.forget(name)
            return
        status, now = read_status(body), datetime.now(UTC)
        try:
            plan, source = read_plan(body, status, self._sources)
            dropped = dropped_sols(plan, source, self._store.plans(), self._sources, self._cache)
            batches = self._cache.batches(plan.uid, plan.spec, dropped)
        except ValueError as error:
            await self._store_outcome(body, reduce.invalid(status, generation(body), sentence(error), now))
            return
        jobs, new = await self._jobs(plan)
        stuck_after = float(parse_duration(self._settings.stuck_after))
        found = reduce.survey(plan, batches, jobs, now, stuck_after, self._refusals)
        before = self._standing.get(name)
        mine = Contender(name, plan.spec.priority, plan.created_at, found.active, len(found.ready))
        self._standing[name] = mine
        contenders = self._contenders()
        granted = min(allocate(self._settings.max_concurrent_jobs, contenders)[name], mine.wanted)
        queue = Queue(*position(name, contenders))
        outcome = reduce.conclude(plan, found, jobs, granted, queue, dropped, now)
        after = Contender(name, mine.priority, mine.created_at, mine.active + granted, mine.wanted - granted)
        self._standing[name] = after
        if await self._store_outcome(body, outcome):
            _count_ends(new)
            refused = False
            for action in outcome.actions:
                refused = not await self._act(action, plan) or refused
            await self._follow_up(name, outcome, now, refused)
        if before != after:
            self._wake_waiting()

    def _contenders(self) -> list[Contender]:
        plans = {body["metadata"]["name"]: body for body in self._store.plans()}
        for name in [name for name in self._standing if name not in plans]:
            del self._standing[name]
        # Right after a start other plans hold slots already, before they have been looked at: by Jobs that run, and by
        # Jobs that are written down in the status and not created yet.
        running = Counter(job.plan for job in self._store.jobs("ingest") if job.state == "active" and not job.suspended)
        unknown = {name: running[name] for name in running if name not in self._standing}
        for name, body in plans.items():
            if name not in self._standing:
                unknown[name] = max(unknown.get(name, 0), read_status(body).batches.active)
        return [*self._standing.values(), *(Contender(n, 0, "", count, 0) for n, count in unknown.items())]

    async def _jobs(self, plan: Plan) -> tuple[list[Job], list[Job]]:
        mine = [j for j in self._store.jobs("ingest") if j.plan == plan.name and j.owner_uid == plan.uid]
        new = {job.name for job in unrecorded(plan.status, mine)}
        jobs = [await ended_job(self._kube, self._store, job) if job.name in new else job for job in mine]
        return jobs, [job for job in jobs if job.name in new]

    async def _store_outcome(self, body: dict[str, Any], outcome: reduce.Outcome) -> bool:
        """Store the status if it has changed, and post what is worth telling. Returns whether the plan still exists.

        The version that was looked at must be the stored one: a status worked out from an old one changes nothing.
        """
        name, version = body["metadata"]["name"], body["metadata"]["resourceVersion"]
        patch = status_patch(body.get("status") or {}, outcome.status)
        if patch:
            wanted = {"metadata": {"resourceVersion": version}, "status": patch}
            try:
                self._store.put("plans", await self._kube.patch("plans", name, wanted, "status"))
            except ApiError as error:
                if error.status == 409:
                    self._store.put("plans", await self._kube.call("GET", "plans", name))
                if error.status != 404:
                    raise
                self._store.remove("plans", body)
                self.forget(name)
                return False
            for notice in outcome.notices:
                await self._tell(body, notice, outcome.status.trace_id)
        if outcome.status.phase == "Invalid":
            await self._label_finished(name)
        return True

    async def _follow_up(self, name: str, outcome: reduce.Outcome, now: datetime, refused: bool) -> None:
        if outcome.status.phase in TERMINAL:
            await self._label_finished(name)
            return
        times = [outcome.look_again, now + timedelta(seconds=REFUSED_SECONDS) if refused else None]
        self._queue.add_at(name, min((when for when in times if when), default=None))

    async def _act(self, action: Action, plan: Plan) -> bool:
        """Do one thing. Returns False where the API refused a Job for now."""
        if isinstance(action, CreateJob):
            return await self._create(action, plan)
        if isinstance(action, DeleteJob):
            log.info("deleting Job %s: %s", action.name, action.why, extra={"plan": plan.name})
            await self._kube.delete("jobs", action.name, self._store.job_uid(action.name))
        elif isinstance(action, SuspendJob):
            self._store.put("jobs", await self._kube.patch("jobs", action.name, {"spec": {"suspend": action.suspend}}))
        return True

    async def _create(self, action: CreateJob, plan: Plan) -> bool:
        batch = BatchSpec(
            plan=plan.name,
            batch=action.batch.index,
            attempt=action.attempt,
            dataset=plan.spec.dataset,
            rover=action.batch.rover,
            sols=action.batch.text,
            # Each rover has its own order of sources where the plan names none.
            source=self._sources.pick(plan.spec.source, action.batch.rover, plan.spec.dataset)[0],
            stamp=plan_stamp(plan.created_at, plan.uid),
            trace_id=plan.trace_id,
        )
        name = ingest_job_name(plan.name, batch.batch, batch.attempt)
        try:
            body, fresh = await self._kube.create("jobs", build_ingest_job(self._settings, plan.uid, plan.spec, batch))
        except ApiError as error:
            if error.status == 0 or error.status >= 500:
                raise
            self._refusals[name] = f"The API refuses the Job: {error.message}"[:300]
            return False
        self._refusals.pop(name, None)
        if plan.uid not in {owner.get("uid") for owner in body["metadata"].get("ownerReferences") or ()}:
            raise ApiError(0, "Conflict", f"Job {name} of a deleted plan of this name is still going")
        self._store.put("jobs", body)
        if fresh:
            metrics.JOBS_STARTED.labels("ingest").inc()
            extra = {"plan": plan.name, "trace_id": plan.trace_id}
            log.info("started Job %s: %s %s", name, batch.rover, batch.sols, extra=extra)
        return True

    async def _tell(self, body: dict[str, Any], notice: Notice, trace_id: str) -> None:
        level = logging.WARNING if notice.warning else logging.INFO
        name = body["metadata"]["name"]
        log.log(level, "plan %s: %s", name, notice.message, extra={"plan": name, "trace_id": trace_id})
        await post_notice(self._kube, body, notice)

    async def _label_finished(self, name: str) -> None:
        # From here on it costs nothing: it is not watched, listed or held. Its end is stored, so it may be forgotten.
        patch = {"metadata": {"labels": {LABEL_FINISHED: "true"}}}
        try:
            self._store.remove("plans", await self._kube.patch("plans", name, patch))
        except ApiError as error:
            if error.status != 404:
                raise
        self.forget(name)


def _count_ends(jobs: list[Job]) -> None:
    for job in jobs:
        reason = "Success" if job.state == "succeeded" else str(diagnose_failed(job).reason)
        metrics.JOBS_ENDED.labels("ingest", reason).inc()
