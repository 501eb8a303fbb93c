"""Write a group of objects into bronze: stage files first, then one transaction with the ledger.

The files go to an internal stage and are copied into a table of one VARIANT column, as the production path of a
Snowflake account wants it: a statement's own text and binds are limited there, a staged file is not.
"""

import contextlib
import secrets
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from mm_contracts.bronze import LEDGER, LINES, STAGE, BronzeTable

from mm_jobs.common.warehouse import Warehouse, placeholders
from mm_jobs.load.documents import Loadable, naive_utc

ROWS_PER_OBJECT = 1


def write(warehouse: Warehouse, load_id: str, group: list[Loadable]) -> None:
    """Load a group: all of its objects and their ledger entries, or nothing.

    The rows and the entry that a key had before are replaced, so that a repetition changes nothing.

    Raises:
        DataError: the values of some object do not fit.
        JobError: the warehouse failed; nothing of the group is stored.
    """
    folder = _staged(warehouse, load_id, group)
    loaded_at = naive_utc(datetime.now(UTC))
    keys = [item.key for item in group]
    with warehouse.transaction():
        # First of all, because it makes a second loader of the same keys wait until this transaction has ended.
        warehouse.run(f"delete from {LEDGER} where OBJECT_KEY in {placeholders(len(keys))}", keys)
        warehouse.run(f"copy into {LINES} from @{STAGE}/{folder}/ file_format = (type = json) purge = true")
        for table, items in _by_table(group):
            _replace(warehouse, load_id, loaded_at, table, items)
            _enter(warehouse, table, [item.key for item in items])
        warehouse.run(f"delete from {LINES}")


def _staged(warehouse: Warehouse, load_id: str, group: list[Loadable]) -> str:
    # A folder of its own for each try: a file name that was copied once is skipped by every later COPY.
    folder = f"{load_id}-{secrets.token_hex(4)}"
    with tempfile.NamedTemporaryFile(prefix="load-", suffix=".json", delete=False) as file:
        path = Path(file.name)
        file.writelines(item.line for item in group)
    try:
        warehouse.run(f"put file://{path} @{STAGE}/{folder}/ auto_compress = false")
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    return folder


def _by_table(group: list[Loadable]) -> Iterable[tuple[BronzeTable, list[Loadable]]]:
    tables: dict[str, tuple[BronzeTable, list[Loadable]]] = {}
    for item in group:
        tables.setdefault(item.table.name, (item.table, []))[1].append(item)
    return tables.values()


def _replace(warehouse: Warehouse, load_id: str, loaded_at: str, table: BronzeTable, items: list[Loadable]) -> None:
    keys = [item.key for item in items]
    warehouse.run(f"delete from {table.qualified} where OBJECT_KEY in {placeholders(len(keys))}", keys)
    names = [name for name, _ in table.scalars]
    # Only the arrays are taken from the line: each path into a document parses all of it again.
    selected = [
        *(f"m.{name}::{type_}" if type_ == "timestamp_ntz" else f"m.{name}" for name, type_ in table.scalars),
        *(f"l.LINE:{name.lower()}" for name in table.arrays),
    ]
    binds: list[object] = []
    for item in items:
        given = {"OBJECT_KEY": item.key, "ETAG": item.etag, "LOAD_ID": load_id, "LOADED_AT": loaded_at}
        binds += [(item.values | given)[name] for name in names]
    rows = ", ".join([placeholders(len(names))] * len(items))
    warehouse.run(
        f"insert into {table.qualified} ({', '.join([*names, *table.arrays])}) select {', '.join(selected)} "
        f"from (values {rows}) as m ({', '.join(names)}) join {LINES} l on l.LINE:object_key::varchar = m.OBJECT_KEY",
        binds,
    )


def _enter(warehouse: Warehouse, table: BronzeTable, keys: list[str]) -> None:
    # Taken from the rows themselves: the ledger cannot speak of an object whose row is not there.
    warehouse.run(
        f"insert into {LEDGER} (OBJECT_KEY, ETAG, TABLE_NAME, ROW_COUNT, LOAD_ID, LOADED_AT) "
        f"select OBJECT_KEY, ETAG, '{table.name}', {ROWS_PER_OBJECT}, LOAD_ID, LOADED_AT from {table.qualified} "
        f"where OBJECT_KEY in {placeholders(len(keys))}",
        keys,
    )
