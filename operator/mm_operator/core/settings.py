"""What the chart tells the operator (``operator.json``). Every field says what it is for and its bounds.

The chart's values.schema.json is generated from these models: a value that they refuse is refused by Helm already.
"""

from typing import Literal

from mm_contracts.batch import Dataset
from mm_contracts.plan import BatchLimits, Camel, Duration, RetryPolicy
from pydantic import Field

from mm_operator.core.shapes import (
    Annotations,
    EnvFrom,
    EnvVar,
    Labels,
    Mount,
    Name,
    Part,
    Resources,
    SecretName,
    Volume,
)

JobKind = Literal["ingest", "load", "sweep", "transform"]


class PodOptions(Camel):
    """Where a pod may run, what is put on it and what its containers get beside their own."""

    node_selector: Labels = Field(default_factory=dict, description="Labels of nodes that may run it.")
    tolerations: list[Part] = Field(default_factory=list, description="Taints that it tolerates.")
    affinity: Part = Field(default_factory=dict, description="Its affinity.")
    topology_spread_constraints: list[Part] = Field(default_factory=list, description="How pods are spread.")
    labels: Labels = Field(default_factory=dict, description="More labels.")
    annotations: Annotations = Field(default_factory=dict, description="More annotations.")
    priority_class_name: Name = Field(default="", description="Its PriorityClass; empty is none.")
    run_as_user: int | None = Field(
        default=10001, ge=1, le=2**31 - 1, description="User and group id; never root. None: the cluster chooses."
    )
    security_context: Part = Field(default_factory=dict, description="Joins the pod's securityContext.")
    container_security_context: Part = Field(default_factory=dict, description="Joins that of its containers.")
    extra_env: list[EnvVar] = Field(default_factory=list, description="More variables of its containers.")
    extra_env_from: list[EnvFrom] = Field(default_factory=list, description="ConfigMaps and Secrets of variables.")
    extra_volumes: list[Volume] = Field(default_factory=list, description="More volumes.")
    extra_volume_mounts: list[Mount] = Field(default_factory=list, description="Where containers mount them.")


class JobTemplate(Camel):
    """What a kind of Job runs and gets, in Kubernetes' own shapes."""

    command: list[str] = Field(min_length=1, max_length=20, description="Command of the container.")
    env: list[EnvVar] = Field(default_factory=list, description="EnvVar list; secrets only as secretKeyRef.")
    env_from: list[EnvFrom] = Field(default_factory=list, description="EnvFromSource list.")
    volumes: list[Volume] = Field(default_factory=list, description="Volumes beside the /tmp emptyDir.")
    volume_mounts: list[Mount] = Field(default_factory=list, description="Mounts beside /tmp.")
    resources: Resources = Field(default_factory=dict, description="Requests and limits of the container.")
    pod: PodOptions | None = Field(default=None, description="Options of these Jobs' pods; null is those of all.")
    active_deadline_seconds: int = Field(
        default=900,
        ge=10,
        le=86_400,
        description="Longest run of one such Job; of an ingest Job also where its plan's activeDeadline is longer.",
    )


class JobTemplates(Camel):
    """A template per kind of Job; a sweep is a load that looks for itself."""

    ingest: JobTemplate
    load: JobTemplate
    transform: JobTemplate

    def of(self, kind: JobKind) -> JobTemplate:
        """Return the template of a kind of Job."""
        return {"ingest": self.ingest, "load": self.load, "sweep": self.load, "transform": self.transform}[kind]


class PlanDefaults(Camel):
    """Spec of plans that are made from schedule messages, where the message says nothing itself."""

    batch: BatchLimits = Field(
        default_factory=lambda: BatchLimits(max_sols=50),
        description="Bounds of batches. Within them schedules are cut by the work that their sols promise.",
    )
    parallelism: int = Field(default=4, ge=1, le=100, description="Most Jobs of such a plan at a time.")
    retry: RetryPolicy = Field(default_factory=RetryPolicy, description="Retries of a batch of such a plan.")
    active_deadline: Duration = Field(default="15m", description="Longest run of one Job of such a plan.")
    ttl_after_finished: Duration = Field(default="168h", description="How long such a plan is kept once finished.")
    priority: dict[Dataset, int] = Field(
        default={"manifests": 100, "coordinates": 50, "images": -100, "timelapse": -50},
        description="Added to the message's priority: what the loop cannot go on without comes first.",
    )


class OperatorSettings(Camel):
    """All settings of the operator beside Kafka's, which are environment variables as in the Jobs."""

    namespace: str = Field(default="", max_length=63, description="Namespace to work in; empty is the pod's own.")
    name_prefix: str = Field(
        default="mars",
        pattern=r"^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$",
        description="Names of load, sweep and transform Jobs start with it.",
    )
    instance: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
        description="The release: all that the operator makes bears it as app.kubernetes.io/instance, and nothing of "
        "another release is looked at. Empty: no label, and all of the namespace.",
    )
    plans_without_instance: bool = Field(
        default=True, description="Whether plans that name no release are this one's. One release of a namespace may."
    )
    owner_config_map: str = Field(
        default="mars-owner",
        max_length=253,
        description="ConfigMap of the release that owns load, sweep and transform Jobs and schedule-made plans, so "
        "that an uninstall leaves nothing behind and no upgrade takes them; empty is none.",
    )
    gate_config_map: str = Field(
        default="mars-operator-gate",
        min_length=1,
        max_length=253,
        description="ConfigMap, made by the operator, that keeps closed sources closed over a restart.",
    )
    image: str = Field(min_length=1, description="Image of all Jobs.")
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = Field(
        default="IfNotPresent", description="Pull policy of that image."
    )
    image_pull_secrets: list[SecretName] = Field(default_factory=list, description="Secrets to pull it with.")
    service_account_name: str = Field(default="mars-jobs", description="Service account of Jobs: no API access.")
    bucket: str = Field(default="mars", min_length=3, max_length=63, description="Bucket whose events count.")
    pod: PodOptions = Field(default_factory=PodOptions, description="Placement, labels and user of Jobs' pods.")
    jobs: JobTemplates = Field(description="What each kind of Job runs and gets.")
    max_concurrent_jobs: int = Field(default=4, ge=1, le=10_000, description="Ingest Jobs at a time over all plans.")
    load_parallelism: int = Field(default=1, ge=1, le=16, description="Load Jobs at a time.")
    load_fold_seconds: float = Field(
        default=1.0, ge=0, le=60, description="A first object event waits so long for others to share its load Job."
    )
    load_max_delay: Duration = Field(
        default="5s", description="While batches still run, a first object event waits so long instead."
    )
    load_max_objects: int = Field(default=50, ge=1, le=200, description="Most objects in one load Job.")
    sweep_interval: Duration = Field(default="10m", description="Time between sweeps of the bucket.")
    sweep_after_start: Duration = Field(
        default="15s", description="The first sweep comes so long after a start: new storage may still be set up."
    )
    transform_fold_seconds: float = Field(
        default=2.0, ge=0, le=300, description="A first finished load waits so long for others to share a dbt run."
    )
    transform_max_delay: Duration = Field(
        default="60s", description="While batches still run, dbt waits for them at most so long."
    )
    transform_interval: Duration = Field(
        default="1h", description="dbt runs at least so often, so that gaps whose time has come are scheduled."
    )
    job_backoff: Duration = Field(default="10s", description="Wait after a first failed load, sweep or dbt run.")
    job_max_backoff: Duration = Field(default="10m", description="Longest wait between two of them.")
    keep_succeeded_jobs: Duration = Field(default="5m", description="How long succeeded Jobs are kept to look at.")
    keep_failed_jobs: Duration = Field(default="1h", description="How long failed Jobs are kept to look at.")
    stuck_after: Duration = Field(
        default="2m", description="A pod whose image or configuration is missing is given up after so long."
    )
    plan_defaults: PlanDefaults = Field(default_factory=PlanDefaults, description="Spec of schedule-made plans.")
