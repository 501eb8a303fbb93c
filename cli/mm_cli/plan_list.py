"""``mars plans``: the plans of a release, and how far each is."""

import argparse
import json
from datetime import datetime
from typing import Any

from mm_contracts.sols import parse_sols

from mm_cli.options import add_format
from mm_cli.place import Place, add_place, release_of
from mm_cli.plans import phase_of
from mm_cli.tables import table

_HEADERS = ("PLAN", "DATASET", "ROVERS", "PHASE", "DONE", "FAILED", "PHOTOS", "REASON", "MADE (UTC)")


def add_parser(commands: Any) -> None:
    """Add ``plans`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "plans",
        help="the plans, and how far each is",
        description="List the plans, newest first. What fails or waits stands in REASON; `mars why PLAN` says more.",
        epilog="""examples:
  mars plans
  mars plans --live
  mars plans -o json | jq '.[] | select(.failed > 0)'""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--live", action="store_true", help="only those that have not ended")
    parser.add_argument("--limit", type=int, default=30, metavar="N", help="the newest N (default: 30; 0 is all)")
    add_format(parser, "a JSON list of plans")
    add_place(parser)
    parser.set_defaults(func=run)


def summary(plan: dict[str, Any]) -> dict[str, Any]:
    """Return what a plan comes to, with its times in ISO 8601."""
    spec, status = plan.get("spec") or {}, plan.get("status") or {}
    batches = status.get("batches") or {}
    return {
        "plan": plan["metadata"]["name"],
        "dataset": spec.get("dataset", "photos"),
        "rovers": [rover["name"] for rover in spec.get("rovers") or []],
        "phase": phase_of(plan),
        "suspended": bool(spec.get("suspend")),
        "reason": status.get("reason", ""),
        "batches": int(batches.get("total") or 0),
        "succeeded": int(batches.get("succeeded") or 0),
        "failed": int(batches.get("failed") or 0),
        "failed_numbers": list(parse_sols(status["failedIndexes"])) if status.get("failedIndexes") else [],
        "sols": int(status.get("sols") or 0),
        "photos": int(status.get("photos") or 0),
        "made_at": plan["metadata"].get("creationTimestamp"),
        "started_at": status.get("startedAt"),
        "finished_at": status.get("finishedAt"),
    }


def run(arguments: argparse.Namespace) -> int:
    """Print the plans."""
    plans = [summary(plan) for plan in release_of(Place.of(arguments)).plans()]
    plans.sort(key=lambda plan: str(plan["made_at"]), reverse=True)
    if arguments.live:
        plans = [plan for plan in plans if plan["phase"] not in ("Complete", "Failed", "Invalid")]
    shown = plans[: arguments.limit] if arguments.limit > 0 else plans
    if arguments.output == "json":
        print(json.dumps(shown, indent=2))
        return 0
    if not shown:
        print("there are no plans" + (" that have not ended" if arguments.live else ""))
        return 0
    rows = [
        (
            plan["plan"],
            plan["dataset"],
            ", ".join(plan["rovers"]),
            plan["phase"],
            f"{plan['succeeded']}/{plan['batches']}",
            failed_text(plan["failed"], plan["failed_numbers"]),
            plan["photos"],
            plan["reason"],
            _made(plan["made_at"]),
        )
        for plan in shown
    ]
    print(table(_HEADERS, rows))
    if len(shown) < len(plans):
        print(f"and {len(plans) - len(shown)} older ones: --limit 0 shows all")
    return 0


def failed_text(count: int, numbers: list[int]) -> str:
    """Return how many batches failed and which: a number alone could be taken for either."""
    if not count:
        return "none"
    which = ", ".join(map(str, numbers[:3])) + (", ..." if len(numbers) > 3 else "")
    return f"{count} (no. {which})" if numbers else str(count)


def _made(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
