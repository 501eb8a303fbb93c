"""What Kubernetes knows of the release: plans, Jobs and pods, looked at every few seconds while somebody watches."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from mm_contracts.plan import LABEL_ATTEMPT, LABEL_BATCH, LABEL_FINISHED, LABEL_KIND, LABEL_PLAN, BatchRecord

from mm_dashboard.kube import Body, Kube, KubeError

INSTANCE: Final = "app.kubernetes.io/instance"
COMPONENT: Final = "app.kubernetes.io/component"
FINISHED_SHOWN: Final = 200
"""Plans that have ended: as many as one list answers quickly, of the many that there may be."""
RECORD: Final = tuple(field.alias or name for name, field in BatchRecord.model_fields.items())
"""Names of what a batch's record may say."""
OLD_SECONDS: Final = 15.0
"""What is older than this is said to be."""
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Plan:
    """An IngestionPlan as pages show it. Times are aware, in UTC."""

    name: str
    dataset: str
    phase: str
    reason: str
    rovers: tuple[tuple[str, str], ...]
    """(name, sols as text) of each."""
    total: int
    done: int
    active: int
    waiting: int
    failed: int
    sols: int
    photos: int
    bytes: int
    requests: int
    priority: int
    suspend: bool
    source: str
    message: str
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    is_finished: bool
    trace_id: str
    uid: str
    raw: Body = field(repr=False, compare=False)

    @property
    def is_live(self) -> bool:
        """Whether it still may change."""
        return not self.is_finished and self.phase not in ("Complete", "Failed", "Invalid")

    @property
    def records(self) -> list[Body]:
        """The batches that still matter, as the status holds them; what a record does not say is None."""
        return [dict.fromkeys(RECORD) | record for record in (self.raw.get("status") or {}).get("records") or []]


@dataclass(frozen=True, slots=True)
class Job:
    """One Job of the release. ``kind`` is ingest, load, sweep or transform; ``state`` active, succeeded or failed."""

    name: str
    kind: str
    state: str
    plan: str
    batch: str
    attempt: str
    created_at: datetime | None
    finished_at: datetime | None
    message: str
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One standing part of the release: operator, Kafka, object store, warehouse, ..."""

    name: str
    ready: bool
    sentence: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class State:
    """Everything at one time; ``problem`` is a sentence where Kubernetes did not answer, and the rest may be old."""

    plans: tuple[Plan, ...] = ()
    jobs: tuple[Job, ...] = ()
    parts: tuple[Part, ...] = ()
    at: float = 0.0
    problem: str = ""

    def plan(self, name: str) -> Plan | None:
        """Return a plan by name."""
        return next((plan for plan in self.plans if plan.name == name), None)


def parse_time(text: object) -> datetime | None:
    """Return an aware time from Kubernetes' text, None where there is none."""
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment and moment.tzinfo else moment and moment.replace(tzinfo=UTC)


def read_plan(body: Body) -> Plan:
    """Return a plan from its API object, whatever it lacks."""
    metadata, spec, status = body.get("metadata") or {}, body.get("spec") or {}, body.get("status") or {}
    counts = status.get("batches") or {}
    conditions = [c for c in status.get("conditions") or [] if c.get("message")]
    said = next((c["message"] for c in conditions if c.get("type") in ("Failed", "RateLimited", "Progressing")), "")
    return Plan(
        name=str(metadata.get("name", "")),
        dataset=str(spec.get("dataset", "photos")),
        phase=str(status.get("phase") or "Pending"),
        reason=str(status.get("reason") or ""),
        rovers=tuple((str(r.get("name", "")), ", ".join(r.get("sols") or [])) for r in spec.get("rovers") or []),
        total=int(counts.get("total") or 0),
        done=int(counts.get("succeeded") or 0),
        active=int(counts.get("active") or 0),
        waiting=int(counts.get("waiting") or 0),
        failed=int(counts.get("failed") or 0),
        sols=int(status.get("sols") or 0),
        photos=int(status.get("photos") or 0),
        bytes=int(status.get("bytes") or 0),
        requests=int(status.get("requests") or 0),
        priority=int(spec.get("priority") or 0),
        suspend=bool(spec.get("suspend")),
        source=str(spec.get("source") or ""),
        message=str(said or next((c["message"] for c in conditions), "")),
        created_at=parse_time(metadata.get("creationTimestamp")),
        started_at=parse_time(status.get("startedAt")),
        finished_at=parse_time(status.get("finishedAt")),
        is_finished=LABEL_FINISHED in (metadata.get("labels") or {}),
        trace_id=str(status.get("traceId") or ""),
        uid=str(metadata.get("uid", "")),
        raw=body,
    )


def read_job(body: Body) -> Job:
    """Return a Job from its API object."""
    metadata, status, spec = body.get("metadata") or {}, body.get("status") or {}, body.get("spec") or {}
    labels = metadata.get("labels") or {}
    ends = {c["type"]: c for c in status.get("conditions") or [] if c.get("status") == "True"}
    failed, complete = ends.get("Failed"), ends.get("Complete")
    end = failed or complete or {}
    return Job(
        name=str(metadata.get("name", "")),
        kind=str(labels.get(LABEL_KIND, "")),
        state="failed" if failed else "succeeded" if complete else "active",
        plan=str(labels.get(LABEL_PLAN, "")),
        batch=str(labels.get(LABEL_BATCH, "")),
        attempt=str(labels.get(LABEL_ATTEMPT, "")),
        created_at=parse_time(metadata.get("creationTimestamp")),
        finished_at=parse_time(status.get("completionTime") or end.get("lastTransitionTime")),
        message=str((failed or {}).get("message") or ""),
        suspended=bool(spec.get("suspend")),
    )


def read_parts(pods: list[Body]) -> tuple[Part, ...]:
    """Return the release's standing parts from its pods, the Jobs' own left out."""
    parts: dict[str, Part] = {}
    for pod in pods:
        metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
        name = str((metadata.get("labels") or {}).get(COMPONENT, ""))
        if not name or name.startswith("job-") or name in ("setup", "schedule"):
            continue
        ready: Body = next((c for c in status.get("conditions") or [] if c.get("type") == "Ready"), {})
        is_ready = ready.get("status") == "True" and not metadata.get("deletionTimestamp")
        since = parse_time(ready.get("lastTransitionTime"))
        if name not in parts or is_ready:
            parts[name] = Part(name, is_ready, "" if is_ready else _why(status), since)
    return tuple(parts[name] for name in sorted(parts))


def _why(status: Body) -> str:
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            return str(waiting.get("message") or waiting.get("reason") or "it waits")[:300]
    unschedulable = next((c for c in status.get("conditions") or [] if c.get("reason") == "Unschedulable"), None)
    return str(unschedulable.get("message"))[:300] if unschedulable else f"its pod is {status.get('phase', 'unknown')}"


class Cluster:
    """Looks at the cluster no more often than every few seconds, however many ask."""

    def __init__(self, kube: Kube, release: str, seconds: float = 2.0) -> None:
        self._kube, self._release, self._seconds = kube, release, seconds
        self._state = State()
        self._task: asyncio.Task[None] | None = None
        self._forgotten = 0
        self._finished: tuple[float, tuple[Plan, ...]] = (0.0, ())
        self._last_run: tuple[str, str] = ("", "")

    @property
    def state(self) -> State:
        """What was seen last."""
        return self._state

    def version(self) -> str:
        """Return the name of the archive's state: the last dbt run that ended, or the minute where none is known."""
        if self._last_run[1] and not self._state.problem:
            return self._last_run[1]
        return f"{self._last_run[1]}~{int(time.time() // (300 if not self._state.problem else 60))}"

    def forget(self) -> None:
        """Look anew when asked next: something was changed. What is being read meanwhile may not show it."""
        self._forgotten += 1
        self._state = State(self._state.plans, self._state.jobs, self._state.parts, 0.0, self._state.problem)
        self._finished = (0.0, self._finished[1])

    async def look(self, patience: float = 3.0) -> State:
        """Return the state, not older than a few seconds where Kubernetes answers within ``patience`` seconds."""
        until = time.monotonic() + patience
        while True:
            if time.time() - self._state.at >= self._seconds and self._task is None:
                self._task = asyncio.create_task(self._read())
            left = until - time.monotonic()
            if self._task is None or left <= 0 or time.time() - self._state.at < 3 * self._seconds:
                break
            await asyncio.wait([self._task], timeout=left)
            if self._state.at:
                break  # else it began before something was changed
        if self._state.problem or time.time() - self._state.at < OLD_SECONDS:
            return self._state
        # What was seen long ago, as after a night without visitors, is not shown as if it were so now.
        return replace(self._state, problem="The Kubernetes API is slow to answer.")

    async def _read(self) -> None:
        forgotten = self._forgotten
        try:
            plans, jobs, pods = await asyncio.gather(
                self._kube.list("plans", f"!{LABEL_FINISHED}"),
                self._kube.list("jobs", LABEL_KIND),
                self._kube.list("pods", f"app.kubernetes.io/part-of=martian-moments,!{LABEL_KIND}"),
            )
            if time.time() - self._finished[0] >= 5 * self._seconds:
                ended = await self._kube.list("plans", LABEL_FINISHED, limit=FINISHED_SHOWN)
                self._finished = (time.time(), tuple(map(read_plan, filter(self._ours, ended))))
            live = [read_plan(body) for body in plans if self._ours(body)]
            names = {plan.name for plan in live}
            everything = [*live, *(plan for plan in self._finished[1] if plan.name not in names)]
            self._state = State(
                plans=_newest(everything, lambda plan: plan.created_at),
                jobs=_newest([read_job(body) for body in jobs if self._ours(body)], lambda job: job.created_at),
                parts=read_parts([pod for pod in pods if self._ours(pod)]),
                at=time.time() if forgotten == self._forgotten else 0.0,
            )
            self._remember_runs()
        except KubeError as error:
            old = self._state
            self._state = State(old.plans, old.jobs, old.parts, time.time(), str(error))
        finally:
            self._task = None

    def _ours(self, body: Body) -> bool:
        """Whether an object is this release's: what bears no instance was made by hand, and is everybody's."""
        labels = (body.get("metadata") or {}).get("labels") or {}
        return str(labels.get(INSTANCE, self._release)) == self._release

    def _remember_runs(self) -> None:
        for job in self._state.jobs:
            # A run whose tests failed has built all the same.
            if job.kind == "transform" and job.state != "active" and job.finished_at:
                self._last_run = max(self._last_run, (job.finished_at.isoformat(), job.name))


def _newest(items: list[Value], when: Callable[[Value], datetime | None]) -> tuple[Value, ...]:
    return tuple(sorted(items, key=lambda item: when(item) or datetime.min.replace(tzinfo=UTC), reverse=True))


def plan_name_of(text: str) -> str:
    """Return a name for a new plan made of some text, as Kubernetes allows them: at most 50 characters."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return "-".join(part for part in kept.split("-") if part)[:50].rstrip("-") or "plan"
