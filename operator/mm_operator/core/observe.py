"""What the cluster says about Jobs and their pods, reduced to the few facts that decisions need.

Times are of the operator's own clock: when this process first saw a thing to be so. A node's clock, the API server's
and the operator's may differ by minutes, so nothing that one of them wrote is compared with another's now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from mm_contracts.plan import ANNOTATION_SPEC, LABEL_ATTEMPT, LABEL_BATCH, LABEL_KIND, LABEL_PLAN
from mm_contracts.terminations import Termination, read_termination

from mm_operator.core.times import parse_time

CONTAINER: Final = "main"
"""The container of ours in each Job's pod; others are put beside it by whoever runs the cluster."""
LOST_AFTER: Final = timedelta(seconds=30)
"""A pod that is being deleted and still there so long after its grace period lies on a node that is gone."""
SIDECAR_AFTER: Final = timedelta(seconds=15)
"""Another container that goes on so long after ours has ended keeps the pod: its Job is deleted once recorded."""
_STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})


@dataclass(frozen=True)
class Pod:
    """One pod of a Job. ``waiting`` and ``exit`` are of the container ``main``."""

    name: str
    phase: str = "Pending"
    created_at: datetime | None = None
    reason: str = ""
    message: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""
    exit_code: int | None = None
    exit_reason: str = ""
    unschedulable: str = ""
    disruption: str = ""
    termination: Termination | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    """By the node's clock, as is ``termination.retry_at``: they are compared with each other only."""
    terminating: bool = False
    grace_seconds: float = 0.0
    others_running: tuple[str, ...] = ()
    """Names of other containers that still run."""
    since: datetime | None = field(default=None, compare=False)
    """Since when, by the operator's clock, ``situation`` is what it is."""

    @property
    def run_seconds(self) -> float | None:
        """How long its container ran, by its node's clock."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())

    @property
    def ended(self) -> bool:
        """Whether the pod's end has been observed."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def kept_by(self) -> str:
        """Who keeps a pod whose own container has ended: names of other containers, or an empty text."""
        return "" if self.ended or self.exit_code is None else ", ".join(self.others_running)

    @property
    def situation(self) -> tuple[bool, bool, bool]:
        """What may last too long: it is being deleted, it is kept by a sidecar, it cannot start."""
        return (self.terminating, bool(self.kept_by), self.waiting_reason not in _STARTING)


@dataclass(frozen=True)
class Job:
    """One Job of this product with its pods, newest first. ``log_tail`` is filled in only for failed ones."""

    name: str
    kind: str
    state: Literal["active", "succeeded", "failed"] = "active"
    plan: str = ""
    batch: int = -1
    attempt: int = 1
    created_at: datetime | None = None
    finished_at: datetime | None = None
    """By the API server's clock, as ``created_at`` is: they are compared with each other only."""
    deleting: bool = False
    suspended: bool = False
    failed_reason: str = ""
    failed_message: str = ""
    spec_json: str = ""
    owner_uid: str = ""
    image: str = ""
    pods: tuple[Pod, ...] = ()
    seen_at: datetime | None = field(default=None, compare=False)
    """Since when, by the operator's clock, it is known and may run."""
    ended_at: datetime | None = field(default=None, compare=False)
    """When it ended, by the operator's clock."""
    pods_asked: bool = False
    """Whether the API was asked for its pods after its end: what is not known now never will be."""
    log_tail: str | None = field(default=None, compare=False)
    """The last lines of its log; empty where there are none, None as long as nobody has asked."""
    lost: bool = False
    """Its pod cannot end, because its node is gone: it counts as failed."""
    kept_by: str = ""
    """The sidecars that keep its pod although its work has ended."""

    @property
    def termination(self) -> Termination | None:
        """What the Job's container said at its end, as far as a pod still tells."""
        return next((pod.termination for pod in self.pods if pod.termination), None)

    @property
    def told(self) -> bool:
        """Whether everything is known that its pods can tell of its end."""
        return self.lost or self.pods_asked or bool(self.kept_by) or any(pod.ended for pod in self.pods)


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") == kind and condition.get("status") == "True":
            found: Mapping[str, Any] = condition
            return found
    return None


def pod_view(body: Mapping[str, Any]) -> Pod:
    """Return the facts in a pod's API object."""
    metadata, status = body["metadata"], body.get("status") or {}
    containers: list[Mapping[str, Any]] = status.get("containerStatuses") or []
    # The API sorts them by name: ours is first only where it is alone.
    container: Mapping[str, Any] = next((c for c in containers if c.get("name") == CONTAINER), {})
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or {}
    conditions: list[Mapping[str, Any]] = status.get("conditions") or []
    scheduled: Mapping[str, Any] = next((c for c in conditions if c.get("type") == "PodScheduled"), {})
    disruption = _condition(status, "DisruptionTarget") or {}
    return Pod(
        name=metadata["name"],
        phase=status.get("phase") or "Pending",
        created_at=parse_time(metadata.get("creationTimestamp")),
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        waiting_reason=waiting.get("reason") or "",
        waiting_message=waiting.get("message") or "",
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason") or "",
        unschedulable=(scheduled.get("message") or "no node fits")
        if scheduled.get("reason") == "Unschedulable" and scheduled.get("status") == "False"
        else "",
        disruption=disruption.get("reason") or "",
        termination=read_termination(ended.get("message"), (metadata.get("labels") or {}).get(LABEL_KIND, "")),
        started_at=parse_time(ended.get("startedAt")),
        finished_at=parse_time(ended.get("finishedAt")),
        terminating=bool(metadata.get("deletionTimestamp")),
        grace_seconds=float(metadata.get("deletionGracePeriodSeconds") or 0),
        others_running=tuple(
            str(c.get("name"))
            for c in containers
            if c.get("name") != CONTAINER and "terminated" not in (c.get("state") or {})
        ),
    )


def _number(labels: Mapping[str, str], name: str, otherwise: int) -> int:
    text = labels.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else otherwise


def image_of(spec: Mapping[str, Any]) -> str:
    """Return the image of a Job's container, from the Job's spec; empty where it has none."""
    pod = (spec.get("template") or {}).get("spec") or {}
    return next((str(container.get("image") or "") for container in pod.get("containers") or ()), "")


def job_view(body: Mapping[str, Any], pods: Iterable[Pod] = ()) -> Job:
    """Return the facts in a Job's API object and its pods.

    A Job has ended with its pod: it has one, which nothing but a disruption replaces. The Job's own condition comes a
    second or two later. But where somebody deletes the pod, only that condition tells who and why: a deadline that is
    reached, a suspension, or a hand.
    """
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    labels = metadata.get("labels") or {}
    done, failed = _condition(status, "Complete"), _condition(status, "Failed")
    end = done or failed or {}
    failing = failed or _condition(status, "FailureTarget") or {}  # decided, though pods may not have ended yet
    newest = tuple(sorted(pods, key=lambda p: (p.created_at is not None, p.created_at, p.name), reverse=True))
    state: Literal["active", "succeeded", "failed"] = "succeeded" if done else "failed" if failed else "active"
    ended = bool(newest) and newest[0].ended and not newest[0].disruption
    if state == "active" and ended and (failing or not newest[0].terminating):
        state = "succeeded" if newest[0].phase == "Succeeded" else "failed"
    return Job(
        name=metadata["name"],
        kind=labels.get(LABEL_KIND, ""),
        state=state,
        plan=labels.get(LABEL_PLAN, ""),
        batch=_number(labels, LABEL_BATCH, -1),
        attempt=_number(labels, LABEL_ATTEMPT, 1),
        created_at=parse_time(metadata.get("creationTimestamp")),
        finished_at=parse_time(end.get("lastTransitionTime")),
        deleting=bool(metadata.get("deletionTimestamp")),
        suspended=bool(spec.get("suspend")),
        failed_reason=failing.get("reason") or "",
        failed_message=failing.get("message") or "",
        spec_json=(metadata.get("annotations") or {}).get(ANNOTATION_SPEC, ""),
        owner_uid=next((o.get("uid", "") for o in metadata.get("ownerReferences") or ()), ""),
        image=image_of(spec),
        pods=newest,
    )


def settle(job: Job, now: datetime) -> tuple[Job, datetime | None]:
    """Return a Job as decisions take it, and when that may change by time alone.

    A pod on a lost node never ends, and with it the Job: only the deletion that hangs tells. A sidecar keeps a pod
    after our container's end, and with it the Job. Both count as ended after a while; the Job is then to be deleted.
    """
    if job.state != "active" or not job.pods:
        return job, None
    pod = job.pods[0]
    if pod.since is None or pod.ended:
        return job, None
    if pod.kept_by and pod.exit_code is not None:
        until = pod.since + SIDECAR_AFTER
        if now >= until:
            state: Literal["succeeded", "failed"] = "failed" if pod.exit_code else "succeeded"
            return replace(job, state=state, kept_by=pod.kept_by, ended_at=until), None
        return job, until
    if pod.terminating:
        until = pod.since + timedelta(seconds=pod.grace_seconds) + LOST_AFTER
        if now >= until:
            return replace(job, state="failed", lost=True, ended_at=until), None
        return job, until
    return job, None
