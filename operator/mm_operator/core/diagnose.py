"""Why a Job failed or does not get on: a reason from the stable list, a sentence, and what to do."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mm_contracts.reasons import RETRYABLE, ExitCode, Reason
from mm_contracts.redaction import redact_forms
from mm_contracts.terminations import Termination

from mm_operator.core.observe import Job, Pod
from mm_operator.core.times import parse_time

MESSAGE_LIMIT: Final = 300
LOG_TAIL_LIMIT: Final = 2048
NO_POD_AFTER: Final = timedelta(seconds=30)
"""After so long a Job without a pod is worth a word."""

_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_EXIT_REASONS = {
    ExitCode.BAD_ARGUMENTS: Reason.BAD_ARGUMENTS,
    ExitCode.SOURCE_GONE: Reason.SOURCE_GONE,
    ExitCode.STORAGE_ERROR: Reason.STORAGE_ERROR,
    ExitCode.TEMPORARY: Reason.SOURCE_ERROR,
}
ADVICE: Final[dict[Reason, str]] = {
    Reason.BAD_ARGUMENTS: "Correct the plan's rovers, sols or source and apply it under a new name.",
    Reason.SOURCE_GONE: "Check the source's URL, or choose another source: this one no longer serves these sols.",
    Reason.SOURCE_ERROR: "It is retried. If it stays, look at the source's state and at the last log lines.",
    Reason.RATE_LIMITED: "Nothing to do: it goes on when the source allows it. Fewer requests: requestsPerHour.",
    Reason.BAD_RESPONSE: "It is retried. If it stays, the source answers something other than documented.",
    Reason.UNAUTHORIZED: "Check the API key in the source's Secret.",
    Reason.STORAGE_ERROR: "Check the object storage's endpoint, bucket, credentials and free space.",
    Reason.WAREHOUSE_ERROR: "Check the warehouse's connection settings, role and state.",
    Reason.TRANSFORM_ERROR: "Look at the named model and the last log lines.",
    Reason.TEST_FAILED: "Query the named test's failing rows; good data went on.",
    Reason.IMAGE_PULL: "Check the image's name and tag, imagePullSecrets, and that the node can reach the registry.",
    Reason.OOM_KILLED: "Raise the memory limit of this kind of Job, or lower batch.maxSols and batch.maxPhotos.",
    Reason.UNSCHEDULABLE: "Free resources, add a node, or change the Job's requests, node selector or tolerations.",
    Reason.CONFIG_ERROR: "Create the Secret or ConfigMap that the message names, or correct its key.",
    Reason.DEADLINE: "Raise activeDeadline, or make batches smaller.",
    Reason.EVICTED: "The node ran short of memory or disk: give the Job requests that match what it uses.",
    Reason.NODE_LOST: "Nothing to do: it is tried again on another node.",
    Reason.QUOTA: "Raise the namespace's ResourceQuota, or lower parallelism.",
    Reason.REFUSED: "Look at the rule that the message names: it forbids a Job of this form in this namespace.",
    Reason.SIDECAR: "Have the proxy end with the Job, or leave it out (pod.annotations): until then each takes longer.",
    Reason.CRASHED: "Look at the last log lines.",
    Reason.SOL_NOT_PROMISED: "Nothing to do: the rover's manifest has no such sol.",
    Reason.PHOTO_COUNT_MISMATCH: "Nothing to do: it is recorded, and looked at again with back-off.",
    Reason.CAMERA_MISMATCH: "Nothing to do: it is recorded, and looked at again with back-off.",
    Reason.GATE_UNREACHABLE: "Check that the operator runs and that Jobs may reach its service.",
    Reason.KAFKA_ERROR: "Check that Kafka answers and that its topics exist.",
    Reason.UNKNOWN: "Look at the last log lines and at kubectl describe of the Job.",
}


@dataclass(frozen=True)
class Diagnosis:
    """Why, in a machine's word, a sentence and an advice. ``retryable`` says whether another try can help."""

    reason: Reason
    message: str
    retryable: bool = True
    counts: bool = True
    wait_seconds: float = 0.0
    """How long the source itself asked to wait, from its answer on."""
    stuck: bool = False

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE.get(self.reason, ADVICE[Reason.UNKNOWN])

    @property
    def told(self) -> str:
        """Why and what to do, as sentences: a message may end as another program's words do, without a full stop."""
        end = "" if self.message.endswith((".", "!", "?", "…")) else "."
        return f"{self.message}{end} {self.advice}"


def tail(text: str, limit: int = LOG_TAIL_LIMIT) -> str:
    """Return the last ``limit`` bytes of a log as whole lines where possible, redacted."""
    clean = redact_forms(text).strip().encode()
    if len(clean) <= limit:
        return clean.decode()
    cut = clean[-limit:].decode(errors="ignore")
    return cut.partition("\n")[2] or cut


def _short(text: str) -> str:
    flat = " ".join(redact_forms(text).split())
    return flat if len(flat) <= MESSAGE_LIMIT else flat[: MESSAGE_LIMIT - 1] + "…"


def _from_termination(termination: Termination, exit_code: int | None, ended_at: datetime | None) -> Diagnosis:
    code = ExitCode(exit_code) if exit_code in set(ExitCode) else ExitCode.OTHER
    fallback = _EXIT_REASONS.get(code, Reason.CRASHED)
    known = {str(reason) for reason in Reason}
    reason = Reason(termination.reason) if termination.reason in known else fallback
    return Diagnosis(
        reason,
        _short(termination.message or f"the Job ended with exit code {exit_code}"),
        retryable=RETRYABLE[code],
        counts=reason is not Reason.RATE_LIMITED,
        wait_seconds=_wait_seconds(termination, ended_at),
    )


def _wait_seconds(termination: Termination, ended_at: datetime | None) -> float:
    """Return how long to wait, from two times of the node's clock: the one to try again at, and the pod's end."""
    retry_at = parse_time(termination.retry_at)
    if retry_at is None or ended_at is None:
        return 0.0
    return max(0.0, (retry_at - ended_at).total_seconds())


def _from_pod(pod: Pod) -> Diagnosis | None:
    if pod.exit_reason == "OOMKilled":
        return Diagnosis(Reason.OOM_KILLED, "The container used more memory than its limit and was killed.")
    if pod.termination is not None and pod.termination.status == "failed":
        return _from_termination(pod.termination, pod.exit_code, pod.finished_at)
    if pod.reason == "Evicted" or pod.disruption == "TerminationByKubelet":
        return Diagnosis(Reason.EVICTED, _short(pod.message or "The node evicted the pod."))
    if pod.reason == "NodeLost" or pod.disruption in ("DeletionByPodGC", "DeletionByTaintManager"):
        return Diagnosis(Reason.NODE_LOST, _short(pod.message or "The pod's node was lost."))
    if pod.exit_code is not None and pod.exit_code != 0:
        code = ExitCode(pod.exit_code) if pod.exit_code in set(ExitCode) else ExitCode.OTHER
        signal = f" (signal {pod.exit_code - 128})" if 128 < pod.exit_code < 160 else ""
        return Diagnosis(
            _EXIT_REASONS.get(code, Reason.CRASHED),
            f"The container ended with exit code {pod.exit_code}{signal} and left no message.",
            retryable=RETRYABLE[code],
        )
    return None


def _is_killed(pod: Pod) -> bool:
    """Return whether a pod's container was ended from outside, and neither it nor its node says more."""
    own_word = pod.termination is not None and pod.termination.status == "failed"
    return not (own_word or pod.exit_reason == "OOMKilled" or pod.disruption or pod.reason in ("Evicted", "NodeLost"))


def _waiting(pod: Pod) -> Diagnosis | None:
    if pod.waiting_reason in _IMAGE:
        return Diagnosis(Reason.IMAGE_PULL, _short(f"{pod.waiting_reason}: {pod.waiting_message}"), stuck=True)
    if pod.waiting_reason in _CONFIG:
        return Diagnosis(Reason.CONFIG_ERROR, _short(f"{pod.waiting_reason}: {pod.waiting_message}"), stuck=True)
    if pod.unschedulable:
        return Diagnosis(Reason.UNSCHEDULABLE, _short(pod.unschedulable))
    return None


def diagnose_failed(job: Job, before: Reason | None = None) -> Diagnosis:
    """Return why a failed Job failed.

    Args:
        job: a Job whose state is ``failed``.
        before: what kept it from getting on while it ran, if anything: a deadline takes its pods, and with them the
            better reason.
    """
    if job.lost:
        return Diagnosis(Reason.NODE_LOST, "The pod's node does not answer: the pod cannot end.", counts=False)
    late = job.failed_reason == "DeadlineExceeded"
    for pod in job.pods:
        # What ends a pod at the deadline is a signal, which would tell a crash: only a word of the pod's own counts.
        if (found := _from_pod(pod)) and not (late and _is_killed(pod)):
            return found
    for pod in job.pods:
        if found := _waiting(pod):
            return found
    if late:
        if before in (Reason.IMAGE_PULL, Reason.CONFIG_ERROR, Reason.UNSCHEDULABLE, Reason.QUOTA):
            return Diagnosis(before, f"It could not start within its deadline: {_short(job.failed_message)}")
        return Diagnosis(Reason.DEADLINE, "The Job ran longer than its deadline and was ended.")
    if match := re.search(r"exit code (\d+)", job.failed_message):
        # The pod is gone, but the podFailurePolicy's condition still tells the exit code.
        code = int(match[1])
        if code in (ExitCode.BAD_ARGUMENTS, ExitCode.SOURCE_GONE):
            return Diagnosis(_EXIT_REASONS[ExitCode(code)], _short(job.failed_message), retryable=False)
    return Diagnosis(Reason.CRASHED if job.pods else Reason.UNKNOWN, _short(job.failed_message or "The Job failed."))


def diagnose_active(job: Job, now: datetime) -> Diagnosis | None:
    """Return what keeps a running Job from getting on, or None where nothing does."""
    if job.suspended:
        return None
    for pod in job.pods[:1]:
        if pod.kept_by:
            return Diagnosis(
                Reason.SIDECAR, f"The work has ended, but the container {pod.kept_by} goes on and keeps the pod."
            )
        return None if pod.phase == "Running" else _waiting(pod)
    if job.seen_at and now >= job.seen_at + NO_POD_AFTER:
        return Diagnosis(
            Reason.QUOTA,
            f"The Job has no pod yet: a quota or an admission rule refuses it. See: kubectl describe job {job.name}",
        )
    return None


def stuck_since(job: Job) -> datetime | None:
    """Return since when a Job's newest pod cannot start: what is stuck for long enough is given up."""
    return job.pods[0].since if job.pods and job.pods[0].situation[2] else None


def next_diagnosis(job: Job, stuck_after: float, now: datetime) -> datetime | None:
    """Return when time alone changes what ``diagnose_active`` says of a Job, or makes it one to be given up."""
    if job.suspended or job.state != "active":
        return None
    since = stuck_since(job)
    times = [
        job.seen_at + NO_POD_AFTER if job.seen_at and not job.pods else None,
        since + timedelta(seconds=stuck_after) if since else None,
    ]
    return min((t for t in times if t is not None and t > now), default=None)
