"""What an ingest Job is told: its batch and its source, read without pydantic.

Importing pydantic and building the contract's models costs a quarter of a second of CPU, in every pod, before the first
request. These two dataclasses mirror ``contracts.batch.BatchSpec`` and the fields of ``contracts.sources.Source`` that
a client needs; a test compares them with the contract field by field.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mm_contracts.keys import COORDINATES, IMAGES, PHOTOS, PLAN_DATASETS, TIMELAPSE
from mm_contracts.rovers import TRAVERSE_ROVERS, canonical_rover
from mm_contracts.sols import parse_sols
from mm_contracts.source_kinds import KINDS, published_limit

BATCH_ENV: Final = "MM_BATCH"


class SpecError(ValueError):
    """The batch or the source's settings cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One rover's batch; the fields are those of ``contracts.batch.BatchSpec``."""

    plan: str
    batch: int
    attempt: int
    dataset: str
    rover: str
    source: str
    stamp: str
    trace_id: str
    sols: str = ""
    images: dict[str, Any] = field(default_factory=dict)

    def sol_numbers(self) -> tuple[int, ...]:
        """Return the batch's sols, ascending."""
        return parse_sols(self.sols)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """The configured source; URLs end without a slash, times are in seconds."""

    name: str
    kind: str
    base_url: str
    traverse_urls: dict[str, str] = field(default_factory=dict)
    mmgis_url: str | None = None
    rovers: tuple[str, ...] = ()
    max_concurrency: int = 8
    requests_per_hour: int | None = None
    """The operator's gate holds it; None: no limit."""
    timeout_seconds: float = 30.0
    page_size: int | None = None
    sample_types: tuple[str, ...] = ()
    api_key_secret: str | None = None
    api_key_secret_key: str = "api-key"
    contact: str = ""
    """Of all sources: how their people reach whoever runs this."""


def parse_batch(text: str) -> Batch:
    """Return the batch in a JSON text; unknown fields are ignored.

    Raises:
        SpecError: it is not JSON, a field is missing or has a value that cannot be used.
    """
    body = _object(text, "the batch")
    try:
        batch = Batch(
            plan=_text(body, "plan"),
            batch=_count(body, "batch", 0),
            attempt=_count(body, "attempt", 1),
            dataset=_text(body, "dataset"),
            rover=canonical_rover(_text(body, "rover")),
            source=_text(body, "source", may_be_empty=True),
            stamp=_text(body, "stamp"),
            trace_id=_text(body, "trace_id"),
            sols=_text(body, "sols", may_be_empty=True) if "sols" in body else "",
            images=body["images"] if isinstance(body.get("images"), dict) else {},
        )
        if batch.dataset not in PLAN_DATASETS:
            raise SpecError(f"dataset {batch.dataset!r} is none of {', '.join(PLAN_DATASETS)}")
        if batch.dataset == PHOTOS:
            parse_sols(batch.sols)
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(str(error)) from None
    return batch


def read_batch(argument: str) -> Batch:
    """Return the batch given on the command line: JSON text, or the path of a file that holds it. Raises SpecError."""
    if argument.lstrip().startswith("{"):
        return parse_batch(argument)
    try:
        return parse_batch(Path(argument).read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read the batch from {argument}: {error.strerror}") from None


def read_source(path: str, wanted: str, rover: str = "", dataset: str = PHOTOS) -> SourceSettings:
    """Return the settings of the source named ``wanted`` (empty: the rover's first for a dataset) in ``sources.json``.

    Raises:
        SpecError: the file cannot be read or has no such source.
    """
    try:
        body = _object(Path(path).read_text(encoding="utf-8"), path)
    except OSError as error:
        raise SpecError(f"cannot read the configured sources from {path}: {error.strerror}") from None
    sources = body.get("sources")
    name = wanted or _first(body, rover, dataset)
    if not isinstance(sources, dict) or not isinstance(sources.get(name), dict):
        known = ", ".join(sources) if isinstance(sources, dict) and sources else "none"
        raise SpecError(f"no source named {name!r} is configured: use one of {known}")
    source = sources[name]
    kind = str(source.get("kind") or "nasa-v1")
    if kind not in KINDS:
        raise SpecError(f"source {name} is of unknown kind {kind!r}: use {', '.join(KINDS)}")
    return SourceSettings(
        name=name,
        kind=kind,
        base_url=_text(source, "baseUrl").rstrip("/"),
        traverse_urls={str(rover): str(url) for rover, url in (source.get("traverseUrls") or {}).items()},
        mmgis_url=str(source.get("mmgisUrl") or "").rstrip("/") or None,
        rovers=tuple(source.get("rovers") or KINDS[kind].rovers),
        max_concurrency=int(source.get("maxConcurrency") or 8),
        requests_per_hour=_limit(source, kind),
        timeout_seconds=float(source.get("timeoutSeconds") or 30),
        page_size=KINDS[kind].page_size if source.get("pageSize") is None else int(source["pageSize"]),
        sample_types=tuple(source.get("sampleTypes") or KINDS[kind].sample_types),
        api_key_secret=source.get("apiKeySecret"),
        api_key_secret_key=str(source.get("apiKeySecretKey") or "api-key"),
        contact=str(body.get("contact") or ""),
    )


def _limit(source: dict[str, Any], kind: str) -> int | None:
    if "requestsPerHour" not in source:
        return published_limit(kind, str(source.get("baseUrl") or ""))
    return int(source["requestsPerHour"]) if source["requestsPerHour"] else None


def _first(body: dict[str, Any], rover: str, dataset: str) -> str:
    """Return the name that ``contracts.sources.Sources.pick`` gives where none is wanted."""
    default = str(body.get("default") or "")
    for name in (body.get("rovers") or {}).get(rover) or ():
        source = (body.get("sources") or {}).get(name) or {}
        kind = KINDS.get(str(source.get("kind") or "nasa-v1"))
        maps = TRAVERSE_ROVERS if source.get("mmgisUrl") else source.get("traverseUrls") or ()
        layers = dataset == COORDINATES and rover in maps
        dataset = PHOTOS if dataset in (IMAGES, TIMELAPSE) else dataset
        if kind and (layers or (dataset in kind.datasets and rover in (source.get("rovers") or kind.rovers))):
            return str(name)
    return default


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise SpecError(f"{what} is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise SpecError(f"{what} is not a JSON object")
    return body


def _text(body: dict[str, Any], name: str, *, may_be_empty: bool = False) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise SpecError(f"{name} must be a text")
    return value


def _count(body: dict[str, Any], name: str, least: int) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SpecError(f"{name} must be a whole number of at least {least}")
    return value
