"""``mars trace``: a sol's whole way, or everything that one trace id did."""

import argparse
import json
import re
from typing import TYPE_CHECKING, Any, Final

from mm_contracts.bronze import LEDGER, SCHEDULES, TABLES
from mm_contracts.keys import PHOTOS
from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import parse_sols

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import add_place
from mm_cli.tables import table
from mm_cli.values import as_json

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
Rows = list[dict[str, Any]]

_HEADERS: Final = {
    "scheduled_at": "WHEN (UTC)",
    "written_at": "WRITTEN (UTC)",
    "loaded_at": "LOADED (UTC)",
    "created_at": "MADE (UTC)",
    "ended_at": "ENDED (UTC)",
    "waited_seconds": "WAITED S",
    "run_seconds": "RAN S",
    "attempt": "TRY",
    "schedule_id": "SCHEDULE",
    "load_id": "LOAD",
    "object_key": "OBJECT",
    "promised_photos": "PROMISED",
    "received_photos": "CAME",
    "trace_id": "TRACE",
    "name": "JOB",
}
"""Headings that are not the column's own name."""

_SCHEDULES: Final = (
    f"select SCHEDULED_AT, SCHEDULE_ID, ATTEMPT, REASON from {SCHEDULES} "
    "where ROVER_NAME = ? and SOL = ? order by SCHEDULED_AT"
)
_OBJECT: Final = (
    "r.INGESTION_DATE as WRITTEN_AT, r.PLAN, r.BATCH, r.ATTEMPT, r.SOURCE, r.LOAD_ID, r.LOADED_AT, r.OBJECT_KEY, "
    "r.TRACE_ID"
)
_OBJECTS: Final = (
    f"select {_OBJECT}, s.value:status::varchar as STATUS, s.value:promised_photos::varchar as PROMISED_PHOTOS, "
    "s.value:received_photos::varchar as RECEIVED_PHOTOS, s.value:reason::varchar as REASON, "
    "s.value:message::varchar as MESSAGE "
    f"from {TABLES[PHOTOS].qualified} r, lateral flatten(input => r.SOLS) s "
    "where r.ROVER_NAME = ? and r.SOL_START <= ? and r.SOL_END >= ? "
    "and try_cast(s.value:sol::varchar as integer) = ? "
    "order by r.INGESTION_DATE"
)
_HAS_HISTORY: Final = (
    "select count(*) from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = 'GOLD' and TABLE_NAME = 'WORK_HISTORY'"
)
_JOBS: Final = (
    "select KIND, NAME, OUTCOME, REASON, CREATED_AT, ENDED_AT, "
    "round(TOTAL_SECONDS - RUN_SECONDS, 1) as WAITED_SECONDS, round(RUN_SECONDS, 1) as RUN_SECONDS, MESSAGE "
    "from GOLD.WORK_HISTORY where {condition} order by CREATED_AT, NAME"
)
_OBJECT_COLUMNS: Final = ("written_at", "plan", "batch", "attempt", "source", "load_id", "loaded_at", "object_key")
_CAME_COLUMNS: Final = (
    "written_at", "status", "promised_photos", "received_photos", "reason", "message", "trace_id"
)  # fmt: skip


def add_parser(commands: Any) -> None:
    """Add ``trace`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "trace",
        help="find a sol's whole way, or what a trace id did",
        description="Print how a sol came into the archive: schedules, Jobs with their durations (ingest, load, dbt), "
        "objects, loads, and what came; or all Jobs and objects of one trace id.",
        epilog="""examples:
  mars trace curiosity/1000
  mars trace 4bf92f3577b34da6a3ce929d0e0e4736
  mars trace curiosity/1000 -o json | jq '.jobs[].run_seconds'""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", metavar="ROVER/SOL|TRACE-ID")
    add_format(parser, "schedules, jobs and objects as a JSON object")
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
        found = of_trace(session, subject) if isinstance(subject, str) else of_sol(session, *subject)
    if not any(found.values()):
        print(f"nothing in the warehouse speaks of {arguments.what}: `mars plans --live` shows what is not loaded yet")
        return NOT_FOUND
    if arguments.output == "json":
        print(json.dumps(found, indent=2, default=as_json, ensure_ascii=False))
        return 0
    for title, rows in found.items():
        _print(title, rows)
    return 0


def of_sol(session: "Session", rover: str, sol: int) -> dict[str, Rows]:
    """Return schedules, Jobs (those that fetched it, loads and dbt runs of its traces) and objects of a sol."""
    schedules = _rows(session, _SCHEDULES, (rover, sol))
    objects = _rows(session, _OBJECTS, (rover, sol, sol, sol))
    return {"schedules": schedules, "jobs": _jobs(session, objects), "objects": objects}


def of_trace(session: "Session", trace_id: str) -> dict[str, Rows]:
    """Return Jobs and objects of a trace id, the objects by dataset."""
    found: dict[str, Rows] = {"jobs": _history(session, "TRACE_ID = ?", (trace_id,))}
    for dataset, bronze in TABLES.items():
        found[dataset] = _rows(
            session,
            f"select {_OBJECT} from {bronze.qualified} r "
            f"inner join {LEDGER} l on l.OBJECT_KEY = r.OBJECT_KEY and l.ETAG = r.ETAG "
            "where r.TRACE_ID = ? order by r.INGESTION_DATE",
            (trace_id,),
        )
    return found


def _jobs(session: "Session", objects: Rows) -> Rows:
    """Return the Jobs of objects: those of their batches, and the loads and dbt runs of their traces."""
    found: dict[str, dict[str, Any]] = {}
    for one in objects:
        own = _history(session, "PLAN = ? and BATCH = ? and KIND = 'ingest'", (one["plan"], one["batch"]))
        later = _history(session, "TRACE_ID = ? and KIND <> 'ingest'", (one["trace_id"],))
        found |= {job["name"]: job for job in (*own, *later)}
    return list(found.values())


def _history(session: "Session", condition: str, binds: tuple[object, ...]) -> Rows:
    if not session.rows(_HAS_HISTORY)[0][0]:
        return []  # dbt has not run yet
    return _rows(session, _JOBS.format(condition=condition), binds)


def _rows(session: "Session", sql: str, binds: tuple[object, ...]) -> Rows:
    names, rows = session.answer(sql, binds)
    return [dict(zip([name.lower() for name in names], row, strict=True)) for row in rows]


def _print(title: str, rows: Rows) -> None:
    if not rows:
        return
    if title in ("schedules", "jobs"):
        parts = {title: tuple(rows[0])}
    elif "status" in rows[0]:
        parts = {title: _OBJECT_COLUMNS, "what came": _CAME_COLUMNS}
    else:
        parts = {title: _OBJECT_COLUMNS}
    for name, columns in parts.items():
        headers = [_HEADERS.get(column, column.upper()) for column in columns]
        print(f"{name}:\n{table(headers, [[row[column] for column in columns] for row in rows])}\n")
