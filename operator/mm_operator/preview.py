"""``mm-plan``: what the operator would make of a schedule or of a plan, and what that would cost. Changes nothing.

It runs in the operator's pod, with its settings and sources, and reads one JSON object from its standard input:
``{"schedule": <a schedule message>}`` or ``{"spec": <a plan's spec>}``, each with an optional ``promised``: a list of
``[rover, sol, photos]``. It prints one JSON object.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from mm_contracts.messages import MessageError, parse_schedule
from mm_contracts.plan import PlanSpec
from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_operator.config import ConfigError, load_settings, load_sources
from mm_operator.core.forecast import SourceFacts, seconds, shares
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.split import Pace, most_sols, plan_from_schedule, split

BAD_REQUEST = 64


def preview(request: dict[str, Any], settings: OperatorSettings, sources: Sources) -> dict[str, Any]:
    """Return the plan's spec, its batches, its cost by rover, and the seconds that it takes, about.

    Raises:
        ValueError: the request is not one, names an unknown source, or makes too many batches.
    """
    promised = {(str(rover), int(sol)): int(photos) for rover, sol, photos in request.get("promised") or []}
    if "spec" in request:
        spec = PlanSpec.model_validate(request["spec"])
        size = most_sols(spec.batch)
    else:
        schedule = parse_schedule(json.dumps(request.get("schedule")).encode())
        paces = {
            task.rover_name: Pace.of(
                sources.pick(schedule.source, task.rover_name, schedule.dataset)[1].requests_per_hour
            )
            for task in schedule.tasks
        }
        made = plan_from_schedule(schedule, settings.plan_defaults, paces)
        if made is None:
            raise ValueError("the schedule asks for nothing")
        spec, size = made, made.batch.max_sols
    facts: dict[str, SourceFacts] = {}
    for rover in spec.rovers:
        name, source = sources.pick(spec.source, rover.name, spec.dataset)
        facts[rover.name] = SourceFacts(name, source.page_size, source.requests_per_hour)
    batches = split(spec, size=size)
    parts = shares(batches, promised, facts)
    slots = min(spec.parallelism, settings.max_concurrent_jobs)
    return {
        "spec": spec.model_dump(by_alias=True, mode="json"),
        "batches": [{"index": batch.index, "rover": batch.rover, "sols": batch.text} for batch in batches],
        "rovers": [asdict(part) for part in parts],
        "jobs_at_a_time": slots,
        "seconds": round(seconds(parts, slots), 1),
    }


def main() -> None:
    """Read a request and print its answer; exit code 64 with a sentence where it is none."""
    try:
        answer = preview(json.load(sys.stdin), load_settings(), load_sources())
    except ValidationError as error:
        first = error.errors()[0]
        sys.exit(_refused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))
    except (ValueError, MessageError, ConfigError, TypeError) as error:
        sys.exit(_refused(str(error)))
    print(json.dumps(answer))


def _refused(sentence: str) -> int:
    print(f"mm-plan: {sentence}", file=sys.stderr)
    return BAD_REQUEST


if __name__ == "__main__":
    main()
