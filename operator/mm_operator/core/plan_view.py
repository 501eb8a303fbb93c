"""Plans as the API has them: read into the core's terms, and the status back into a patch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mm_contracts.messages import ChargeNote
from mm_contracts.plan import (
    ANNOTATION_CHARGE,
    ANNOTATION_REJECTED,
    ANNOTATION_RETRY,
    ANNOTATION_TRACE,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    PlanSpec,
    PlanStatus,
)
from mm_contracts.sources import Sources
from mm_contracts.topics import trace_id_or_none
from pydantic import ValidationError

from mm_operator.core.jobs import digest
from mm_operator.core.split import most_sols

_COUNT: Final = re.compile(r"[0-9]{1,9}")
TERMINAL: Final = frozenset({"Complete", "Failed", "Invalid"})
"""Phases in which a plan has ended."""


@dataclass(frozen=True)
class Plan:
    """A plan as observed: identity, spec, stored status, and the retry token of its annotation."""

    name: str
    uid: str
    created_at: str
    generation: int
    spec: PlanSpec
    status: PlanStatus
    sources: Mapping[str, str] = field(default_factory=dict)
    """The name of each rover's source."""
    trace_id: str = ""
    rejected_tasks: int = 0
    retry_token: str = ""
    scheduled: bool = False
    """Whether it was made from a schedule, whose items are cut by what the manifest promises."""
    charge: ChargeNote | None = None
    """Why its source is asked, where the promise of its rovers has changed hands."""

    @property
    def accepted(self) -> bool:
        """Whether its batches are fixed."""
        return accepted(self.status)

    @property
    def batch_sols(self) -> int:
        """Most sols of a batch. Indexes lean on it, so that it stays what it was when the plan was accepted.

        Versions that did not write it down cut plans by hand by maxSols alone.
        """
        if self.status.batch_sols:
            return self.status.batch_sols
        return self.spec.batch.max_sols if self.scheduled or self.accepted else most_sols(self.spec.batch)


def read_status(body: Mapping[str, Any]) -> PlanStatus:
    """Return a plan's stored status; fields that are unknown or malformed count as never written."""
    raw = body.get("status") or {}
    try:
        return PlanStatus.model_validate(raw)
    except ValidationError as error:
        bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        return PlanStatus.model_validate({key: value for key, value in raw.items() if key not in bad})


def read_plan(body: Mapping[str, Any], status: PlanStatus, sources: Sources) -> Plan:
    """Return a plan, the names of its sources resolved.

    Raises:
        ValueError: the spec cannot be carried out (pydantic's ValidationError is one), or names no known source.
    """
    metadata = body["metadata"]
    notes = metadata.get("annotations") or {}
    spec = PlanSpec.model_validate(body["spec"])
    # Each rover has its own order of sources where the plan names none.
    named: dict[str, str] = {
        rover.name: sources.pick(spec.source, rover.name, spec.dataset)[0] for rover in spec.rovers
    }
    rejected = notes.get(ANNOTATION_REJECTED, "0")
    return Plan(
        name=metadata["name"],
        uid=metadata["uid"],
        created_at=metadata["creationTimestamp"],
        generation=generation(body),
        spec=spec,
        status=status,
        sources=named,
        trace_id=(
            trace_id_or_none(notes.get(ANNOTATION_TRACE))
            or trace_id_or_none(status.trace_id)
            or digest(metadata["uid"], length=32)
        ),
        # Annotations can be anybody's: a count of more digits than the status holds is none.
        rejected_tasks=int(rejected) if _COUNT.fullmatch(rejected) else 0,
        retry_token=notes.get(ANNOTATION_RETRY, ""),
        scheduled=(metadata.get("labels") or {}).get(LABEL_MANAGED_BY) == MANAGED_BY,
        charge=_charge(notes.get(ANNOTATION_CHARGE)),
    )


def _charge(text: str | None) -> ChargeNote | None:
    try:
        return ChargeNote.model_validate_json(text) if text else None
    except ValidationError:
        return None  # somebody's own annotation: it only tells, and decides nothing


def status_patch(old: Mapping[str, Any], new: PlanStatus) -> dict[str, Any]:
    """Return the changed top-level fields of a status as a merge patch; what is gone becomes null."""
    fresh = new.model_dump(by_alias=True, exclude_none=True, mode="json")
    changed: dict[str, Any] = {}
    for key, value in fresh.items():
        before = old.get(key)
        if before == value:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            # A merge patch keeps the keys of an object that it does not name.
            value = value | {name: None for name in before if name not in value}
        changed[key] = value
    return changed | {key: None for key in old if key not in fresh}


def generation(body: Mapping[str, Any]) -> int:
    """Return the spec's generation."""
    return int(body["metadata"].get("generation") or 0)


def accepted(status: PlanStatus) -> bool:
    """Return whether a plan's batches are fixed."""
    return any(c.type == "Accepted" and c.status == "True" for c in status.conditions)


def sentence(error: Exception) -> str:
    """Return why a spec is invalid, for people."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        return f"spec.{where}: {said}" if where else said
    return str(error)
