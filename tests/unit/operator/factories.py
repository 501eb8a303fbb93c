"""Small makers of what the core is given."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mm_contracts.terminations import read_termination
from mm_operator.core.observe import Job, Pod
from mm_operator.core.settings import OperatorSettings

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def settings(**more: object) -> OperatorSettings:
    """Return settings with only what must be there."""
    jobs = {kind: {"command": [f"mm-{kind}"]} for kind in ("ingest", "load", "transform")}
    return OperatorSettings.model_validate({"image": "app:1", "namespace": "mars", "jobs": jobs, **more})


def seconds(number: float) -> timedelta:
    """Return a time span."""
    return timedelta(seconds=number)


def work(kind: str, state: str = "active", at: float = 0, end: float | None = None, **said: object) -> Job:
    """Return a load, sweep or dbt Job that was created ``at`` seconds after NOW and ended at ``end``."""
    made = Job(name=f"{kind}-{at}", kind=kind, created_at=NOW + seconds(at), image="app:1")
    if state == "active":
        return made
    pods = ()
    if said:
        status = "success" if state == "succeeded" else "failed"
        pods = (Pod("x", phase="Failed", termination=read_termination(json.dumps({"status": status, **said}), kind)),)
    return replace(made, state=state, finished_at=NOW + seconds(at + 5 if end is None else end), pods=pods)
