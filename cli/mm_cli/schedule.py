"""``mars schedule``: ask for manifests, coordinates or sols."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_contracts.keys import COORDINATES, DATASETS, IMAGES, MANIFESTS, PHOTOS
from mm_contracts.rovers import ROVERS, TRAVERSE_ROVERS, canonical_rover
from mm_contracts.sols import format_sols, parse_sols
from mm_contracts.topics import SCHEDULING, TRACEPARENT, new_trace_id, traceparent

from mm_cli.errors import USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import add_place

if TYPE_CHECKING:
    from mm_contracts.sources import Sources

_TASKS_A_MESSAGE = 5_000


def add_parser(commands: Any) -> None:
    """Add ``schedule`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "schedule",
        help="ask for manifests, coordinates or sols",
        description="Publish a schedule; the operator turns it into an IngestionPlan.",
        epilog="""examples:
  mars schedule --dataset manifests
  mars schedule --dataset coordinates --rover Perseverance
  mars schedule --rover Curiosity --sols 0-10,1000""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dataset", choices=(*DATASETS, IMAGES), default=PHOTOS, help="what to ask for (default: photos)"
    )
    parser.add_argument("--rover", action="append", default=[], metavar="NAME", help="default: all that have the data")
    parser.add_argument(
        "--sols",
        default="",
        help="for photos and images: numbers and ranges, such as 0-10,1000; images without: the newest sols",
    )
    for option, words in (
        ("--size", "for images: small, medium, large or full, where a source has several (default: large)"),
        ("--newest", "for images without sols: how many of the newest (default: 1)"),
        ("--max-bytes", "for images: bytes that one batch fetches at most (default: 500000000)"),
        ("--max-requests", "for images: requests that one batch makes at most (default: 2000)"),
    ):
        parser.add_argument(option, default="", metavar="VALUE", help=words)
    parser.add_argument("--camera", action="append", default=[], metavar="NAME", help="for images: only of this camera")
    parser.add_argument("--schedule-id", default="", metavar="ID", help="published twice, the same id is one plan")
    parser.add_argument(
        "--source",
        default="",
        help="a configured source's name (default: for manifests each of a rover's sources, which MARS_SOURCES_FILE "
        "tells, so that another can take over; else the rover's first)",
    )
    add_format(parser, "dataset, rovers, sols, schedule ids and trace id, as a JSON object")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="wait for Kafka (default: 120)")
    add_place(parser)
    parser.set_defaults(func=run)


def tasks_of(dataset: str, rovers: list[str], sols: str) -> list[dict[str, Any]]:
    """Return the tasks of a request.

    Raises:
        CliError: an unknown rover, sols that do not fit the dataset, or a rover without the data.
    """
    try:
        names = [canonical_rover(rover) for rover in rovers]
        numbers = parse_sols(sols) if sols else ()
    except ValueError as error:
        raise CliError(str(error), USAGE) from None
    if dataset == PHOTOS and not numbers:
        raise CliError("photos need sols: add --sols, such as --sols 0-10", USAGE)
    if dataset in (PHOTOS, IMAGES) and numbers:
        return [
            {"rover_name": rover, "sol": sol, "reason": "Requested"} for sol in numbers for rover in names or ROVERS
        ]
    if numbers:
        raise CliError(f"{dataset} come whole: leave out --sols", USAGE)
    available = TRAVERSE_ROVERS if dataset == COORDINATES else ROVERS
    missing = [name for name in names if name not in available]
    if missing:
        raise CliError(f"there are no {dataset} of {', '.join(missing)}: only of {', '.join(available)}", USAGE)
    return [{"rover_name": rover} for rover in names or available]


def images_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return which pictures are wanted, in the words of a schedule; empty where nothing is said.

    Raises:
        CliError: they cannot be; or the schedule is not of pictures.
    """
    given = {
        "size": arguments.size,
        "newest": arguments.newest,
        "maxBytes": arguments.max_bytes,
        "maxRequests": arguments.max_requests,
        "cameras": arguments.camera,
    }
    said = {name: value for name, value in given.items() if value}
    if not said:
        return {}
    if arguments.dataset != IMAGES:
        raise CliError(f"{', '.join(said)} say which images are wanted: add --dataset images", USAGE)
    return checked(said)


def checked(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a schedule says of pictures. Raises CliError where it cannot be."""
    from mm_contracts.plan import ImageOptions
    from pydantic import ValidationError

    try:
        options = ImageOptions.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        raise CliError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}", USAGE) from None
    return options.model_dump(by_alias=True, exclude_defaults=True)


def messages_of(
    dataset: str,
    tasks: list[dict[str, Any]],
    schedule_id: str,
    source: str,
    now: datetime,
    images: Mapping[str, Any] | None = None,
) -> list[tuple[str, bytes]]:
    """Return (schedule id, value) of the messages: one, or several numbered ones where the tasks are very many."""
    from mm_contracts.messages import schedule_message

    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not schedule_id:
        cause = f"{dataset}|{stamp}|{source}|{tasks}{images or ''}"
        schedule_id = f"cli-{dataset}-{hashlib.sha256(cause.encode()).hexdigest()[:12]}"
    parts = [tasks[start : start + _TASKS_A_MESSAGE] for start in range(0, len(tasks), _TASKS_A_MESSAGE)]
    ids = [schedule_id] if len(parts) == 1 else [f"{schedule_id}-{number}" for number in range(1, len(parts) + 1)]
    return [
        (name, schedule_message(dataset, part, schedule_id=name, timestamp=stamp, source=source, images=images))
        for name, part in zip(ids, parts, strict=True)
    ]


def by_source(
    dataset: str, tasks: list[dict[str, Any]], source: str, sources: "Sources | None"
) -> dict[str, list[dict[str, Any]]]:
    """Return the tasks by the source that they name; the empty name leaves the choice to the operator.

    The manifest of each source of a rover is wanted: only so is it known whether another is well, and what it has.
    """
    if source or dataset != MANIFESTS or sources is None:
        return {source: tasks}
    found: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        names = sources.ordered(task["rover_name"], MANIFESTS)
        for name in names if len(names) > 1 else [""]:
            found.setdefault(name, []).append(task)
    return found


def _sources() -> "Sources | None":
    """Return the configured sources, where MARS_SOURCES_FILE is a file. Raises CliError."""
    path = Path(os.environ.get("MARS_SOURCES_FILE") or "/etc/martian-moments/sources.json")
    if not path.is_file():
        return None
    from mm_contracts.sources import Sources

    try:
        return Sources.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CliError(f"the sources in {path} cannot be read: {error}") from None


def run(arguments: argparse.Namespace) -> int:
    """Publish the schedule and say how to follow it."""
    from mm_cli.kafka_session import names, publish
    from mm_cli.reach import in_the_operator

    tasks, images = tasks_of(arguments.dataset, arguments.rover, arguments.sols), images_of(arguments)
    if (code := in_the_operator(arguments)) is not None:
        return code
    trace_id, now = new_trace_id(), datetime.now(UTC)
    messages = []
    for source, part in by_source(arguments.dataset, tasks, arguments.source, _sources()).items():
        own = f"{arguments.schedule_id}-{source}" if arguments.schedule_id and source else arguments.schedule_id
        messages += messages_of(arguments.dataset, part, own, source, now, images)
    headers = {TRACEPARENT: traceparent(trace_id).encode()}
    topic = names().topic(SCHEDULING)
    publish([(topic, name.encode(), value, headers) for name, value in messages], arguments.timeout)
    rovers = list(dict.fromkeys(task["rover_name"] for task in tasks))
    sols = format_sols(task["sol"] for task in tasks if "sol" in task)
    if arguments.output == "json":
        told = {"dataset": arguments.dataset, "rovers": rovers, "sols": sols}
        print(json.dumps(told | {"schedules": [name for name, _ in messages], "trace_id": trace_id}, indent=2))
        return 0
    what = arguments.dataset
    if arguments.dataset == IMAGES and not arguments.sols:
        what = "images of the newest sols"
    elif arguments.dataset in (PHOTOS, IMAGES):
        what = f"{arguments.dataset} of sols {sols}"
    print(f"scheduled {what} of {', '.join(rovers)}")
    print(f"schedule {', '.join(name for name, _ in messages)}  trace {trace_id}")
    if arguments.dataset == MANIFESTS:
        print("the gaps that the manifests show are scheduled by themselves", file=sys.stderr)
    return 0
