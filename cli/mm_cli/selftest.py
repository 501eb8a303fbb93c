"""``mars selftest``: have one sol fetched, and wait until gold has it. ``helm test`` runs it on a release."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mm_contracts.bronze import LEDGER, TABLES
from mm_contracts.keys import PHOTOS
from mm_contracts.topics import SCHEDULING, TRACEPARENT, new_trace_id, traceparent

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.schedule import messages_of, tasks_of

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_PAUSE: Final = 3.0
"""Seconds between two looks at the warehouse."""

_SMALLEST: Final = """
select ROVER_NAME, SOL from SILVER.SOL_PROMISES where PROMISED_PHOTOS > 0
order by PROMISED_PHOTOS, ROVER_NAME, SOL limit 1
"""
_OBJECTS: Final = f"""
select r.OBJECT_KEY from {TABLES[PHOTOS].qualified} r
inner join {LEDGER} l on l.OBJECT_KEY = r.OBJECT_KEY and l.ETAG = r.ETAG
where r.ROVER_NAME = ? and r.SOL_START <= ? and r.SOL_END >= ?
"""
_IN_SILVER: Final = "select OBJECT_KEY from SILVER.SOL_OUTCOMES where ROVER_NAME = ? and SOL = ?"
_IN_GOLD: Final = "select coalesce(sum(PHOTOS), 0) from GOLD.PHOTO_COUNTS where ROVER_NAME = ? and SOL = ?"


def add_parser(commands: Any) -> None:
    """Add ``selftest`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "selftest",
        help="prove the loop with one sol",
        description="Publish a schedule of one sol (the one with the fewest promised photos, or the one named), and "
        "wait until a new object of it is loaded and dbt has built it into gold.",
        epilog="example: mars selftest --rover Curiosity --sols 1000",
    )
    parser.add_argument("--rover", metavar="NAME", help="with --sols: which sol to take")
    parser.add_argument("--sols", metavar="SOL", help="with --rover: one sol that has photos")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="for the whole (default: 600)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry the test out."""
    from mm_cli.kafka_session import publish
    from mm_cli.warehouse_session import session

    if bool(arguments.rover) != bool(arguments.sols):
        raise CliError("name both --rover and --sols, or neither", USAGE)
    deadline = time.monotonic() + arguments.timeout

    def wait(what: str, look: "Callable[[], Any]") -> Any:
        return wait_for(what, look, deadline, time.monotonic, time.sleep)

    with session(min(60.0, arguments.timeout)) as warehouse:
        if arguments.rover:
            task = tasks_of(PHOTOS, [arguments.rover], arguments.sols)
            if len(task) != 1:
                raise CliError("one sol proves the loop: name one", USAGE)
            rover, sol = str(task[0]["rover_name"]), int(task[0]["sol"])
        else:
            rover, sol = wait("a manifest in silver", lambda: smallest(warehouse))
        before = keys(warehouse, _OBJECTS, (rover, sol, sol))
        now, trace_id = datetime.now(UTC), new_trace_id()
        headers = {TRACEPARENT: traceparent(trace_id).encode()}
        messages = messages_of(PHOTOS, tasks_of(PHOTOS, [rover], str(sol)), "", "", now)
        publish([(SCHEDULING, name.encode(), value, headers) for name, value in messages], arguments.timeout)
        print(f"scheduled {rover}'s sol {sol} as {messages[0][0]}, trace {trace_id}", flush=True)
        new = wait("a new object of it in bronze", lambda: keys(warehouse, _OBJECTS, (rover, sol, sol)) - before)
        print(f"bronze has {', '.join(sorted(new))}", flush=True)
        wait("its outcome in silver", lambda: new & keys(warehouse, _IN_SILVER, (rover, sol)))
        photos = wait("its photos in gold", lambda: count(warehouse, (rover, sol)))
    print(f"gold has {photos} photos of {rover}'s sol {sol}: the loop works")
    return 0


def smallest(warehouse: "Session") -> tuple[str, int] | None:
    """Return (rover, sol) of the sol with the fewest promised photos, or None where no manifest is built yet."""
    rows = _rows(warehouse, _SMALLEST, ())
    return (str(rows[0][0]), int(rows[0][1])) if rows else None


def keys(warehouse: "Session", sql: str, binds: tuple[object, ...]) -> set[str]:
    """Return the object keys that a statement finds; none where its tables are not there yet."""
    return {str(row[0]) for row in _rows(warehouse, sql, binds)}


def count(warehouse: "Session", binds: tuple[object, ...]) -> int:
    """Return the photos of a (rover, sol) in gold."""
    rows = _rows(warehouse, _IN_GOLD, binds)
    return int(rows[0][0]) if rows else 0


def _rows(warehouse: "Session", sql: str, binds: tuple[object, ...]) -> list[tuple[Any, ...]]:
    try:
        return warehouse.rows(sql, binds)
    except CliError as error:
        if error.code == USAGE:
            return []  # The tables are made by the first load and the first dbt run.
        raise


def wait_for(
    what: str,
    look: Callable[[], Any],
    deadline: float,
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> Any:
    """Look until something is there and return it.

    Args:
        what: what is waited for, in a few words.
        look: returns it, or something empty.
        deadline: the clock's time at which to give up.
        clock: seconds.
        pause: waits so many seconds.

    Raises:
        CliError: it did not come in time.
    """
    told = clock()
    while not (found := look()):
        if clock() >= deadline:
            raise CliError(
                f"{what} did not come in time: `kubectl get iplan` and `kubectl get jobs` show where it waits",
                NOT_FOUND,
            )
        if clock() - told >= 15:
            told = clock()
            print(f"waiting for {what}", file=sys.stderr, flush=True)
        pause(_PAUSE)
    return found
