"""A cluster as the engine sees it: plans and Jobs as plain data, and what carrying out its decisions makes of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from factories import NOW, seconds, settings
from mm_contracts.plan import PlanSpec, plan_manifest
from mm_contracts.sources import Sources
from mm_contracts.terminations import Termination
from mm_operator.core.engine import Engine
from mm_operator.core.entry import Decision
from mm_operator.core.jobs import ingest_job_name
from mm_operator.core.observe import Job, Pod
from mm_operator.core.plan_view import read_status, status_patch
from mm_operator.core.progress import CreateJob, DeleteJob, SuspendJob
from mm_operator.core.times import format_time

SOURCES = Sources.model_validate({"default": "s", "sources": {"s": {"baseUrl": "http://source/v1"}}})


def plan_body(name: str, **spec: Any) -> dict[str, Any]:
    """Return a plan of 30 sols in batches of five, unless said otherwise."""
    spec = {"rovers": [{"name": "Spirit", "sols": ["1-30"]}], "batch": {"maxSols": 5}} | spec
    return plan_manifest(name, "mars", PlanSpec.model_validate(spec))


def ended(code: int = 0, **said: Any) -> tuple[Pod, ...]:
    """Return the pod of a Job whose container ended with a code."""
    end = Termination.model_validate({"status": "failed" if code else "success", **said})
    phase = "Failed" if code else "Succeeded"
    return (Pod("pod", phase=phase, exit_code=code, termination=end, finished_at=NOW, since=NOW),)


@dataclass
class ClusterView:
    """The plans and Jobs that exist; ``step`` lets the engine decide and carries it out."""

    options: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))
    decisions: list[Decision] = field(default_factory=list)
    specs: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    """What each Job that ever was fetches: rover and sols."""

    def __post_init__(self) -> None:
        self.settings = settings(**self.options)
        self.restart()

    def restart(self) -> None:
        """Begin with an engine that knows nothing, as after a restart of the process."""
        self.engine = Engine(self.settings, SOURCES)
        for job in self.jobs.values():
            self.engine.put_job(job)
        for body in self.plans.values():
            self.engine.put_plan(copy.deepcopy(body))

    def _stamp(self, body: dict[str, Any]) -> None:
        body["metadata"]["resourceVersion"] = str(next(self.versions))

    def add(self, name: str, **spec: Any) -> None:
        """Create a plan."""
        body = plan_body(name, **spec)
        body["metadata"] |= {"uid": f"uid-{name}-{next(self.versions)}", "generation": 1}
        body["metadata"]["creationTimestamp"] = format_time(self.now)
        body["status"] = {}
        self._stamp(body)
        self.plans[name] = body
        self.engine.put_plan(copy.deepcopy(body))

    def change(self, name: str, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        """Change a plan's spec or annotations."""
        self.plans[name]["spec"] |= spec
        self.plans[name]["metadata"].setdefault("annotations", {}).update(annotations or {})
        self._stamp(self.plans[name])
        self.engine.put_plan(copy.deepcopy(self.plans[name]))

    def delete(self, name: str) -> None:
        """Delete a plan; the garbage collector takes its Jobs."""
        uid = self.plans.pop(name)["metadata"]["uid"]
        self.engine.drop_plan(name)
        for job in [job for job in self.jobs.values() if job.owner_uid == uid]:
            self.drop(job.name)

    def reopen(self, name: str, token: str) -> None:
        """Take the label off a finished plan, with a token to try again."""
        body = self.finished.pop(name)
        body["metadata"].setdefault("annotations", {})["martian-moments.io/retry-now"] = token
        self._stamp(body)
        self.plans[name] = body
        self.engine.put_plan(copy.deepcopy(body))

    def status(self, name: str) -> Any:
        """Return a plan's stored status, whether it has finished or not."""
        return read_status(self.plans.get(name) or self.finished[name])

    def message(self, name: str) -> str:
        """Return what a plan's status says about how it gets on."""
        return next(c.message for c in self.status(name).conditions if c.type == "Progressing")

    def put(self, job: Job) -> None:
        """Change a Job, and tell the engine."""
        self.jobs[job.name] = job
        self.engine.put_job(job)

    def drop(self, name: str) -> None:
        """Let a Job be gone."""
        job = self.jobs.pop(name)
        self.engine.drop_job(job.plan, name)

    def end(self, name: str, code: int = 0, **said: Any) -> None:
        """Let a Job's pod end."""
        state = "failed" if code else "succeeded"
        job = replace(self.jobs[name], state=state, pods=ended(code, **said), ended_at=self.now, log_tail="")
        self.put(job)

    def live(self) -> list[Job]:
        """Return the Jobs that run or will."""
        return [job for job in self.jobs.values() if job.state == "active"]

    def running(self) -> list[Job]:
        """Return the Jobs that run."""
        return [job for job in self.live() if not job.suspended]

    def step(self, rounds: int = 4) -> int:
        """Let the engine decide until it has nothing more to; return the number of decisions."""
        count = 0
        for _ in range(rounds):
            result = self.engine.run(self.now)
            assert not result.errors, result.errors
            if not result.decisions:
                break
            for decision in result.decisions:
                count += 1
                self.carry_out(decision)
        return count

    def carry_out(self, decision: Decision) -> None:
        """Store the status and act, as the shell does."""
        self.decisions.append(decision)
        name = decision.name
        stored = self.plans.get(name)
        if stored is None or stored["metadata"]["resourceVersion"] != decision.body["metadata"]["resourceVersion"]:
            self.engine.failed(name, self.now, 0.2)
            return
        patch = status_patch(stored["status"], decision.outcome.status)
        stored["status"] = {k: v for k, v in (stored["status"] | patch).items() if v is not None}
        if patch:
            self._stamp(stored)
            self.engine.put_plan(copy.deepcopy(stored))
        self.act(decision)
        for job in decision.pods_of:
            self.put(replace(self.jobs[job], pods_asked=True))
        for job, _ in decision.logs_of:
            self.put(replace(self.jobs[job], log_tail="last words"))
        for other in decision.ends_of:
            self.engine.tell_end(other, copy.deepcopy(self.finished.get(other)))
        self.engine.applied(name)
        if decision.ended and not decision.logs_of:
            self.finished[name] = self.plans.pop(name)
            self.engine.drop_plan(name)

    def act(self, decision: Decision) -> None:
        """Create, delete and suspend Jobs."""
        for action in decision.outcome.actions:
            if isinstance(action, CreateJob):
                job = ingest_job_name(decision.name, action.batch.index, action.attempt)
                if job not in self.jobs:
                    self.specs[job] = (action.batch.rover, action.batch.sols)
                    uid = decision.body["metadata"]["uid"]
                    self.put(
                        Job(
                            name=job, kind="ingest", plan=decision.name, batch=action.batch.index,
                            attempt=action.attempt, owner_uid=uid, created_at=self.now, seen_at=self.now,
                        )
                    )  # fmt: skip
            elif isinstance(action, DeleteJob) and action.name in self.jobs:
                self.drop(action.name)
            elif isinstance(action, SuspendJob) and action.name in self.jobs:
                self.put(replace(self.jobs[action.name], suspended=action.suspend))

    def tick(self, number: float) -> None:
        """Let time go by."""
        self.now += seconds(number)
