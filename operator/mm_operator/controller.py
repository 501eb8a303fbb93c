"""The engine's hands: feeds it what has changed, and carries out what it decides. Every step may be repeated."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_contracts.batch import BatchSpec, CoveredSols
from mm_contracts.keys import IMAGES, TIMELAPSE, plan_stamp
from mm_contracts.plan import LABEL_FINISHED, LABEL_INSTANCE
from mm_contracts.sources import Sources

from mm_operator import metrics
from mm_operator.core.batches import Refusal
from mm_operator.core.diagnose import diagnose_failed
from mm_operator.core.engine import Engine
from mm_operator.core.entry import Decision
from mm_operator.core.jobs import build_ingest_job, ingest_job_name
from mm_operator.core.observe import Job
from mm_operator.core.plan_view import Plan, status_patch
from mm_operator.core.progress import Action, CreateJob, DeleteJob, Notice, SuspendJob
from mm_operator.core.settings import OperatorSettings
from mm_operator.health import Health
from mm_operator.kube import ApiError, Kube
from mm_operator.lookups import ask_pods, fetch_logs
from mm_operator.notices import post_notice
from mm_operator.store import Kind, Store

log = logging.getLogger(__name__)

PART: Final = "reconciliation"
AT_A_TIME: Final = 16
"""Plans whose decisions are carried out at the same time."""
CONFLICT_PAUSE: Final = 0.2
"""Seconds: somebody else wrote first, and what they wrote has been read by then."""
IDLE_SECONDS: Final = 10.0
"""Longest time between two signs of life."""


class Controller:
    """Plans, and the slots for Jobs that they share."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        settings: OperatorSettings,
        sources: Sources,
        health: Health,
        plan_ended: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        """``plan_ended`` is called with the API object of each plan whose end is stored."""
        self._kube, self._store, self._settings, self._health = kube, store, settings, health
        self._engine = Engine(settings, sources)
        self._plan_ended = plan_ended
        self._limit = asyncio.Semaphore(AT_A_TIME)
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching: set[str] = set()
        self._wake = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether Jobs run, would start now, or something is yet to be decided."""
        return self._engine.busy

    def covered(self) -> tuple[CoveredSols, ...]:
        """Return the sols that live plans have in hand."""
        return self._engine.covered()

    def queue(self) -> dict[str, Any]:
        """Return the slots, and the plans that wait for one in the order in which they get it. Safe from any thread."""
        slots = self._engine.slots
        places = [{"place": number, **place._asdict()} for number, place in enumerate(slots.queue(), 1)]
        return {"limit": slots.limit, "held": slots.held, "wanted": slots.wanted, "queue": places}

    def batch_counts(self) -> dict[str, int]:
        """Return the batches of all live plans by state. Safe from any thread."""
        totals = dict.fromkeys(("active", "succeeded", "failed", "waiting"), 0)
        for plan in self._engine.plans():
            for state in totals:
                totals[state] += getattr(plan.status.batches, state)
        return totals

    def plan_counts(self) -> dict[tuple[str, str], int]:
        """Return the live plans by (phase, reason). Safe from any thread."""
        return dict(Counter((str(p.status.phase), str(p.status.reason or "")) for p in self._engine.plans()))

    def changed(self, kind: Kind, name: str, gone: bool) -> None:
        """Take up what the store says has changed: a plan or an ingest Job."""
        if kind == "plans":
            body = self._store.plan(name)
            if gone or body is None:
                self._engine.drop_plan(name)
            else:
                self._engine.put_plan(body)
        elif job := self._store.job(name):
            if job.kind != "ingest":
                return
            if gone:
                self._engine.drop_job(job.plan, name)
            else:
                self._engine.put_job(job)
        self._wake.set()

    async def run(self) -> None:
        """Decide for ever: when something has changed, and when a time has come."""
        self._health.expect(PART, 120)
        while True:
            self._health.beat(PART)
            self._wake.clear()
            self.decide()
            try:
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _pause(self) -> float:
        if self._engine.pending:
            return 0.0
        moment = self._engine.next_moment
        if moment is None:
            return IDLE_SECONDS
        return min(max((moment - datetime.now(UTC)) / timedelta(seconds=1), 0.0) + 0.01, IDLE_SECONDS)

    def decide(self) -> None:
        """Make one pass, and have what it decided carried out."""
        began, now = time.perf_counter(), datetime.now(UTC)
        result = self._engine.run(now)
        for name, error in result.errors:
            metrics.RECONCILE_ERRORS.inc()
            log.error("plan %s cannot be worked out", name, exc_info=error, extra={"plan": name})
        for decision in result.decisions:
            self._keep(self._carry_out(decision))
        metrics.PASS_SECONDS.observe(time.perf_counter() - began)

    async def settled(self) -> None:
        """Return once everything that was decided so far has been carried out, or has failed."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _carry_out(self, decision: Decision) -> None:
        name = decision.name
        try:
            async with self._limit:
                await self._apply(decision)
        except ApiError as error:
            if error.status == 409:
                self._engine.failed(name, datetime.now(UTC), CONFLICT_PAUSE)
            else:
                self._after_error(name, str(error))
        except Exception:
            log.exception("acting on plan %s failed", name, extra={"plan": name})
            self._after_error(name, "see the exception before")
        else:
            self._engine.applied(name)
        self._wake.set()

    def _after_error(self, name: str, sentence: str) -> None:
        metrics.RECONCILE_ERRORS.inc()
        pause = self._engine.failed(name, datetime.now(UTC))
        log.warning("plan %s: %s; again in %.0f s", name, sentence, pause, extra={"plan": name})

    async def _apply(self, decision: Decision) -> None:
        """Store, act, tell, look up, in this order: what an action leans on is stored before it is done."""
        outcome, plan = decision.outcome, decision.plan
        if decision.changed and not await self._store_status(decision):
            return
        _count_ends(outcome.ended)
        if plan is not None:
            await _together(self._act(action, plan) for action in outcome.actions)
        if decision.changed:
            for notice in outcome.notices:
                await self._tell(decision, notice)
        await ask_pods(self._kube, self._store, decision.pods_of)
        self._fetch_logs(decision)
        for other in decision.ends_of:
            await self._look_up_end(other)
        if decision.ended and not decision.logs_of:
            await self._label_finished(decision.name)

    def _fetch_logs(self, decision: Decision) -> None:
        """Have logs fetched while the plan goes on; what they say is written down when it is there."""
        wanted = [(job, pod) for job, pod in decision.logs_of if job not in self._fetching]
        if wanted:
            self._fetching.update(job for job, _ in wanted)
            self._keep(self._logs(wanted))

    async def _logs(self, wanted: list[tuple[str, str]]) -> None:
        try:
            await fetch_logs(self._kube, self._store, wanted)
        finally:
            self._fetching.difference_update(job for job, _ in wanted)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _store_status(self, decision: Decision) -> bool:
        """Store the status; return whether the plan still exists.

        The version that was looked at must be the stored one: a status worked out from an old one changes nothing.
        """
        body, name = decision.body, decision.name
        patch = status_patch(body.get("status") or {}, decision.outcome.status)
        if not patch:
            return True
        wanted = {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"]}, "status": patch}
        try:
            self._store.put("plans", await self._kube.patch("plans", name, wanted, "status"))
        except ApiError as error:
            if error.status == 409:
                self._store.put("plans", await self._kube.call("GET", "plans", name))
            if error.status != 404:
                raise
            self._store.remove("plans", dict(body))
            return False
        return True

    async def _look_up_end(self, name: str) -> None:
        try:
            body = await self._kube.call("GET", "plans", name)
        except ApiError as error:
            if error.status != 404:
                raise
            self._engine.tell_end(name, None)
            return
        if LABEL_FINISHED in (body["metadata"].get("labels") or {}) or body["metadata"].get("deletionTimestamp"):
            self._engine.tell_end(name, body)
        else:
            self._store.put("plans", body)

    async def _act(self, action: Action, plan: Plan) -> None:
        if isinstance(action, CreateJob):
            await self._create(action, plan)
        elif isinstance(action, DeleteJob):
            log.info("deleting Job %s: %s", action.name, action.why, extra={"plan": plan.name})
            await self._kube.delete("jobs", action.name, self._store.job_uid(action.name))
        elif isinstance(action, SuspendJob):
            try:
                changed = await self._kube.patch("jobs", action.name, {"spec": {"suspend": action.suspend}})
            except ApiError as error:
                if error.status not in (404, 422):  # it is gone or has ended meanwhile
                    raise
            else:
                self._store.put("jobs", changed)

    async def _create(self, action: CreateJob, plan: Plan) -> None:
        batch = BatchSpec(
            plan=plan.name,
            batch=action.batch.index,
            attempt=action.attempt,
            dataset=plan.spec.dataset,
            rover=action.batch.rover,
            sols=action.batch.text,
            source=plan.sources[action.batch.rover],
            stamp=plan_stamp(plan.created_at, plan.uid),
            trace_id=plan.trace_id,
            images=plan.spec.images.model_dump() if plan.spec.dataset in (IMAGES, TIMELAPSE) else {},
        )
        name = ingest_job_name(plan.name, batch.batch, batch.attempt)
        try:
            body, fresh = await self._kube.create("jobs", build_ingest_job(self._settings, plan.uid, plan.spec, batch))
        except ApiError as error:
            if not error.refused:
                raise
            message = f"The API refuses the Job: {error.message}"[:300]
            self._engine.refuse(plan.name, name, Refusal(message, quota=error.quota))
            return
        if plan.uid not in {owner.get("uid") for owner in body["metadata"].get("ownerReferences") or ()}:
            raise ApiError(0, "Conflict", f"Job {name} of a deleted plan of this name is still going")
        self._store.put("jobs", body)
        if fresh:
            metrics.job_made("ingest", plan.name)
            extra = {"plan": plan.name, "trace_id": plan.trace_id}
            log.info("started Job %s: %s %s", name, batch.rover, batch.sols, extra=extra)

    async def _tell(self, decision: Decision, notice: Notice) -> None:
        level = logging.WARNING if notice.warning else logging.INFO
        extra = {"plan": decision.name, "trace_id": decision.outcome.status.trace_id}
        log.log(level, "plan %s: %s", decision.name, notice.message, extra=extra)
        await post_notice(self._kube, dict(decision.body), notice)

    async def _label_finished(self, name: str) -> None:
        # From here on it costs nothing: it is not watched, listed or held. Its end is stored, so it may be forgotten.
        labels = {LABEL_FINISHED: "true"} | (
            {LABEL_INSTANCE: instance} if (instance := self._settings.instance) else {}
        )
        patch = {"metadata": {"labels": labels}}
        try:
            body = await self._kube.patch("plans", name, patch)
        except ApiError as error:
            if error.status != 404:
                raise
            body = self._store.plan(name) or {}
        if body:
            self._store.remove("plans", body)
            metrics.plan_ended(body.get("status") or {})
            self._plan_ended(body)


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do several things at once, all of them to their ends, and raise what went wrong first."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _count_ends(jobs: tuple[Job, ...]) -> None:
    for job in jobs:
        reason = "Success" if job.state == "succeeded" else str(diagnose_failed(job).reason)
        metrics.job_ended("ingest", reason)
        if (end := job.termination) is not None:
            metrics.show_set_aside("ingest", end.details)
