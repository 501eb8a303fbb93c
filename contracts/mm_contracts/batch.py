"""What a Job is told to do (as JSON in one environment variable) and what it says at its end."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

BATCH_ENV: Final = "MM_BATCH"
LOAD_ENV: Final = "MM_LOAD"
TRANSFORM_ENV: Final = "MM_TRANSFORM"
TERMINATION_MESSAGE_LIMIT: Final = 4096
"""Bytes that Kubernetes keeps of a termination message."""

Dataset = Literal["photos", "manifests", "coordinates"]


class Wire(BaseModel):
    """Base of everything on a wire: camelCase is not used, unknown fields are ignored, known ones are validated."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class BatchSpec(Wire):
    """One rover's batch of sols for ``mm-ingest`` (env ``MM_BATCH``)."""

    plan: str
    batch: int = Field(ge=0)
    attempt: int = Field(ge=1)
    dataset: Dataset
    rover: str
    sols: str = ""
    """Sol text as ``sols.parse_sols`` reads; empty for manifests and coordinates."""
    source: str
    """A configured source's name; empty means the default one."""
    stamp: str
    """The plan's time part of keys, ``keys.plan_stamp``."""
    trace_id: str


class ObjectRef(Wire):
    """One object to load: its unescaped key and its ETag without quotes."""

    key: str
    etag: str


class LoadSpec(Wire):
    """Objects for ``mm-load`` (env ``MM_LOAD``); with ``sweep`` the Job finds the missing ones itself."""

    load_id: str
    objects: tuple[ObjectRef, ...] = ()
    sweep: bool = False
    trace_id: str


class CoveredSols(Wire):
    """Sols of a rover that live plans are fetching from a source, as ``sols.parse_sols`` reads them."""

    source: str
    rover: str
    sols: str


class TransformSpec(Wire):
    """One dbt run for ``mm-transform`` (env ``MM_TRANSFORM``)."""

    run_id: str
    load_ids: tuple[str, ...] = ()
    covered: tuple[CoveredSols, ...] = ()
    """What live plans have in hand: nothing of it is scheduled."""
    trace_id: str


class Termination(Wire):
    """The JSON in ``/dev/termination-log`` of every Job's container.

    On success only the counts matter; on failure ``reason``, ``message`` (a sentence) and, where a later try can
    help, ``retry_at`` (RFC 3339, UTC). ``failed_sols`` maps a sol text to its reason.
    """

    status: Literal["success", "failed"]
    reason: str | None = None
    message: str = ""
    retry_at: str | None = None
    sols: int = 0
    photos: int = 0
    bytes: int = 0
    requests: int = 0
    failed_sols: dict[str, str] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)


class TransformDetails(Wire):
    """What a dbt run says in ``details`` that decides about the next one."""

    gaps_held: int = 0
    """Gaps that are due and were left alone, because live plans have them in hand."""
    next_due_at: str | None = None
    """When the next gap is due (RFC 3339, UTC), by the clock of the pod that says so."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Time of each step."""
