"""Job objects as plain data: a function of their cause and of the settings."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mm_contracts.batch import BATCH_ENV, LOAD_ENV, TRANSFORM_ENV, BatchSpec, LoadSpec, ObjectRef, TransformSpec, Wire
from mm_contracts.history import HISTORY_ENV
from mm_contracts.plan import (
    ANNOTATION_SPEC,
    ANNOTATION_TRACE,
    GROUP,
    KIND,
    LABEL_ATTEMPT,
    LABEL_BATCH,
    LABEL_INSTANCE,
    LABEL_KIND,
    LABEL_MANAGED_BY,
    LABEL_PLAN,
    LABEL_ROVER,
    MANAGED_BY,
    VERSION,
    PlanSpec,
    parse_duration,
)
from mm_contracts.reasons import ExitCode

from mm_operator.core.observe import CONTAINER
from mm_operator.core.settings import JobKind, OperatorSettings, PodOptions

QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
LOST_NODE_SECONDS: Final = 30
TTL_SECONDS: Final = 86_400
"""The operator deletes Jobs itself once their results are recorded; this is for Jobs that nobody looks after."""
_ENV: Final[dict[str, str]] = {
    "ingest": BATCH_ENV,
    "load": LOAD_ENV,
    "sweep": LOAD_ENV,
    "transform": TRANSFORM_ENV,
}


def owner_reference(api_version: str, kind: str, name: str, uid: str) -> dict[str, Any]:
    """Return a reference that lets the garbage collector delete with the owner. It never blocks a deletion."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }


def ingest_job_name(plan: str, batch: int, attempt: int) -> str:
    """Return the name of one attempt of one batch."""
    return f"{plan}-{batch}-{attempt}"


def digest(*parts: str, length: int = 16) -> str:
    """Return a short hexadecimal hash of some texts."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:length]


def load_id(objects: Sequence[ObjectRef]) -> str:
    """Return a load's id: a function of its set of (key, ETag)."""
    return digest(*sorted(f"{o.key}\x1e{o.etag}" for o in objects))


def _pod_failure_policy() -> dict[str, Any]:
    hopeless = [int(ExitCode.BAD_ARGUMENTS), int(ExitCode.SOURCE_GONE)]
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": hopeless},
            },
        ]
    }


def _pod_options(settings: OperatorSettings, kind: JobKind) -> PodOptions:
    return settings.jobs.of(kind).pod or settings.pod


def _tolerations(wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what is wanted, and that a pod leaves a lost node after half a minute instead of the usual five."""
    keys = {toleration.get("key") for toleration in wanted}
    soon = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE_SECONDS}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if key not in keys and None not in keys
    ]
    return [*(dict(toleration) for toleration in wanted), *soon]


def _spread(settings: OperatorSettings, kind: JobKind) -> dict[str, Any]:
    """Return the wish that Jobs of a kind lie on different nodes: else all go to the emptiest, and are lost with it."""
    labels = {"app.kubernetes.io/component": f"job-{kind}"}
    if settings.instance:
        labels[LABEL_INSTANCE] = settings.instance
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }


def _pod_spec(settings: OperatorSettings, kind: JobKind, spec: Wire, trace: str) -> dict[str, Any]:
    template, pod = settings.jobs.of(kind), _pod_options(settings, kind)
    user = pod.run_as_user
    ids = {} if user is None else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}
    body: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": settings.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            **ids,
            "seccompProfile": {"type": "RuntimeDefault"},
            **pod.security_context,
        },
        "containers": [
            {
                "name": CONTAINER,
                "image": settings.image,
                "imagePullPolicy": settings.image_pull_policy,
                "command": list(template.command),
                "env": [
                    *template.env,
                    *pod.extra_env,
                    {"name": _ENV[kind], "value": spec.model_dump_json()},
                    {"name": "TRACEPARENT", "value": trace},
                ],
                "envFrom": [*template.env_from, *pod.extra_env_from],
                "resources": dict(template.resources),
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                    **pod.container_security_context,
                },
                # The message is JSON that the operator parses; log lines are read apart from it.
                "terminationMessagePolicy": "File",
                "volumeMounts": [
                    {"name": "tmp", "mountPath": "/tmp"},
                    *template.volume_mounts,
                    *pod.extra_volume_mounts,
                ],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *template.volumes, *pod.extra_volumes],
    }
    optional = {
        "imagePullSecrets": settings.image_pull_secrets,
        "nodeSelector": pod.node_selector,
        "tolerations": _tolerations(pod.tolerations),
        "affinity": pod.affinity,
        "topologySpreadConstraints": pod.topology_spread_constraints or [_spread(settings, kind)],
        "priorityClassName": pod.priority_class_name,
    }
    return body | {name: value for name, value in optional.items() if value}


def _job(
    settings: OperatorSettings,
    kind: JobKind,
    name: str,
    spec: Wire,
    trace_id: str,
    labels: Mapping[str, str],
    owners: Sequence[Mapping[str, Any]],
    deadline: int,
) -> dict[str, Any]:
    # A container's environment holds 128 KiB a value; objects are folded well below that.
    all_labels = {
        "app.kubernetes.io/name": settings.pod.labels.get("app.kubernetes.io/name", "martian-moments"),
        "app.kubernetes.io/component": f"job-{kind}",
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_KIND: kind,
        **({LABEL_INSTANCE: settings.instance} if settings.instance else {}),
        **labels,
    }
    annotations = {ANNOTATION_TRACE: trace_id}
    pod = _pod_options(settings, kind)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": settings.namespace,
            "labels": all_labels,
            "annotations": {**annotations, ANNOTATION_SPEC: spec.model_dump_json()},
            "ownerReferences": [dict(owner) for owner in owners],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": deadline,
            "ttlSecondsAfterFinished": TTL_SECONDS,
            "podFailurePolicy": _pod_failure_policy(),
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {
                    "labels": {**pod.labels, **all_labels},
                    "annotations": {**pod.annotations, **annotations},
                },
                "spec": _pod_spec(settings, kind, spec, f"00-{trace_id}-{digest(name)}-01"),
            },
        },
    }


def build_ingest_job(settings: OperatorSettings, plan_uid: str, plan: PlanSpec, batch: BatchSpec) -> dict[str, Any]:
    """Return the Job of one attempt of one batch; it is deleted with its plan.

    It runs no longer than its plan says, and no longer than any ingest Job may.
    """
    job = _job(
        settings,
        "ingest",
        ingest_job_name(batch.plan, batch.batch, batch.attempt),
        batch,
        batch.trace_id,
        {
            LABEL_PLAN: batch.plan,
            LABEL_BATCH: str(batch.batch),
            LABEL_ATTEMPT: str(batch.attempt),
            LABEL_ROVER: batch.rover.lower(),
        },
        [owner_reference(f"{GROUP}/{VERSION}", KIND, batch.plan, plan_uid)],
        min(parse_duration(plan.active_deadline), settings.jobs.ingest.active_deadline_seconds),
    )
    if plan.queue_name:
        # Kueue admits suspended Jobs and lifts the suspension itself.
        job["metadata"]["labels"][QUEUE_LABEL] = plan.queue_name
        job["spec"]["suspend"] = True
    return job


def build_load_job(
    settings: OperatorSettings, load: LoadSpec, owners: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return a load Job, or a sweep Job where ``load.sweep``."""
    kind: JobKind = "sweep" if load.sweep else "load"
    name = f"{settings.name_prefix}-{kind}-{load.load_id}"
    deadline = settings.jobs.load.active_deadline_seconds
    return _job(settings, kind, name, load, load.trace_id, {}, owners, deadline)


def with_history(job: dict[str, Any], package: str) -> dict[str, Any]:
    """Return a load or dbt Job that takes records of ended work along, packed as ``contracts.history`` does."""
    if package:
        job["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": HISTORY_ENV, "value": package})
    return job


def build_transform_job(
    settings: OperatorSettings, run: TransformSpec, owners: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the Job of one dbt run."""
    name = f"{settings.name_prefix}-transform-{run.run_id}"
    deadline = settings.jobs.transform.active_deadline_seconds
    return _job(settings, "transform", name, run, run.trace_id, {}, owners, deadline)
