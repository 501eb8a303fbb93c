"""What a Job is told to do, as JSON in one environment variable. What it says at its end: ``terminations``."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

BATCH_ENV: Final = "MM_BATCH"
LOAD_ENV: Final = "MM_LOAD"
TRANSFORM_ENV: Final = "MM_TRANSFORM"

Dataset = Literal["photos", "manifests", "coordinates", "images", "timelapse"]


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
    images: dict[str, Any] = Field(default_factory=dict)
    """``plan.ImageOptions``, of a batch of pictures; empty for all else."""


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
