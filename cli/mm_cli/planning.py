"""``mars plan``: what a request or a plan would be made of and cost, without asking for it."""

import argparse
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mm_contracts.keys import DATASETS, PHOTOS
from mm_contracts.sols import format_sols, parse_sols

from mm_cli.errors import USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import Place, Release, add_place, release_of
from mm_cli.schedule import tasks_of
from mm_cli.tables import table
from mm_cli.values import grouped

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_SHOWN: int = 20
_PROMISED = (
    "select ROVER_NAME, SOL, PROMISED_PHOTOS from SILVER.SOL_PROMISES where ROVER_NAME = ? and SOL between ? and ?"
)


def add_parser(commands: Any) -> None:
    """Add ``plan`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "plan",
        help="what a request or a plan would cost: batches, requests, time",
        description="Say what the operator would make of a request, or of a plan in a file: its batches, the requests "
        "to each source, and how long they take at its budget. Nothing is asked for.",
        epilog="""examples:
  mars plan --rover Curiosity --sols 0-100
  mars plan -f examples/plan.yaml
  mars plan --rover Spirit --sols 1-500 -o json""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-f", "--file", default="", help="an IngestionPlan in YAML or JSON; the cluster checks it, too")
    parser.add_argument("--dataset", choices=DATASETS, default=PHOTOS, help="what to ask for (default: photos)")
    parser.add_argument("--rover", action="append", default=[], metavar="NAME", help="default: all that have the data")
    parser.add_argument("--sols", default="", help="for photos: numbers and ranges, such as 0-10,1000")
    parser.add_argument("--source", default="", help="a configured source's name (default: the rover's first)")
    add_format(parser, "the plan's spec, batches and costs")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask the operator's own functions, in its pod, and print what they say."""
    if arguments.file and (arguments.rover or arguments.sols):
        raise CliError("a plan in a file says its rovers and sols itself: leave out --rover and --sols", USAGE)
    tasks = [] if arguments.file else tasks_of(arguments.dataset, arguments.rover, arguments.sols)
    release = release_of(Place.of(arguments))
    if arguments.file:
        # The API server reads it as it would, rules and all, and keeps nothing.
        plan = release.kube.json("apply", "--dry-run=server", "-f", arguments.file)
        wanted = [(one["name"], list(one.get("sols") or [])) for one in plan["spec"]["rovers"]]
        request: dict[str, Any] = {"spec": plan["spec"]}
    else:
        wanted = [(name, [arguments.sols] if arguments.sols else []) for name in {t["rover_name"]: 0 for t in tasks}]
        request = {"schedule": _schedule(arguments, tasks)}
    asked = {rover: sorted({sol for text in texts for sol in parse_sols(text)}) for rover, texts in wanted}
    promised, problem = _promised(arguments, asked)
    request["promised"] = [[rover, sol, photos] for (rover, sol), photos in promised.items()]
    for task in tasks:
        if (task["rover_name"], task.get("sol", -1)) in promised:
            task["photos"] = promised[task["rover_name"], task["sol"]]
    told = ask_operator(release, request)
    told["in_hand"] = in_hand(release.plans(), asked)
    if arguments.output == "json":
        print(json.dumps(told, indent=2))
        return 0
    _print(told)
    if problem:
        print(f"\nhow many photos each sol has is not known ({problem}): requests and time may be more")
    return 0


def ask_operator(release: Release, request: dict[str, Any]) -> dict[str, Any]:
    """Return what ``mm-plan`` in the operator's pod makes of a request. Raises CliError."""
    said = release.kube.run(
        "exec", "-i", f"deploy/{release.prefix}-operator", "--", "mm-plan", stdin=json.dumps(request)
    )
    answer = json.loads(said)
    return answer if isinstance(answer, dict) else {}


def in_hand(plans: list[dict[str, Any]], asked: dict[str, list[int]]) -> list[dict[str, Any]]:
    """Return which of the sols live plans name as well: what they have still in hand is left out of a new plan."""
    found = []
    for plan in plans:
        spec, status = plan.get("spec") or {}, plan.get("status") or {}
        if status.get("phase") in ("Complete", "Failed", "Invalid") or spec.get("dataset", PHOTOS) != PHOTOS:
            continue
        for rover in spec.get("rovers") or []:
            own = {sol for text in rover.get("sols") or [] for sol in parse_sols(text)}
            if common := own & set(asked.get(rover.get("name", ""), [])):
                name = plan["metadata"]["name"]
                found.append({"plan": name, "rover": rover["name"], "sols": format_sols(sorted(common))})
    return found


def duration(seconds: float) -> str:
    """Return a length of time as people say it: 40 s, 12 min, 3 h 05 min, 2 d 4 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _schedule(arguments: argparse.Namespace, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = {"ingestion_schedule": {"tasks": tasks}, "status": "success", "timestamp": stamp}
    return asked | {"dataset": arguments.dataset} | ({"source": arguments.source} if arguments.source else {})


def _promised(arguments: argparse.Namespace, asked: dict[str, list[int]]) -> tuple[dict[tuple[str, int], int], str]:
    """Return the promised photos by rover and sol as the warehouse knows them, and why it could not be asked."""
    from mm_cli.reach import warehouse

    if not any(asked.values()):
        return {}, ""
    try:
        with warehouse(arguments) as session:
            return _promises(session, asked), ""
    except CliError as error:
        return {}, str(error)


def _promises(session: "Session", asked: dict[str, list[int]]) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for rover, sols in asked.items():
        if sols:
            rows = session.rows(_PROMISED, (rover, sols[0], sols[-1]))
            found |= {(str(row[0]), int(row[1])): int(row[2]) for row in rows if int(row[1]) in set(sols)}
    return found


def _print(told: dict[str, Any]) -> None:
    rows = [
        (
            part["rover"],
            part["source"],
            part["batches"],
            part["sols"],
            part["photos"],
            part["requests"],
            part["requests_per_hour"] or "no limit",
        )
        for part in told["rovers"]
    ]
    headers = ("ROVER", "SOURCE", "BATCHES", "SOLS", "PHOTOS", "REQUESTS", "REQUESTS AN HOUR")
    print(table(headers, rows, grouped))
    batches = told["batches"]
    for batch in batches[:_SHOWN]:
        print(f"  batch {batch['index']}: {batch['rover']} {batch['sols']}".rstrip())
    if len(batches) > _SHOWN:
        print(f"  and {len(batches) - _SHOWN} more: -o json tells all")
    for one in told["in_hand"]:
        print(f"plan {one['plan']} has sols {one['sols']} of {one['rover']}: what it has in hand is left out")
    jobs = told["jobs_at_a_time"]
    print(
        f"{len(batches):,} batches, {jobs} at a time: about {duration(told['seconds'])} where nothing else runs and "
        "the hour's requests are all left"
    )
