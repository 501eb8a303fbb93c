"""``mars backup`` and ``mars restore``: the archive's objects, and the ledgers that no bucket has, elsewhere.

The warehouse is not copied: it is loaded anew from the bucket. Only what was asked for, what ran, and which source had
charge of a rover when, is nowhere else; it goes along as JSON lines.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mm_contracts.bronze import KEPT_LEDGERS, SCHEMA, all_tables, create_statement
from mm_contracts.keys import BACKED_UP

from mm_cli.place import add_place
from mm_cli.reach import as_environment
from mm_cli.stores import Entry, Store, archive_bucket, other

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_AT_ONCE: Final = 8
_ROWS_AT_ONCE: Final = 100
_VARIANT: Final = "variant"
_LEDGERS: Final = "ledgers/"
_PROGRESS_SECONDS: Final = 5.0
_EPILOG: Final = """
environment: S3_*, AWS_* and SNOWFLAKE_* as for the other commands; for s3://bucket/prefix at another service
BACKUP_S3_ENDPOINT_URL, BACKUP_AWS_ACCESS_KEY_ID and BACKUP_AWS_SECRET_ACCESS_KEY.

examples:
  mars backup /mnt/backups/mars
  mars restore /mnt/backups/mars
  mars backup s3://my-backups/mars
"""


def add_parser(commands: Any) -> None:
    """Add ``backup`` and ``restore`` to argparse's sub-commands."""
    for name, what, place, func in (
        ("backup", "copy the archive's objects and ledgers to a folder or another bucket", "TARGET", run_backup),
        ("restore", "bring a backup's objects and ledgers back; the loop loads them by itself", "SOURCE", run_restore),
    ):
        parser = commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}. What is there already is left alone, so an interrupted run goes "
            "on where it was.",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("place", metavar=place, help="a folder, or s3://bucket/prefix")
        parser.add_argument(
            "--timeout", type=float, default=60.0, metavar="SECONDS", help="for the login (default: 60)"
        )
        add_place(parser)
        parser.set_defaults(func=func)


def run_backup(arguments: argparse.Namespace) -> int:
    """Copy what the target lacks."""
    with as_environment(arguments, bucket=True):
        return _backup(arguments)


def run_restore(arguments: argparse.Namespace) -> int:
    """Bring back what the archive lacks."""
    with as_environment(arguments, bucket=True):
        return _restore(arguments)


def _backup(arguments: argparse.Namespace) -> int:
    from mm_cli.warehouse_session import session

    target = other(arguments.place, make=True)
    copied, kept = copy_all(archive_bucket(), target, BACKED_UP)
    with session(arguments.timeout) as warehouse:
        rows = {table: ledger_rows(warehouse, table) for table in KEPT_LEDGERS}
    for table, lines in rows.items():
        target.put(f"{_LEDGERS}{table}.jsonl", "".join(f"{line}\n" for line in lines).encode(), "")
    print(f"{copied} objects copied, {kept} were there; {sum(map(len, rows.values()))} rows of ledgers")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    """Ledgers first, manifests last: nothing is asked for that is still to come."""
    from mm_cli.warehouse_session import session

    source = other(arguments.place, make=False)
    found = source.entries(_LEDGERS)
    added = 0
    with session(arguments.timeout) as warehouse:
        for table in KEPT_LEDGERS:
            key = f"{_LEDGERS}{table}.jsonl"
            if key in found:
                added += add_rows(warehouse, table, source.get(key).decode().splitlines())
    copied, kept = copy_all(source, archive_bucket(), BACKED_UP)
    print(f"{copied} objects brought back, {kept} were there; {added} rows of ledgers")
    print(
        "The bucket's events have them loaded, and the next sweep what these missed: mars status shows how far it is."
    )
    return 0


def missing(here: Mapping[str, Entry], there: Mapping[str, Entry]) -> list[str]:
    """Return the keys whose objects the second store lacks or has otherwise, in order.

    Stores that encrypt, or take large objects in parts, have ETags of their own: where the sizes are the same and
    either is no MD5, the objects count as the same, for a key of this archive names what it holds.
    """

    def same(one: Entry, two: Entry | None) -> bool:
        if two is None or one.size != two.size:
            return False
        return one.etag == two.etag or not (_is_md5(one.etag) and _is_md5(two.etag))

    return sorted(key for key, entry in here.items() if not same(entry, there.get(key)))


def _is_md5(etag: str) -> bool:
    return len(etag) == 32 and set(etag) <= set("0123456789abcdef")


def copy_all(
    source: Store, target: Store, prefixes: Iterable[str], say: Callable[[str], None] | None = None
) -> tuple[int, int]:
    """Copy what the target lacks, a prefix after the other. Returns (copied, there already). Raises CliError."""
    say = say or (lambda text: print(text, file=sys.stderr, flush=True))
    copied = kept = 0
    for prefix in prefixes:
        here = source.entries(prefix)
        keys = missing(here, target.entries(prefix))
        kept += len(here) - len(keys)
        told = time.monotonic()

        def one(key: str, here: Mapping[str, Entry] = here) -> int:
            target.put(key, source.get(key), here[key].etag)
            return here[key].size

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            size = 0
            for number, more in enumerate(pool.map(one, keys), 1):
                size += more
                if time.monotonic() - told > _PROGRESS_SECONDS or number == len(keys):
                    told = time.monotonic()
                    say(f"{prefix} {number} of {len(keys)} objects, {size / 1e6:.1f} MB")
        copied += len(keys)
    return copied, kept


def ledger_rows(warehouse: "Session", table: str) -> list[str]:
    """Return a ledger's rows as JSON objects in one stable order; none where the table is not there yet."""
    if not _exists(warehouse, table):
        return []
    columns = all_tables()[table]
    rows = warehouse.rows(f"select {', '.join(name for name, _ in columns)} from {SCHEMA}.{table}")
    return sorted(
        json.dumps({name: _plain(value, kind) for (name, kind), value in zip(columns, row, strict=True)})
        for row in rows
    )


def add_rows(warehouse: "Session", table: str, lines: Iterable[str]) -> int:
    """Put rows into a ledger that it lacks, and return how many these were."""
    if not _exists(warehouse, table):
        warehouse.rows(f"create schema if not exists {SCHEMA}")
        warehouse.rows(create_statement(table, all_tables()[table], transient=False))
    columns = dict(all_tables()[table])
    there = set(ledger_rows(warehouse, table))
    rows = [{name: json.loads(line).get(name) for name in columns} for line in lines]
    wanted = [row for row in rows if json.dumps(row) not in there]
    parts = ("parse_json(?)" if kind == _VARIANT else f"cast(? as {kind})" for kind in columns.values())
    one = f"select {', '.join(parts)}"
    for some in (wanted[at : at + _ROWS_AT_ONCE] for at in range(0, len(wanted), _ROWS_AT_ONCE)):
        binds = [_bind(value, columns[name]) for row in some for name, value in row.items()]
        statement = f"insert into {SCHEMA}.{table} ({', '.join(columns)}) {' union all '.join([one] * len(some))}"
        warehouse.rows(statement, binds)
    return len(wanted)


def _exists(warehouse: "Session", table: str) -> bool:
    look = "select 1 from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = ? and TABLE_NAME = ?"
    return bool(warehouse.rows(look, (SCHEMA, table)))


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    # The warehouse writes a variant's text in its own way: what it says is compared.
    return json.loads(value) if kind == _VARIANT and isinstance(value, str) else value


def _bind(value: Any, kind: str) -> str | None:
    if value is None:
        return None
    return json.dumps(value) if kind == _VARIANT else str(value)
