"""``mars status``: how complete the archive is, per rover, and how well its sources are."""

import argparse
import json
import sys
import time
from typing import Any, Final

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import add_place
from mm_cli.tables import table
from mm_cli.values import as_json, grouped

COLUMNS: Final = {
    "ROVER_NAME": "ROVER",
    "SOLS_PROMISED": "SOLS PROMISED",
    "SOLS_ARCHIVED": "ARCHIVED",
    "PHOTOS_PROMISED": "PHOTOS PROMISED",
    "PHOTOS_ARCHIVED": "ARCHIVED",
    "GAPS": "GAPS",
    "GAPS_DUE": "DUE",
    "GAPS_WAITING": "WAITING",
    "DRIVES": "DRIVES",
}
"""Columns of GOLD.ROVER_SUMMARY and their headings."""

SOURCES: Final = {
    "ROVER_NAME": "ROVER",
    "SOURCE": "SOURCE",
    "IS_IN_CHARGE": "IN CHARGE",
    "date_trunc('second', LAST_SUCCESS_AT)": "LAST SUCCESS",
    "round(100 * ERROR_RATE, 1)": "ERRORS %",
    "BUDGET_REMAINING": "BUDGET LEFT",
    "NEWEST_SOL": "NEWEST SOL",
    "round(FRESHNESS_HOURS / 24, 1)": "DAYS OLD",
}
"""Columns of SILVER.SOURCE_HEALTH and their headings."""

TIMES: Final = ("newest_photo_at", "manifest_at")
"""Columns of GOLD.FRESHNESS that are told as JSON."""

_NOT_BUILT: Final = "the warehouse has no GOLD.ROVER_SUMMARY yet: dbt has not run; `kubectl get jobs` shows if it does"
_IS_BUILT: Final = (
    "select count(*) from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = 'GOLD' and TABLE_NAME = 'ROVER_SUMMARY'"
)


def add_parser(commands: Any) -> None:
    """Add ``status`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "status",
        help="how complete the archive is, per rover, and how well its sources are",
        description="Print, per rover, what its manifest promises, what is archived, and the gaps; and of each of its "
        "sources whether it is in charge, when it last answered, and how new what it has is.",
        epilog="""examples:
  mars status
  mars status -n team -o json | jq '.[].gaps'""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_format(parser, "a JSON list of rovers, with a total")
    parser.add_argument("--check", action="store_true", help="exit 1 unless the archive is complete")
    parser.add_argument(
        "--watch", type=float, metavar="SECONDS", help="go on: a JSON line each time, until interrupted"
    )
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def complete(rovers: list[dict[str, Any]]) -> bool:
    """Return whether there are rovers, no gaps, and every promised photo is archived."""
    return bool(rovers) and all(
        not rover["gaps"] and rover["photos_archived"] == rover["photos_promised"] for rover in rovers
    )


def totals(rovers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums of all rovers' numbers: of those that are known, None where none is."""
    names = [name.lower() for name in COLUMNS if name != "ROVER_NAME"]
    known = {name: [rover[name] for rover in rovers if rover[name] is not None] for name in names}
    return {"rover_name": "all", **{name: sum(numbers) if numbers else None for name, numbers in known.items()}}


def run(arguments: argparse.Namespace) -> int:
    """Print the table, and say whether the archive is complete."""
    from mm_cli.reach import warehouse

    if arguments.watch is not None:
        return _watch(arguments)
    with warehouse(arguments) as session:
        rovers, sources = _rovers(session), _sources(session)
        times = _times(session) if arguments.output == "json" else {}
    whole = complete(rovers)
    if arguments.output == "json":
        told = [
            rover | times.get(rover["rover_name"], {}) | {"sources": _of(rover["rover_name"], sources)}
            for rover in rovers
        ]
        print(_json_line(told))
    else:
        shown = [*rovers, totals(rovers)] if len(rovers) > 1 else rovers
        print(table(list(COLUMNS.values()), [tuple(rover.values()) for rover in shown], _shown))
        print("the archive is complete" if whole else _why_not(rovers))
        if sources:
            print()
            print(table(list(SOURCES.values()), sources))
    return NOT_FOUND if arguments.check and not whole else 0


def _watch(arguments: argparse.Namespace) -> int:
    """Print a JSON line every so many seconds; a warehouse that is away for a while is asked again."""
    from mm_cli.reach import warehouse

    while True:
        try:
            with warehouse(arguments) as session:
                while True:
                    try:
                        print(_json_line(_rovers(session)), flush=True)
                    except CliError as error:
                        if error.code != NOT_FOUND:
                            raise
                        print("[]", flush=True)
                    time.sleep(arguments.watch)
        except CliError as error:
            print(f"mars: {error}; asking again", file=sys.stderr, flush=True)
            time.sleep(arguments.watch)


def _rovers(warehouse: Any) -> list[dict[str, Any]]:
    if not warehouse.rows(_IS_BUILT)[0][0]:
        raise CliError(_NOT_BUILT, NOT_FOUND)
    rows = warehouse.rows(f"select {', '.join(COLUMNS)} from GOLD.ROVER_SUMMARY order by ROVER_NAME")
    return [_rover(row) for row in rows]


def _sources(warehouse: Any) -> list[tuple[Any, ...]]:
    order = "order by ROVER_NAME, IS_IN_CHARGE desc, coalesce(PRECEDENCE, 1000), SOURCE"
    return list(warehouse.rows(f"select {', '.join(SOURCES)} from SILVER.SOURCE_HEALTH {order}"))


def _of(rover: str, sources: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    names = [heading.lower().replace(" ", "_").replace("%", "percent") for heading in SOURCES.values()]
    found = [dict(zip(names, row, strict=True)) for row in sources if row[0] == rover]
    return [{name: as_json(value) for name, value in one.items() if name != "rover"} for one in found]


def _times(session: Any) -> dict[str, dict[str, Any]]:
    """Return how new each rover's archive is, where that is built."""
    try:
        rows = session.rows(f"select ROVER_NAME, {', '.join(TIMES)} from GOLD.FRESHNESS")
    except CliError as error:
        if error.code != USAGE:
            raise
        return {}  # dbt has not built it yet
    return {row[0]: dict(zip(TIMES, row[1:], strict=True)) for row in rows}


def _json_line(rovers: list[dict[str, Any]]) -> str:
    return json.dumps([*rovers, totals(rovers)] if rovers else [], default=as_json)


def _rover(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a rover's numbers by name; where no layer tells a rover's drives they are unknown, which is not 0."""
    numbers = dict(zip((name.lower() for name in COLUMNS), row, strict=True))
    return {name: value if name == "rover_name" or value is None else int(value) for name, value in numbers.items()}


def _shown(value: object) -> str:
    return "unknown" if value is None else grouped(value)


def _why_not(rovers: list[dict[str, Any]]) -> str:
    if not rovers:
        return "no manifest is loaded yet: ask for them with `mars schedule --dataset manifests`"
    sums = totals(rovers)
    return (
        f"not complete: {sums['gaps']:,} gaps, of which {sums['gaps_due']:,} are due and {sums['gaps_waiting']:,} wait"
    )
