"""Plans, batches, Jobs and loads: what runs, what ran, and why not further."""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mm_contracts.sols import parse_sols
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard import past, queries, timeline
from mm_dashboard.attention import at_work
from mm_dashboard.cluster import Plan, State, read_plan
from mm_dashboard.context import Context, context
from mm_dashboard.kube import KubeError

PARTS = ("timeline", "plans")
LOG_LINES = 200
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
"""Names of Kubernetes' objects: what goes into a selector or a path."""
GRID = 5000
"""Batches of a grid at most."""


async def _values(parts: Context, hours: str | None) -> dict[str, Any]:
    state, ended = await asyncio.gather(parts.cluster.look(), parts.read(past.RECENT))
    hours, longest = past.span(hours)
    drawing = timeline.draw(past.joined(state.jobs, ended.value or []), datetime.now(UTC), longest)
    return {"state": state, "now": at_work(state), "drawing": drawing, "hours": hours, "spans": past.SPANS}


async def fragments(parts: Context, query: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of the page that renew themselves."""
    known = await _values(parts, query.get("hours"))
    return {name: parts.pages.fragment(f"parts/{name}.html", **known) for name in PARTS}


async def work(request: Request) -> Response:
    """Answer with the page of what runs and ran."""
    parts = context(request)
    known, loads, objects, aside, cost = await asyncio.gather(
        _values(parts, request.query_params.get("hours")),
        parts.read(queries.LOADS),
        parts.read(queries.OBJECTS),
        parts.read(queries.SET_ASIDE),
        parts.read(past.COST),
    )
    return parts.pages.page(
        request,
        "work.html",
        loads=loads.value or [],
        objects=objects.value or [],
        aside=aside.value or [],
        cost=cost.value or [],
        problem=loads if loads.problem else None,
        done=request.query_params.get("done", ""),
        **known,
    )


def grid(plan: Plan) -> list[tuple[int, str]]:
    """Return (batch, state) of a plan's batches: done, failed, active, waiting or fresh."""
    status = plan.raw.get("status") or {}
    states = dict.fromkeys(range(min(plan.total, GRID)), "fresh")

    def mark(text: object, state: str) -> None:
        try:
            states.update((batch, state) for batch in parse_sols(str(text)) if batch in states) if text else None
        except ValueError:
            return

    mark(status.get("completedIndexes", status.get("done")), "done")
    mark(status.get("failedIndexes", status.get("failedBatches")), "failed")
    for record in plan.records:
        if isinstance(record.get("batch"), int) and record["batch"] in states:
            states[record["batch"]] = str(record.get("state", "fresh")).lower()
    return sorted(states.items())


def place_in_queue(plan: Plan, state: State) -> int | None:
    """Return a waiting plan's place among those that wait, 1 for the next; None where it does not wait."""
    early = datetime.min.replace(tzinfo=UTC)
    waiting = [one for one in state.plans if one.is_live and not one.active and not one.suspend]
    order = sorted(waiting, key=lambda one: (-one.priority, one.created_at or early))
    return next((i for i, one in enumerate(order, 1) if one.name == plan.name), None)


async def plan(request: Request) -> Response:
    """Answer with one plan's page; of a plan that is gone, with what the archive has of it."""
    parts, name = context(request), request.path_params["plan"]
    if not NAME.fullmatch(name):
        raise HTTPException(404, "There is no such plan.")
    state, objects, ended = await asyncio.gather(
        parts.cluster.look(), parts.read(queries.OBJECTS_OF_PLAN, name), parts.read(past.OF_PLAN, name)
    )
    found, events = state.plan(name), []
    try:
        if found is None:
            found = read_plan(await parts.kube.get("plans", name))
        events = await parts.kube.list("events", fields=f"involvedObject.kind=IngestionPlan,involvedObject.name={name}")
    except KubeError as problem:
        if problem.status == 404 and objects.value == [] and not ended.value and not ended.is_loading:
            raise HTTPException(404, "There is no such plan, and nothing of it in the archive.") from None
    told = [
        {
            "when": str(event.get("lastTimestamp") or event.get("eventTime") or ""),
            "reason": str(event.get("reason") or ""),
            "message": str(event.get("message") or ""),
        }
        for event in events
    ]
    told.sort(key=lambda event: event["when"], reverse=True)
    return parts.pages.page(
        request,
        "plan.html",
        name=name,
        plan=found,
        grid=grid(found) if found else [],
        queue=place_in_queue(found, state) if found else None,
        jobs=[job for job in state.jobs if job.plan == name],
        events=told[:50],
        objects=objects.value or [],
        record=next((row for row in ended.value or [] if row["kind"] == "plan"), None),
        attempts=[row for row in ended.value or [] if row["kind"] != "plan"],
        done=request.query_params.get("done", ""),
        loading=found is None and objects.is_loading,
        problem=objects if objects.problem else None,
    )


async def _job(parts: Context, name: str) -> dict[str, Any]:
    """Return what is known of a Job: the Job, the last lines of its newest pod, or why there are none."""
    lines, sentence = "", ""
    try:
        pods = await parts.kube.list("pods", f"batch.kubernetes.io/job-name={name}")
        newest = max(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)
        if newest is None:
            sentence = "Its pod is gone. What it said last is kept where it failed."
        else:
            lines = await parts.kube.log(newest["metadata"]["name"], LOG_LINES)
    except KubeError as problem:
        sentence = str(problem)
    state = await parts.cluster.look()
    known = next((one for one in state.jobs if one.name == name), None)
    ended = (await parts.read(past.OF_JOB, name)).value or []
    return {"name": name, "job": known, "lines": lines, "sentence": sentence, "record": next(iter(ended), None)}


async def job(request: Request) -> Response:
    """Answer with a Job's page; its last lines renew themselves while it runs."""
    parts, name = context(request), request.path_params["job"]
    if not NAME.fullmatch(name):
        raise HTTPException(404, "There is no such Job.")
    known = await _job(parts, name)
    if known["job"] is None and not known["lines"] and known["record"] is None:
        raise HTTPException(404, "There is no such Job any more.")
    return parts.pages.page(request, "job.html", **known)


async def log_fragments(parts: Context, query: Mapping[str, str]) -> dict[str, str]:
    """Return the part of a Job's page that renews itself."""
    name = query.get("name", "")
    if not NAME.fullmatch(name):
        return {}
    return {"log": parts.pages.fragment("parts/log.html", **await _job(parts, name))}
