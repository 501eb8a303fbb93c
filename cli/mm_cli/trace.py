"""``mars trace``: a sol's whole way, or everything that one trace id did."""

import argparse
import re
from typing import TYPE_CHECKING, Any, Final

from mm_contracts.bronze import LEDGER, SCHEDULES, TABLES
from mm_contracts.keys import PHOTOS
from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import parse_sols

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.place import add_place
from mm_cli.tables import table

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_OBJECT: Final = ("WRITTEN (UTC)", "PLAN", "BATCH", "TRY", "SOURCE", "LOAD", "LOADED (UTC)", "OBJECT")


def add_parser(commands: Any) -> None:
    """Add ``trace`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "trace",
        help="find a sol's whole way, or what a trace id did",
        description="Print how a sol came into the archive: schedules, plan, object, load, and what came; or all "
        "objects of one trace id.",
        epilog="""examples:
  mars trace curiosity/1000
  mars trace 4bf92f3577b34da6a3ce929d0e0e4736""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", metavar="ROVER/SOL|TRACE-ID")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def parse_subject(text: str) -> tuple[str, int] | str:
    """Return (rover, sol) or a trace id.

    Raises:
        CliError: it is neither.
    """
    rover, slash, sol = text.partition("/")
    if slash:
        try:
            (number,) = parse_sols(sol)
            return canonical_rover(rover), number
        except ValueError as error:
            raise CliError(f"{text!r} is not a rover and one sol: {error}", USAGE) from None
    if _TRACE_ID.fullmatch(text.lower()):
        return text.lower()
    raise CliError(f"{text!r} is neither rover/sol, such as curiosity/1000, nor a trace id of 32 digits", USAGE)


def run(arguments: argparse.Namespace) -> int:
    """Print what is known."""
    from mm_cli.reach import warehouse

    subject = parse_subject(arguments.what)
    with warehouse(arguments) as session:
        found = _trace_id(session, subject) if isinstance(subject, str) else _sol(session, *subject)
    if not found:
        print(
            f"nothing in the warehouse speaks of {arguments.what}; what is not loaded yet shows in `kubectl get iplan`"
        )
        return NOT_FOUND
    return 0


def _sol(warehouse: "Session", rover: str, sol: int) -> bool:
    schedules = warehouse.rows(
        f"select SCHEDULED_AT, SCHEDULE_ID, ATTEMPT, REASON from {SCHEDULES} "
        "where ROVER_NAME = ? and SOL = ? order by SCHEDULED_AT",
        (rover, sol),
    )
    _print("schedules", ("WHEN (UTC)", "SCHEDULE", "TRY", "REASON"), schedules)
    objects = warehouse.rows(
        "select r.INGESTION_DATE, r.PLAN, r.BATCH, r.ATTEMPT, r.SOURCE, r.LOAD_ID, r.LOADED_AT, r.OBJECT_KEY, "
        "s.value:status::varchar, s.value:promised_photos::varchar, s.value:received_photos::varchar, "
        "s.value:reason::varchar, s.value:message::varchar, r.TRACE_ID "
        f"from {TABLES[PHOTOS].qualified} r, lateral flatten(input => r.SOLS) s "
        "where r.ROVER_NAME = ? and r.SOL_START <= ? and r.SOL_END >= ? "
        "and try_cast(s.value:sol::varchar as integer) = ? "
        "order by r.INGESTION_DATE",
        (rover, sol, sol, sol),
    )
    _print("objects", _OBJECT, [row[:8] for row in objects])
    headers = ("WRITTEN (UTC)", "STATUS", "PROMISED", "CAME", "REASON", "MESSAGE", "TRACE")
    _print("what came", headers, [(row[0], *row[8:14]) for row in objects])
    return bool(schedules or objects)


def _trace_id(warehouse: "Session", trace_id: str) -> bool:
    found = False
    for dataset, bronze in TABLES.items():
        rows = warehouse.rows(
            "select r.INGESTION_DATE, r.PLAN, r.BATCH, r.ATTEMPT, r.SOURCE, r.LOAD_ID, r.LOADED_AT, r.OBJECT_KEY "
            f"from {bronze.qualified} r inner join {LEDGER} l on l.OBJECT_KEY = r.OBJECT_KEY and l.ETAG = r.ETAG "
            "where r.TRACE_ID = ? order by r.INGESTION_DATE",
            (trace_id,),
        )
        _print(dataset, _OBJECT, rows)
        found = found or bool(rows)
    return found


def _print(title: str, headers: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        print(f"{title}:\n{table(headers, rows)}\n")
