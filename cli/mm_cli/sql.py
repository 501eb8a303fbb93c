"""``mars sql``: ask the warehouse."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from mm_cli.errors import USAGE, CliError
from mm_cli.tables import table


def add_parser(commands: Any) -> None:
    """Add ``sql`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "sql",
        help="run a statement in the warehouse and print its rows",
        description="Run one statement of Snowflake's SQL and print its rows.",
        epilog="""examples:
  mars sql "select * from GOLD.ROVER_SUMMARY"
  mars sql -f query.sql --json
  echo "select count(*) from SILVER.FACT_PHOTOS" | mars sql -f -""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("statement", nargs="?", help="the statement")
    what.add_argument("-f", "--file", help="a file that holds it; - is the standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the rows of the statement."""
    from mm_cli.warehouse_session import session

    statement = (arguments.statement or _read(arguments.file)).strip().rstrip(";")
    if not statement:
        raise CliError("the statement is empty", USAGE)
    with session(arguments.timeout) as warehouse:
        names, rows = warehouse.answer(statement)
    if arguments.json:
        for row in rows:
            print(json.dumps(dict(zip(names, row, strict=True)), default=str, ensure_ascii=False))
        return 0
    if rows:
        print(table(names, rows))
    print(f"{len(rows)} rows", file=sys.stderr)
    return 0


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}", USAGE) from None
