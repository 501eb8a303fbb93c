"""``mars gaps``: what the archive lacks, and why."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import format_sols

from mm_cli.advice import advice
from mm_cli.errors import USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import add_place
from mm_cli.tables import table
from mm_cli.values import as_json

STATES = ("missing", "waiting", "failed", "mismatch", "growing", "unpromised")
_SQL = (
    "select ROVER_NAME, SOL, STATE, REASON, PROMISED_PHOTOS, ARCHIVED_PHOTOS, ATTEMPTS, NEXT_ATTEMPT_AT, IS_DUE, WHY "
    "from GOLD.ARCHIVE_PROGRESS where STATE <> 'complete' order by ROVER_NAME, SOL"
)


def add_parser(commands: Any) -> None:
    """Add ``gaps`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "gaps",
        help="what the archive lacks, and why",
        description="List the sols that are not complete, by rover, state and reason; --each lists every one.",
        epilog="""examples:
  mars gaps
  mars gaps --rover curiosity --state failed --each
  mars gaps -o json | jq 'map(.promised_photos - .archived_photos) | add'""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rover", default="", metavar="NAME", help="only of this rover")
    parser.add_argument("--state", choices=STATES, default="", help="only in this state (default: all but growing)")
    parser.add_argument("--each", action="store_true", help="a row for each sol")
    add_format(parser, "a JSON list of sols")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the gaps."""
    from mm_cli.reach import warehouse

    try:
        rover = canonical_rover(arguments.rover) if arguments.rover else ""
    except ValueError as error:
        raise CliError(str(error), USAGE) from None
    with warehouse(arguments) as session:
        names, rows = session.answer(_SQL)
    every = [dict(zip([name.lower() for name in names], row, strict=True)) for row in rows]
    gaps = [
        gap
        for gap in every
        if rover in ("", gap["rover_name"])
        and (gap["state"] == arguments.state if arguments.state else gap["state"] != "growing")
    ]
    if arguments.output == "json":
        print(json.dumps(gaps, indent=2, default=as_json, ensure_ascii=False))
        return 0
    if not gaps:
        print("nothing is missing, as far as the manifests are known")
        return 0
    if arguments.each:
        columns = ("rover_name", "sol", "state", "reason", "promised_photos", "archived_photos", "attempts", "why")
        print(table([name.upper() for name in columns], [[gap[name] for name in columns] for gap in gaps]))
    else:
        headers = ("ROVER", "STATE", "REASON", "SOLS", "WHICH", "MISSING PHOTOS", "NEXT (UTC)", "WHAT TO DO")
        print(table(headers, grouped(gaps)))
    return 0


def grouped(gaps: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return a row for each rover, state and reason, those with most sols first."""
    groups: dict[tuple[str, str, str | None], list[dict[str, Any]]] = {}
    for gap in gaps:
        groups.setdefault((gap["rover_name"], gap["state"], gap["reason"]), []).append(gap)
    rows = []
    for (rover, state, reason), own in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0][:2])):
        which = format_sols([gap["sol"] for gap in own])
        missing = sum(max(0, (gap["promised_photos"] or 0) - (gap["archived_photos"] or 0)) for gap in own)
        times = [gap["next_attempt_at"] for gap in own if gap["next_attempt_at"]]
        shown = which if len(which) <= 30 else f"{which[:27]}..."
        rows.append((rover, state, reason, len(own), shown, missing, min(times, default=None), advice(reason, state)))
    return rows
