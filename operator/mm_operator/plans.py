"""Plans as the API has them: read into the core's terms, and the status back into a patch."""

from collections.abc import Iterable, Mapping
from typing import Any

from mm_contracts.plan import ANNOTATION_REJECTED, ANNOTATION_RETRY, ANNOTATION_TRACE, DroppedSols, PlanSpec, PlanStatus
from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_operator.batch_cache import BatchCache
from mm_operator.core.coverage import Covering, find_dropped
from mm_operator.core.jobs import digest
from mm_operator.core.story import TERMINAL, Plan


def status_patch(old: Mapping[str, Any], new: PlanStatus) -> dict[str, Any]:
    """Return the changed top-level fields of a status as a merge patch; what is gone becomes null."""
    fresh = new.model_dump(by_alias=True, exclude_none=True, mode="json")
    changed = {key: value for key, value in fresh.items() if old.get(key) != value}
    return changed | {key: None for key in old if key not in fresh}


def read_status(body: Mapping[str, Any]) -> PlanStatus:
    """Return a plan's stored status; fields that are unknown or malformed count as never written."""
    raw = body.get("status") or {}
    try:
        return PlanStatus.model_validate(raw)
    except ValidationError as error:
        bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        return PlanStatus.model_validate({key: value for key, value in raw.items() if key not in bad})


def read_plan(body: Mapping[str, Any], status: PlanStatus, sources: Sources) -> tuple[Plan, str]:
    """Return a plan and the name of its source.

    Raises:
        ValueError: the spec cannot be carried out (pydantic's ValidationError is one), or names no known source.
    """
    metadata = body["metadata"]
    notes = metadata.get("annotations") or {}
    spec = PlanSpec.model_validate(body["spec"])
    source, _ = sources.pick(spec.source, spec.rovers[0].name, spec.dataset)
    rejected = notes.get(ANNOTATION_REJECTED, "0")
    plan = Plan(
        name=metadata["name"],
        uid=metadata["uid"],
        created_at=metadata["creationTimestamp"],
        generation=generation(body),
        spec=spec,
        status=status,
        trace_id=notes.get(ANNOTATION_TRACE) or status.trace_id or digest(metadata["uid"], length=32),
        rejected_tasks=int(rejected) if rejected.isdigit() else 0,
        retry_token=notes.get(ANNOTATION_RETRY, ""),
    )
    return plan, source


def dropped_sols(
    plan: Plan, source: str, bodies: Iterable[Mapping[str, Any]], sources: Sources, cache: BatchCache
) -> list[DroppedSols]:
    """Return what other live plans (among ``bodies``) fetch already; once a plan is accepted, what was stored then."""
    if accepted(plan.status):
        return list(plan.status.dropped)
    others = [other for other in coverings(bodies, sources, cache) if other.name != plan.name]
    return find_dropped(plan.spec, source, cache.batches(plan.uid, plan.spec, []), others)


def coverings(bodies: Iterable[Mapping[str, Any]], sources: Sources, cache: BatchCache) -> list[Covering]:
    """Return the plans among ``bodies`` that are accepted and have not ended, with what they fetch."""
    live = []
    for body in bodies:
        status = read_status(body)
        if not accepted(status) or status.phase in TERMINAL:
            continue
        try:
            plan, source = read_plan(body, status, sources)
            batches = cache.batches(plan.uid, plan.spec, list(status.dropped))
        except ValueError:
            continue
        live.append(Covering(plan.name, plan.spec.dataset, source, batches))
    return live


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
