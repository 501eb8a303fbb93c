"""Write a group of objects into bronze: stage files first, then one transaction with the ledger.

The documents travel as files through an internal stage, as the production path of a Snowflake account wants it: a
statement's own text and binds are limited there, a staged file is not.
"""

import contextlib
import secrets
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from mm_contracts.bronze import LEDGER, STAGE, BronzeTable

from mm_jobs.common.ending import JobError
from mm_jobs.common.warehouse import DataError, Warehouse, placeholders
from mm_jobs.load.documents import GIVEN, Loadable, naive_utc

ROWS_PER_OBJECT = 1


def write(warehouse: Warehouse, load_id: str, group: list[Loadable]) -> None:
    """Load a group: all of its objects and their ledger entries, or nothing.

    The rows and the entry that a key had before are replaced, so that a repetition changes nothing.

    Raises:
        DataError: the values of some object do not fit.
        JobError: the warehouse failed; nothing of the group is stored.
    """
    # A folder of its own for each try: a table skips a file of a name that it has loaded before.
    folder = f"{load_id}-{secrets.token_hex(4)}"
    tables = _by_table(group)
    keys = [item.key for item in group]
    try:
        for table, items in tables:
            _stage(warehouse, folder, table, load_id, items)
        with warehouse.transaction():
            # First of all, because it makes a second loader of the same keys wait until this transaction has ended.
            warehouse.run(f"delete from {LEDGER} where OBJECT_KEY in {placeholders(len(keys))}", keys)
            for table, items in tables:
                _replace(warehouse, folder, table, [item.key for item in items])
    except (DataError, JobError):
        # COPY removes what it has loaded; what it has not would stay for ever, under a name that is not used again.
        with contextlib.suppress(DataError, JobError):
            warehouse.run(f"remove @{STAGE}/{folder}")
        raise


def _by_table(group: list[Loadable]) -> list[tuple[BronzeTable, list[Loadable]]]:
    tables: dict[str, tuple[BronzeTable, list[Loadable]]] = {}
    for item in group:
        tables.setdefault(item.table.name, (item.table, []))[1].append(item)
    return list(tables.values())


def _stage(warehouse: Warehouse, folder: str, table: BronzeTable, load_id: str, items: Iterable[Loadable]) -> None:
    loaded_at = naive_utc(datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        path = Path(place) / _file_name(table)
        with path.open("wb") as file:
            file.writelines(item.line(load_id, loaded_at) for item in items)
        warehouse.run(f"put file://{path} @{STAGE}/{folder} auto_compress = false")


def _file_name(table: BronzeTable) -> str:
    return f"{table.name.lower()}.ndjson"


def _replace(warehouse: Warehouse, folder: str, table: BronzeTable, keys: list[str]) -> None:
    in_keys = f"OBJECT_KEY in {placeholders(len(keys))}"
    warehouse.run(f"delete from {table.qualified} where {in_keys}", keys)
    warehouse.run(copy_statement(table, f"{folder}/{_file_name(table)}"))
    # Taken from the rows themselves: the ledger cannot speak of an object whose row is not there.
    warehouse.run(
        f"insert into {LEDGER} (OBJECT_KEY, ETAG, TABLE_NAME, ROW_COUNT, LOAD_ID, LOADED_AT) "
        f"select OBJECT_KEY, ETAG, '{table.name}', {ROWS_PER_OBJECT}, LOAD_ID, LOADED_AT from {table.qualified} "
        f"where {in_keys}",
        keys,
    )


def copy_statement(table: BronzeTable, path: str) -> str:
    """Return the statement that copies a staged file's lines into a bronze table, and removes the file."""
    selected = [
        f"$1:{'' if name in GIVEN else 'doc.'}{name.lower()}{'' if type_ == 'variant' else f'::{type_}'}"
        for name, type_ in table.columns
    ]
    return (
        f"copy into {table.qualified} ({', '.join(name for name, _ in table.columns)}) "
        f"from (select {', '.join(selected)} from @{STAGE}/{path}) file_format = (type = json) purge = true"
    )
