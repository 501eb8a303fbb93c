"""What the cluster says about Jobs and their pods, reduced to the few facts that decisions need."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mm_contracts.batch import Termination
from mm_contracts.plan import ANNOTATION_SPEC, LABEL_ATTEMPT, LABEL_BATCH, LABEL_KIND, LABEL_PLAN
from pydantic import ValidationError

from mm_operator.core.times import parse_time


@dataclass(frozen=True)
class Pod:
    """One pod of a Job. ``waiting`` and ``exit`` are of its one container."""

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
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the pod's end has been observed."""
        return self.phase in ("Succeeded", "Failed")


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
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deleting: bool = False
    suspended: bool = False
    failed_reason: str = ""
    failed_message: str = ""
    spec_json: str = ""
    owner_uid: str = ""
    image: str = ""
    pods: tuple[Pod, ...] = ()
    log_tail: str | None = field(default=None, compare=False)

    @property
    def termination(self) -> Termination | None:
        """What the Job's container said at its end, as far as a pod still tells."""
        return next((pod.termination for pod in self.pods if pod.termination), None)


def parse_termination(text: str | None) -> Termination | None:
    """Return the termination message, or None where there is none of our form (a crash writes none)."""
    if not text:
        return None
    try:
        return Termination.model_validate_json(text)
    except (ValidationError, ValueError):
        return None


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") == kind and condition.get("status") == "True":
            found: Mapping[str, Any] = condition
            return found
    return None


def pod_view(body: Mapping[str, Any]) -> Pod:
    """Return the facts in a pod's API object."""
    metadata, status = body["metadata"], body.get("status") or {}
    container: Mapping[str, Any] = next(iter(status.get("containerStatuses") or ()), {})
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
        termination=parse_termination(ended.get("message")),
        finished_at=parse_time(ended.get("finishedAt")),
    )


def _number(labels: Mapping[str, str], name: str, otherwise: int) -> int:
    text = labels.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else otherwise


def image_of(spec: Mapping[str, Any]) -> str:
    """Return the image of a Job's container, from the Job's spec; empty where it has none."""
    pod = (spec.get("template") or {}).get("spec") or {}
    return next((str(container.get("image") or "") for container in pod.get("containers") or ()), "")


def job_view(body: Mapping[str, Any], pods: Iterable[Pod] = (), log_tail: str | None = None) -> Job:
    """Return the facts in a Job's API object and its pods."""
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    labels = metadata.get("labels") or {}
    done, failed = _condition(status, "Complete"), _condition(status, "Failed")
    end = done or failed or {}
    return Job(
        name=metadata["name"],
        kind=labels.get(LABEL_KIND, ""),
        state="succeeded" if done else "failed" if failed else "active",
        plan=labels.get(LABEL_PLAN, ""),
        batch=_number(labels, LABEL_BATCH, -1),
        attempt=_number(labels, LABEL_ATTEMPT, 1),
        created_at=parse_time(metadata.get("creationTimestamp")),
        started_at=parse_time(status.get("startTime")),
        finished_at=parse_time(end.get("lastTransitionTime")),
        deleting=bool(metadata.get("deletionTimestamp")),
        suspended=bool(spec.get("suspend")),
        failed_reason=(failed or {}).get("reason") or "",
        failed_message=(failed or {}).get("message") or "",
        spec_json=(metadata.get("annotations") or {}).get(ANNOTATION_SPEC, ""),
        owner_uid=next((o.get("uid", "") for o in metadata.get("ownerReferences") or ()), ""),
        image=image_of(spec),
        pods=tuple(sorted(pods, key=lambda p: (p.created_at is not None, p.created_at, p.name), reverse=True)),
        log_tail=log_tail,
    )
