"""What a Job says at its end: the JSON in ``/dev/termination-log`` of its container, read by kind of Job."""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializeAsAny, ValidationError

from mm_contracts.batch import Wire

TERMINATION_MESSAGE_LIMIT: Final = 4096
"""Bytes that Kubernetes keeps of a termination message."""


Count = Annotated[int, Field(ge=0, strict=True)]


class Details(Wire):
    """What only Jobs of one kind say. A message that is too long is told without the longest of it."""


class IngestDetails(Details):
    """Of an ingest Job."""

    key: str = ""
    """The object that it wrote."""
    mismatched_sols: str = ""
    """Sols whose photos or cameras are not what the manifest promises, as ``sols.parse_sols`` reads them."""
    not_promised_sols: str = ""
    """Sols that the manifest does not list, written likewise."""
    drives: int = 0
    places: int = 0
    set_aside: dict[str, Count] = Field(default_factory=dict)
    """Photos, fields or the like that could not be used, by grain."""


class LoadDetails(Details):
    """Of a load or sweep Job: numbers of objects, and bytes read."""

    loaded: int = 0
    changed: int = 0
    groups: int = 0
    """Transactions."""
    skipped: int = 0
    """Held by the ledger already, or not of the bucket any more when they were read."""
    gone: int = 0
    bytes: int = 0
    set_aside: Count | None = None
    """Set aside for the first time; None where it does not say."""
    still_set_aside: Count | None = None
    """Set aside before, and still."""
    mended: int = 0
    """Loaded, but for fields that not every reader takes."""


class RoverStanding(Wire):
    """How a rover's archive stands after a dbt run."""

    promised: int = 0
    archived: int = 0
    """Photos, both."""
    newest: str | None = None
    manifest: str | None = None
    """Times (RFC 3339, UTC) of the newest photo and of the manifest."""
    gaps: list[tuple[str, str, int]] = Field(default_factory=list)
    """(status, reason, number of sols)."""


class HandedOver(Wire):
    """A rover's promise has gone from one source to another."""

    id: int
    """Of the row in the ledger of charges: the same hand-over is told by several runs."""
    rover: str
    source: str
    former: str
    reason: str
    """SourceStale, SourceWell or NotConfigured."""
    message: str

    @property
    def warning(self) -> bool:
        """Whether somebody may want to look after the former source."""
        return self.reason != "SourceWell"


class SourceStanding(Wire):
    """How well a source is for a rover, by ``silver.source_health``; what is not known is left out."""

    rover: str
    source: str
    in_charge: bool = False
    success: str | None = None
    """When it last answered as it should (RFC 3339, UTC)."""
    errors: float | None = None
    """Share of a day's answers that failed, 0 to 1."""
    budget: int | None = None
    """Requests that it said were left."""
    newest: int | None = None
    """Its newest sol."""
    newest_end: str | None = None
    """When that sol ended: the source's freshness is the time since."""


class TransformDetails(Details):
    """Of a dbt run."""

    models: int = 0
    tests: int = 0
    gaps: int = 0
    gaps_due: int = 0
    gaps_held: int = 0
    """Gaps that are due and were left alone, because live plans have them in hand."""
    gaps_waiting: int = 0
    next_due_at: str | None = None
    """When the next gap is due (RFC 3339, UTC), by the clock of the pod that says so."""
    schedules: list[str] = Field(default_factory=list)
    """Ids of the schedules that it published, the first ten."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Time of each step."""
    handed_over: tuple[HandedOver, ...] = ()
    """Hand-overs of the last hour."""
    archive: dict[str, RoverStanding] = Field(default_factory=dict)
    """By rover."""
    sources: list[SourceStanding] = Field(default_factory=list)
    docs: str = ""
    failed: list[str] = Field(default_factory=list)
    """Models or tests that failed, the first twenty."""


class Termination(Wire):
    """On success only the counts matter; on failure ``reason``, ``message`` (a sentence) and, where a later try can
    help, ``retry_at`` (RFC 3339, UTC). ``failed_sols`` maps a sol text to its reason.
    """

    status: Literal["success", "failed"]
    reason: str | None = None
    message: str = ""
    retry_at: str | None = None
    sols: int = 0
    not_promised: int = 0
    """Of these sols, how many the manifest does not list."""
    mismatched: int = 0
    """Of these sols, how many are not what the manifest promises."""
    photos: int = 0
    bytes: int = 0
    requests: int = 0
    cpu_seconds: float = 0.0
    """Of the process and its children."""
    history: int = 0
    """Records of ended work that it took into the warehouse; -1 where it could not read them."""
    failed_sols: dict[str, str] = Field(default_factory=dict)
    details: SerializeAsAny[Details] = Details()


_DETAILS: Final[dict[str, type[Details]]] = {
    "ingest": IngestDetails,
    "load": LoadDetails,
    "sweep": LoadDetails,
    "transform": TransformDetails,
}


def read_termination(text: str | None, kind: str) -> Termination | None:
    """Return a termination message, or None where there is none of our form (a crash writes none).

    Details that cannot be read are left out, each by itself: what the Job did is not forgotten for them.

    Args:
        text: the message.
        kind: of the Job: ingest, load, sweep or transform; of another one the details are left out.
    """
    try:
        body = json.loads(text or "")
        said = body.pop("details", None) if isinstance(body, dict) else None
        end = Termination.model_validate(body)
    except (ValueError, RecursionError):  # pydantic's error is a ValueError
        return None
    return end.model_copy(update={"details": _read_details(_DETAILS.get(kind, Details), said)})


def _read_details(model: type[Details], said: Any) -> Details:
    if not isinstance(said, dict):
        return model()
    try:
        return model.model_validate(said)
    except ValidationError as error:
        bad = {problem["loc"][0] for problem in error.errors()}
        return model.model_validate({name: value for name, value in said.items() if name not in bad})
