"""Looks at plans, one at a time: observe, decide (core), store the status, act. Every step may be repeated."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_contracts.batch import BatchSpec
from mm_contracts.keys import plan_stamp
from mm_contracts.plan import (
    ANNOTATION_REJECTED,
    ANNOTATION_RETRY,
    ANNOTATION_TRACE,
    LABEL_FINISHED,
    DroppedSols,
    PlanSpec,
    PlanStatus,
    parse_duration,
)
from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.batch_cache import BatchCache
from mm_operator.core import reduce
from mm_operator.core.batches import CreateJob, DeleteJob, Notice, SuspendJob, unrecorded
from mm_operator.core.coverage import Covering, find_dropped
from mm_operator.core.diagnose import diagnose_failed
from mm_operator.core.jobs import build_ingest_job, digest, ingest_job_name
from mm_operator.core.observe import Job
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.slots import Contender, allocate, position
from mm_operator.core.split import TooManyBatchesError
from mm_operator.health import Health
from mm_operator.kube import ApiError, Kube
from mm_operator.notices import post_notice
from mm_operator.observer import ended_job
from mm_operator.store import Store

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0
"""After an API error the plan is looked at again so soon, doubling up to a minute."""


def status_patch(old: Mapping[str, Any], new: PlanStatus) -> dict[str, Any]:
    """Return the changed top-level fields of a status as a merge patch; what is gone becomes null."""
    fresh = new.model_dump(by_alias=True, exclude_none=True, mode="json")
    changed = {key: value for key, value in fresh.items() if old.get(key) != value}
    return changed | {key: None for key in old if key not in fresh}


def read_status(body: Mapping[str, Any]) -> PlanStatus:
    """Return a plan's stored status; fields that are unknown or malformed count as never written."""
    raw = body.get("status") or {}
    try:
        return PlanStatus.model_validate(raw)
    except ValidationError as error:
        bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        return PlanStatus.model_validate({key: value for key, value in raw.items() if key not in bad})


class Controller:
    """The reconcile queue over all plans."""

    def __init__(self, kube: Kube, store: Store, settings: OperatorSettings, sources: Sources, health: Health) -> None:
        self._kube, self._store, self._settings, self._sources = kube, store, settings, sources
        self._health = health
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._errors: dict[str, int] = {}
        self._standing: dict[str, Contender] = {}
        self._refusals: dict[str, str] = {}
        self._cache = BatchCache()

    @property
    def busy(self) -> bool:
        """Whether a live plan has Jobs under way or would start some now."""
        return any(c.active or c.wanted for c in self._standing.values()) or bool(self._queued)

    def enqueue(self, name: str) -> None:
        """Have a plan looked at soon; asking twice before that is one look."""
        if name and name not in self._queued:
            self._queued.add(name)
            self._queue.put_nowait(name)

    def enqueue_all(self) -> None:
        """Have all live plans looked at, in the order in which they get slots."""
        bodies = sorted(
            self._store.plans(),
            key=lambda b: (
                -int(b["spec"].get("priority") or 0),
                b["metadata"].get("creationTimestamp") or "",
                b["metadata"]["name"],
            ),
        )
        for body in bodies:
            self.enqueue(body["metadata"]["name"])

    def forget(self, name: str) -> None:
        """Free what a deleted or finished plan held."""
        if timer := self._timers.pop(name, None):
            timer.cancel()
        self._errors.pop(name, None)
        if self._standing.pop(name, None) is not None:
            self._wake_waiting()

    async def run(self) -> None:
        """Look at plans for ever."""
        self._health.expect("reconciliation", 120)
        while True:
            self._health.beat("reconciliation")
            try:
                name = await asyncio.wait_for(self._queue.get(), 10)
            except TimeoutError:
                continue
            self._queued.discard(name)
            await self._guarded(name)

    async def _guarded(self, name: str) -> None:
        began = time.perf_counter()
        try:
            await self.look_at(name)
            self._errors.pop(name, None)
        except ApiError as error:
            self._again_after_error(name, f"{error}", error.status == 409)
        except Exception:
            log.exception("looking at plan %s failed", name, extra={"plan": name})
            self._again_after_error(name, "see the exception before", False)
        metrics.RECONCILES.observe(time.perf_counter() - began)

    def _again_after_error(self, name: str, sentence: str, conflict: bool) -> None:
        errors = self._errors[name] = self._errors.get(name, 0) + 1
        pause = min(RETRY_SECONDS * 2 ** (errors - 1), 60.0)
        if not conflict:
            metrics.RECONCILE_ERRORS.inc()
            log.warning("plan %s: %s; again in %.0f s", name, sentence, pause, extra={"plan": name})
        self._look_again(name, datetime.now(UTC) + timedelta(seconds=0.2 if conflict else pause))

    def _look_again(self, name: str, when: datetime | None) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
        if when is not None:
            pause = max(0.0, (when - datetime.now(UTC)).total_seconds()) + 0.05
            self._timers[name] = asyncio.get_running_loop().call_later(pause, self.enqueue, name)

    def _wake_waiting(self) -> None:
        for name, contender in sorted(self._standing.items(), key=lambda item: item[1].rank):
            if contender.wanted:
                self.enqueue(name)

    async def look_at(self, name: str) -> None:
        """Bring one plan a step further. Raises ApiError where the API refuses; nothing is lost then."""
        body = self._store.plan(name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self.forget(name)
            return
        status = read_status(body)
        now = datetime.now(UTC)
        try:
            plan, source = self._plan_of(body, status)
            dropped = self._dropped(plan, source)
            batches = self._cache.batches(plan.uid, plan.spec, dropped)
        except (ValidationError, TooManyBatchesError, ValueError) as error:
            await self._finish(body, reduce.invalid(status, _generation(body), _sentence(error), now))
            return
        jobs, new = await self._jobs(plan)
        stuck_after = float(parse_duration(self._settings.stuck_after))
        found = reduce.survey(plan, batches, jobs, now, stuck_after, self._refusals)
        mine = Contender(name, plan.spec.priority, plan.created_at, found.active, len(found.ready))
        before = self._standing.get(name)
        self._standing[name] = mine
        contenders = self._contenders()
        granted = allocate(self._settings.max_concurrent_jobs, contenders).get(name, 0)
        queue = reduce.Queue(*position(name, contenders))
        outcome = reduce.conclude(plan, found, jobs, granted, queue, dropped, now)
        started = min(granted, len(found.ready))
        self._standing[name] = Contender(
            name, mine.priority, mine.created_at, mine.active + started, mine.wanted - started
        )
        await self._finish(body, outcome, plan, source)
        _count_ends(new)
        if before != self._standing.get(name):
            self._wake_waiting()

    def _plan_of(self, body: dict[str, Any], status: PlanStatus) -> tuple[reduce.Plan, str]:
        metadata = body["metadata"]
        notes = metadata.get("annotations") or {}
        spec = PlanSpec.model_validate(body["spec"])
        source, _ = self._sources.pick(spec.source)
        rejected = notes.get(ANNOTATION_REJECTED, "0")
        plan = reduce.Plan(
            name=metadata["name"],
            uid=metadata["uid"],
            created_at=metadata["creationTimestamp"],
            generation=_generation(body),
            spec=spec,
            status=status,
            trace_id=notes.get(ANNOTATION_TRACE) or status.trace_id or digest(metadata["uid"], length=32),
            rejected_tasks=int(rejected) if rejected.isdigit() else 0,
            retry_token=notes.get(ANNOTATION_RETRY, ""),
        )
        return plan, source

    def _dropped(self, plan: reduce.Plan, source: str) -> list[DroppedSols]:
        if _accepted(plan.status):
            return list(plan.status.dropped)
        others = []
        for body in self._store.plans():
            status = read_status(body)
            if body["metadata"]["name"] == plan.name or not _accepted(status) or status.phase in reduce.TERMINAL:
                continue
            try:
                other, other_source = self._plan_of(body, status)
                batches = self._cache.batches(other.uid, other.spec, list(status.dropped))
            except ValueError:
                continue
            others.append(Covering(other.name, other.spec.dataset, other_source, batches))
        return find_dropped(plan.spec, source, self._cache.batches(plan.uid, plan.spec, []), others)

    def _contenders(self) -> list[Contender]:
        live = {body["metadata"]["name"] for body in self._store.plans()}
        for name in [name for name in self._standing if name not in live]:
            del self._standing[name]
        unknown: dict[str, int] = {}
        for job in self._store.jobs("ingest"):
            if job.state == "active" and job.plan not in self._standing and not job.suspended:
                unknown[job.plan] = unknown.get(job.plan, 0) + 1
        return [*self._standing.values(), *(Contender(n, 0, "", count, 0) for n, count in unknown.items())]

    async def _jobs(self, plan: reduce.Plan) -> tuple[list[Job], list[Job]]:
        mine = [j for j in self._store.jobs("ingest") if j.plan == plan.name and j.owner_uid == plan.uid]
        new = {job.name for job in unrecorded(plan.status, mine)}
        jobs = [await ended_job(self._kube, self._store, job) if job.name in new else job for job in mine]
        return jobs, [job for job in jobs if job.name in new]

    async def _finish(
        self, body: dict[str, Any], outcome: reduce.Outcome, plan: reduce.Plan | None = None, source: str = ""
    ) -> None:
        name, version = body["metadata"]["name"], body["metadata"]["resourceVersion"]
        patch = status_patch(body.get("status") or {}, outcome.status)
        if patch:
            try:
                stored = await self._kube.patch(
                    "plans", name, {"metadata": {"resourceVersion": version}, "status": patch}, "status"
                )
            except ApiError as error:
                if error.status == 404:
                    self._store.remove("plans", body)
                    self.forget(name)
                    return
                if error.status == 409:
                    self._store.put("plans", await self._kube.call("GET", "plans", name))
                raise
            self._store.put("plans", stored)
        for action in outcome.actions:
            await self._act(action, plan, source)
        for notice in outcome.notices if patch else ():
            await self._tell(body, notice, outcome)
        if outcome.status.phase in reduce.TERMINAL:
            await self._label_finished(name)
            return
        self._look_again(name, outcome.look_again)

    async def _act(self, action: CreateJob | DeleteJob | SuspendJob, plan: reduce.Plan | None, source: str) -> None:
        if isinstance(action, CreateJob) and plan is not None:
            await self._create(action, plan, source)
        elif isinstance(action, DeleteJob):
            log.info("deleting Job %s: %s", action.name, action.why)
            await self._kube.delete("jobs", action.name, self._store.job_uid(action.name))
        elif isinstance(action, SuspendJob):
            self._store.put("jobs", await self._kube.patch("jobs", action.name, {"spec": {"suspend": action.suspend}}))

    async def _create(self, action: CreateJob, plan: reduce.Plan, source: str) -> None:
        batch = BatchSpec(
            plan=plan.name,
            batch=action.batch.index,
            attempt=action.attempt,
            dataset=plan.spec.dataset,
            rover=action.batch.rover,
            sols=action.batch.text,
            source=source,
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
            self._look_again(plan.name, datetime.now(UTC) + timedelta(seconds=15))
            return
        self._refusals.pop(name, None)
        owners = {owner.get("uid") for owner in body["metadata"].get("ownerReferences") or ()}
        if plan.uid not in owners:
            raise ApiError(0, "Conflict", f"Job {name} of a deleted plan of this name is still going")
        self._store.put("jobs", body)
        if fresh:
            metrics.JOBS_STARTED.labels("ingest").inc()
            log.info(
                "started Job %s: %s %s",
                name,
                batch.rover,
                batch.sols,
                extra={"plan": plan.name, "trace_id": plan.trace_id},
            )

    async def _tell(self, body: dict[str, Any], notice: Notice, outcome: reduce.Outcome) -> None:
        level = logging.WARNING if notice.warning else logging.INFO
        name = body["metadata"]["name"]
        log.log(level, "plan %s: %s", name, notice.message, extra={"plan": name, "trace_id": outcome.status.trace_id})
        await post_notice(self._kube, body, notice)

    async def _label_finished(self, name: str) -> None:
        # From here on it costs nothing: it is not watched, listed or held. Its end is stored, so it may be forgotten.
        patch = {"metadata": {"labels": {LABEL_FINISHED: "true"}}}
        try:
            body = await self._kube.patch("plans", name, patch)
            self._store.remove("plans", body)
        except ApiError as error:
            if error.status != 404:
                raise
        self.forget(name)


def _count_ends(jobs: list[Job]) -> None:
    for job in jobs:
        reason = "Success" if job.state == "succeeded" else str(diagnose_failed(job).reason)
        metrics.JOBS_ENDED.labels("ingest", reason).inc()


def _generation(body: Mapping[str, Any]) -> int:
    return int(body["metadata"].get("generation") or 0)


def _accepted(status: PlanStatus) -> bool:
    return any(c.type == "Accepted" and c.status == "True" for c in status.conditions)


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        return f"spec.{where}: {said}" if where else said
    return str(error)
