"""The IngestionPlan resource: spec and status. The CRD in ``crds/`` is generated from these models."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from mm_contracts.batch import Dataset
from mm_contracts.keys import WITH_SOLS
from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import parse_sols

GROUP: Final = "martian-moments.io"
VERSION: Final = "v1alpha1"
PLURAL: Final = "ingestionplans"
KIND: Final = "IngestionPlan"
SHORT_NAME: Final = "iplan"

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "martian-moments-operator"
"""Its value on all that the operator makes."""
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
"""The release that a plan, Job or pod belongs to. A plan without it belongs to the release that takes such plans."""
LABEL_PLAN: Final = f"{GROUP}/plan"
LABEL_KIND: Final = f"{GROUP}/kind"
LABEL_BATCH: Final = f"{GROUP}/batch"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
LABEL_ROVER: Final = f"{GROUP}/rover"
"""Labels on Jobs and pods. ``kind`` is one of ingest, load, sweep, transform."""
ANNOTATION_SPEC: Final = f"{GROUP}/spec"
ANNOTATION_TRACE: Final = f"{GROUP}/trace-id"
ANNOTATION_REJECTED: Final = f"{GROUP}/rejected-tasks"
"""On a schedule-made plan: how many tasks of its schedule could not be used."""
ANNOTATION_CHARGE: Final = f"{GROUP}/charge"
"""On a schedule-made plan: why its source is asked (``messages.ChargeNote``), where the promise has changed hands."""
ANNOTATION_RETRY: Final = f"{GROUP}/retry-now"
"""Any new value: waiting batches are tried at once, failed ones once more."""
LABEL_FINISHED: Final = f"{GROUP}/finished"
"""On plans that have ended; the operator watches only those without it. Remove it to have the plan looked at again."""

SOL_TEXT_LIMIT: Final = 180
"""Characters of one item of ``sols``: the CRD's rules are checked for every item, and their cost is bounded by it."""

DURATION: Final = r"^([0-9]{1,7}h)?([0-9]{1,7}m)?([0-9]{1,7}s)?$"
"""Durations as Kubernetes users write them: 90s, 15m, 1h30m. Never empty (min length 2), and
never so long that a date could not hold their end."""


class Camel(BaseModel):
    """Base of the resource's parts: camelCase in YAML, unknown fields refused so that a typo is told."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


def _checked_sols(text: str) -> str:
    parse_sols(text)
    return text


def parse_duration(text: str) -> int:
    """Return the seconds in a duration such as ``90s``, ``15m`` or ``1h30m``. Raises ValueError if malformed."""
    seconds, digits = 0, ""
    units = {"h": 3600, "m": 60, "s": 1}
    for char in text:
        if char.isascii() and char.isdigit():
            digits += char
        elif char in units and digits:
            seconds += int(digits) * units[char]
            digits = ""
        else:
            raise ValueError(f"{text!r} is not a duration: write 90s, 15m or 1h30m")
    if digits or not text:
        raise ValueError(f"{text!r} is not a duration: write 90s, 15m or 1h30m")
    return seconds


Duration = Annotated[str, Field(pattern=DURATION, min_length=2, max_length=20)]
SolText = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*$", min_length=1, max_length=SOL_TEXT_LIMIT),
    AfterValidator(_checked_sols),
]


class RoverSols(Camel):
    """A rover and its sols. Each item of ``sols`` is a range, a number, or a comma list that is kept together."""

    name: Annotated[Literal["Perseverance", "Curiosity", "Opportunity", "Spirit"], BeforeValidator(canonical_rover)]
    sols: list[SolText] = Field(default_factory=list, max_length=5000)


class BatchLimits(Camel):
    """How a plan is cut into batches."""

    max_sols: int = Field(default=10, ge=1, le=1000, description="Most sols in one batch (one Job).")
    max_photos: int = Field(
        default=4000,
        ge=1,
        le=100_000,
        description="About how many photos one batch may hold: as the manifest promises them where a schedule tells, "
        "else 200 for each sol.",
    )


class RetryPolicy(Camel):
    """How often and when a failed batch is tried again: backoff * 2^(attempt-1), at most maxBackoff, with jitter."""

    limit: int = Field(default=4, ge=0, le=20, description="Retries of one batch after its first attempt.")
    backoff: Duration = Field(default="10s", description="Wait before the first retry.")
    max_backoff: Duration = Field(default="10m", description="Longest wait between two tries.")


class ImageOptions(Camel):
    """Which pictures a plan mirrors, and within what budget of each of its batches."""

    size: Literal["small", "medium", "large", "full"] = Field(
        default="large", description="Size class, where a source has several; else there is one."
    )
    cameras: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(
        default=[], max_length=50, description="Cameras by the source's names; empty is all."
    )
    thumbnails: bool = Field(default=False, description="True: also the pictures that are thumbnails at the source.")
    newest: int = Field(
        default=1, ge=1, le=100, description="How many of a rover's newest sols with photos, where it names none."
    )
    max_bytes: int = Field(
        default=500_000_000, ge=1, le=100_000_000_000, description="Bytes that one batch fetches at most."
    )
    max_requests: int = Field(default=2000, ge=1, le=100_000, description="Requests that one batch makes at most.")
    frames_per_second: int = Field(default=10, ge=1, le=60, description="Speed of a timelapse.")


class PlanSpec(Camel):
    """What to ingest."""

    dataset: Dataset = Field(default="photos", description="photos, manifests, coordinates, images or timelapse.")
    rovers: list[RoverSols] = Field(min_length=1, max_length=4, description="Rovers, each with its sols.")
    batch: BatchLimits = Field(default_factory=BatchLimits)
    images: ImageOptions = Field(default_factory=ImageOptions)
    parallelism: int = Field(default=4, ge=1, le=100, description="Most Jobs of this plan at a time.")
    retry: RetryPolicy = Field(default_factory=RetryPolicy)
    priority: int = Field(default=0, ge=-1000, le=1000, description="Plans of higher priority get free slots first.")
    suspend: bool = Field(default=False, description="True: no new Jobs, running ones are suspended.")
    source: str = Field(default="", max_length=63, description="A configured source's name; empty is the default one.")
    active_deadline: Duration = Field(default="15m", description="Longest run of one Job.")
    ttl_after_finished: Duration = Field(default="168h", description="How long a finished plan is kept.")
    queue_name: str = Field(default="", max_length=253, description="Kueue LocalQueue for the Jobs; empty is none.")

    @model_validator(mode="after")
    def _sols_fit_dataset(self) -> "PlanSpec":
        for rover in self.rovers:
            if self.dataset == "photos" and not rover.sols:
                raise ValueError(f"rover {rover.name} names no sols: a photos plan needs sols such as '0-99'")
            if self.dataset == "timelapse" and len(self.images.cameras) != 1:
                raise ValueError("a timelapse is of one camera: name it in images.cameras")
            if self.dataset not in WITH_SOLS and rover.sols:
                raise ValueError(f"a {self.dataset} plan takes no sols: leave out those of {rover.name}")
        names = [rover.name for rover in self.rovers]
        if len(set(names)) != len(names):
            raise ValueError("a rover is named twice: put all its sols in one entry")
        return self


class BatchRecord(Camel):
    """A batch worth a record: running, waiting for a retry, or failed for good. Done ones are only counted."""

    batch: int
    rover: str
    sols: str = ""
    state: Literal["Active", "Waiting", "Failed"]
    attempts: int = 0
    reason: str | None = None
    message: str | None = None
    advice: str | None = None
    next_attempt: str | None = None
    job: str | None = None
    log_tail: str | None = None
    last_attempt: str | None = None
    uncounted: int = 0
    """Attempts that ended for no fault of the batch (rate limits): they do not use up ``retry.limit``."""


class BatchCounts(Camel):
    """How many batches there are in each state."""

    total: int = 0
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    waiting: int = 0


class Condition(Camel):
    """A Kubernetes condition, https://github.com/kubernetes/community API conventions, with a machine reason."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int | None = None


class DroppedSols(Camel):
    """Sols of this plan that another live plan had in hand already; for manifests and coordinates ``sols`` is empty."""

    rover: str
    sols: str
    plan: str
    ended: Literal["", "Fetched", "Returned"] = ""
    """What came of them: the other plan fetched them, or did not and they are this one's again. Empty: it goes on."""


FORMER_STATUS: Final = {"done": "completedIndexes", "failedBatches": "failedIndexes"}
"""Fields of the status by the names of earlier versions: read, and never written."""


class PlanStatus(Camel):
    """What became of a plan. Bounded: counts, and records only of batches that still matter."""

    @model_validator(mode="before")
    @classmethod
    def _by_its_name(cls, raw: Any) -> Any:
        """Read a status that an earlier version has written."""
        if not isinstance(raw, dict) or FORMER_STATUS.keys().isdisjoint(raw):
            return raw
        former = {now: raw[name] for name, now in FORMER_STATUS.items() if name in raw}
        return former | {name: value for name, value in raw.items() if name not in FORMER_STATUS}

    observed_generation: int | None = None
    phase: Literal["Pending", "Running", "Suspended", "Complete", "Failed", "Invalid"] = "Pending"
    reason: str = ""
    conditions: list[Condition] = Field(default_factory=list)
    batches: BatchCounts = Field(default_factory=BatchCounts)
    batch_sols: int | None = Field(
        default=None, description="Most sols of a batch, as the plan was cut when it was accepted: indexes lean on it."
    )
    completed_indexes: str = Field(default="", description="Numbers of the batches that are done, from 0 on: 0-12,15.")
    failed_indexes: str = Field(
        default="",
        description="Numbers of the batches that failed for good, from 0 on; records tells of the latest of them.",
    )
    refusals: dict[str, int] = Field(default_factory=dict)
    """By rover: batches that the source refused for good since one of that rover succeeded."""
    untried: int = 0
    """Failed batches that were not tried, because the source refuses."""
    first_attempt: int = 1
    """Attempt with which a fresh batch begins: more than 1 after a retry by hand."""
    retry_token: str = ""
    """The last handled value of the annotation ``martian-moments.io/retry-now``."""
    progress: str = ""
    """``done/total`` for people."""
    rovers: str = ""
    """Rovers' names, for the printer column."""
    sols: int = Field(default=0, description="Sols of the batches that are done.")
    not_promised_sols: int = Field(default=0, description="Of these, how many the rover's manifest does not list.")
    mismatched_sols: int = Field(default=0, description="Of these, how many are not what the manifest promises.")
    photos: int = 0
    bytes: int = 0
    requests: int = 0
    records: list[BatchRecord] = Field(default_factory=list)
    dropped: list[DroppedSols] = Field(default_factory=list)
    rejected_tasks: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    trace_id: str = ""


def plan_manifest(name: str, namespace: str, spec: PlanSpec, **metadata: Any) -> dict[str, Any]:
    """Return a plan as an API object (a dict for YAML or the API client); ``metadata`` joins labels, annotations."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        | {"rovers": [r.model_dump(by_alias=True, exclude_defaults=True, mode="json") for r in spec.rovers]},
    }
