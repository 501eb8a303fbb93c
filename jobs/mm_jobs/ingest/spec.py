"""What an ingest Job is told: its batch and its source, read without pydantic.

Importing pydantic and building the contract's models costs a quarter of a second of CPU, in every pod, before the first
request. These two dataclasses mirror ``contracts.batch.BatchSpec`` and the fields of ``contracts.sources.Source`` that
a client needs; a test compares them with the contract field by field.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mm_contracts.keys import COORDINATES, IMAGES, PHOTOS, PLAN_DATASETS, TIMELAPSE
from mm_contracts.rovers import TRAVERSE_ROVERS, canonical_rover
from mm_contracts.sols import parse_sols
from mm_contracts.source_kinds import KINDS, published_limit

from mm_jobs.ingest import fields
from mm_jobs.ingest.routes import origin

BATCH_ENV: Final = "MM_BATCH"
NO_TRACE: Final = "0" * 32
"""Stands where a batch's trace id is nothing that a header can carry (W3C Trace Context: an id that is none)."""
_TRACE: Final = re.compile(r"[!-~]{1,64}")


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
            trace_id=trace if _TRACE.fullmatch(trace := _text(body, "trace_id")) else NO_TRACE,
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
    return parse_batch(_read(argument, "the batch"))


def read_source(path: str, wanted: str, rover: str = "", dataset: str = PHOTOS) -> SourceSettings:
    """Return the settings of the source named ``wanted`` (empty: the rover's first for a dataset) in ``sources.json``.

    Raises:
        SpecError: the file cannot be read or has no such source.
    """
    body = _object(_read(path, "the configured sources"), path)
    sources = _mapping(body, "sources")
    name = wanted or _first(body, rover, dataset)
    if not isinstance(sources.get(name), dict):
        known = ", ".join(sources) or "none"
        raise SpecError(f"no source named {name!r} is configured: use one of {known}")
    contact = _text(body, "contact", "")
    if not (contact.isascii() and (contact.isprintable() or not contact)):
        raise SpecError("contact goes into a header: use printable ASCII")
    try:
        return _settings(name, sources[name], contact)
    except SpecError as problem:
        raise SpecError(f"source {name}: {problem}") from None


def _settings(name: str, source: dict[str, Any], contact: str) -> SourceSettings:
    kind = _text(source, "kind", "nasa-v1")
    if kind not in KINDS:
        raise SpecError(f"kind {kind!r} is unknown: use {', '.join(KINDS)}")
    base_url = _url("baseUrl", _text(source, "baseUrl"))
    maps = _text(source, "mmgisUrl", "")
    return SourceSettings(
        name=name,
        kind=kind,
        base_url=base_url,
        traverse_urls={rover: _url("traverseUrls", url) for rover, url in _mapping(source, "traverseUrls").items()},
        mmgis_url=_url("mmgisUrl", maps) if maps else None,
        rovers=_texts(source, "rovers", KINDS[kind].rovers),
        max_concurrency=_whole(source, "maxConcurrency", 256) or 8,
        requests_per_hour=_limit(source, kind, base_url),
        timeout_seconds=_seconds(source, "timeoutSeconds", 30.0),
        page_size=_whole(source, "pageSize", 10_000) or KINDS[kind].page_size,
        sample_types=_texts(source, "sampleTypes", KINDS[kind].sample_types),
        api_key_secret=_text(source, "apiKeySecret", "") or None,
        api_key_secret_key=_text(source, "apiKeySecretKey", "") or "api-key",
        contact=contact,
    )


def _limit(source: dict[str, Any], kind: str, base_url: str) -> int | None:
    """Return the requests an hour: left out is what the source publishes, null is no limit."""
    if "requestsPerHour" not in source:
        return published_limit(kind, base_url)
    return _whole(source, "requestsPerHour", fields.LARGEST)


def _first(body: dict[str, Any], rover: str, dataset: str) -> str:
    """Return the name that ``contracts.sources.Sources.pick`` gives where none is wanted."""
    sources = _mapping(body, "sources")
    for name in _texts(_mapping(body, "rovers"), rover, ()):
        source = fields.mapping(sources.get(name))
        kind = KINDS.get(_text(source, "kind", "nasa-v1"))
        maps = TRAVERSE_ROVERS if source.get("mmgisUrl") else _mapping(source, "traverseUrls")
        layers = dataset == COORDINATES and rover in maps
        dataset = PHOTOS if dataset in (IMAGES, TIMELAPSE) else dataset
        if kind and (layers or (dataset in kind.datasets and rover in _texts(source, "rovers", kind.rovers))):
            return name
    return _text(body, "default", "")


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"cannot read {what} from {path[:200]}: {error.strerror}") from None
    except ValueError as error:  # it is no text in UTF-8, or the path has a NUL
        raise SpecError(f"cannot read {what} from {path[:200]!r}: {error}") from None


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except RecursionError:
        raise SpecError(f"{what} is not JSON: it is nested too deeply") from None
    except ValueError as error:
        raise SpecError(f"{what} is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise SpecError(f"{what} is not a JSON object")
    return body


def _text(body: dict[str, Any], name: str, default: str | None = None, *, may_be_empty: bool = False) -> str:
    value = body.get(name)
    if default is not None and value in (None, ""):  # null is Helm's word for the default
        return default
    if not isinstance(value, str) or not (value or may_be_empty):
        raise SpecError(f"{name} must be a text")
    return value


def _count(body: dict[str, Any], name: str, least: int) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SpecError(f"{name} must be a whole number of at least {least}")
    return value


def _whole(body: dict[str, Any], name: str, most: int) -> int | None:
    value = body.get(name)
    found = None if value is None else fields.whole(value, 1)
    if value is not None and (found is None or found > most):
        raise SpecError(f"{name} must be a whole number of 1 to {most}")
    return found


def _seconds(body: dict[str, Any], name: str, default: float) -> float:
    value = body.get(name)
    found = default if value is None else fields.number(value)
    if found is None or not 0 < found <= 600:
        raise SpecError(f"{name} must be seconds, more than 0 and at most 600")
    return found


def _texts(body: dict[str, Any], name: str, default: Sequence[str]) -> tuple[str, ...]:
    value = body.get(name)
    if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise SpecError(f"{name} must be a list of texts")
    return tuple(value or default)


def _mapping(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise SpecError(f"{name} must be an object")
    return value or {}


def _url(name: str, value: Any) -> str:
    found = fields.url(value)
    if found is None or origin(found) is None:
        raise SpecError(f"{name} must be an http or https URL")
    return found.rstrip("/")
