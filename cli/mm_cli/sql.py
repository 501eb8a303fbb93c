"""``mars sql``: ask the warehouse."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_cli.errors import USAGE, CliError
from mm_cli.pager import columns, page
from mm_cli.place import add_place
from mm_cli.results import Result, Target, target_of, text_of, write
from mm_cli.statements import Statement, split

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session


def add_parser(commands: Any) -> None:
    """Add ``sql`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "sql",
        help="run statements in the warehouse and print their rows",
        description="Run statements of Snowflake's SQL and print the rows of each. Names without a schema are looked "
        "up in GOLD, then in SILVER. The user may only read, unless --owner is given.",
        epilog="""examples:
  mars sql "select * from rover_summary"
  mars sql -x "select * from photos limit 1"
  mars sql "select rover_name, count(*) from photos group by all" -o csv
  mars sql "select * from drives" -o drives.parquet
  mars sql -f query.sql -o json
  echo "select count(*) from fact_photos" | mars sql -f -""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("statement", nargs="?", help="one or more, with ; between them; \\G in its place: vertical")
    what.add_argument("-f", "--file", help="a file that holds them; - is the standard input")
    add_output(parser)
    parser.add_argument("--owner", action="store_true", help="as the user that owns the tables, who may change them")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how rows are shown."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "-o",
        "--output",
        default="",
        metavar="FORMAT|FILE",
        help="table, vertical, csv, json or jsonl; or a file .csv, .json, .jsonl, .parquet (default: table)",
    )
    form.add_argument("-x", "--vertical", action="store_true", help="each row as a block with a line per column")
    form.add_argument("--json", action="store_true", help="one JSON object per row, as -o jsonl")
    parser.add_argument("--no-pager", action="store_true", help="print long results at once")


def output_of(arguments: argparse.Namespace) -> Target:
    """Return what the options of ``add_output`` ask for. Raises CliError."""
    if arguments.vertical:
        return Target("vertical")
    return Target("jsonl") if arguments.json else target_of(arguments.output)


def run(arguments: argparse.Namespace) -> int:
    """Print the rows of each statement."""
    from mm_cli.reach import warehouse

    target = output_of(arguments)
    text = _read(arguments.file) if arguments.file is not None else arguments.statement or ""
    statements = split(text)
    if not statements:
        raise CliError('the statement is empty: give one, such as "select * from rover_summary"', USAGE)
    if target.file is not None and len(statements) > 1:
        raise CliError(f"{target.file} takes the rows of one statement, and there are {len(statements)}", USAGE)
    with warehouse(arguments, owner=arguments.owner) as session:
        for statement in statements:
            answer(session, statement, target, use_pager=not arguments.no_pager)
    return 0


def answer(
    session: "Session", statement: Statement, target: Target, *, use_pager: bool, binds: Sequence[object] = ()
) -> None:
    """Run one statement with its binds, and show or write its rows."""
    started = time.monotonic()
    names, rows = session.answer(statement.text, binds)
    from mm_cli.columns import column_names

    result = Result(column_names(statement.text, names), rows)
    took = f" in {time.monotonic() - started:.1f} s" if sys.stderr.isatty() else ""
    number = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    if target.file is not None:
        write(result, target)
        print(f"{number} in {target.file}", file=sys.stderr)
        return
    form = "vertical" if statement.vertical else target.format
    page(text_of(result, form, columns()), use=use_pager)
    if form not in ("json", "jsonl", "csv"):
        sys.stdout.flush()
        print(f"{number}{took}", file=sys.stderr)


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}", USAGE) from None
    except UnicodeDecodeError:
        raise CliError(f"cannot read {path}: it is no text in UTF-8", USAGE) from None
