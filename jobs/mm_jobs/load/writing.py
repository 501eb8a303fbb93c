"""Write a group of objects into bronze: one transaction with its ledger, whichever way the documents come."""

from datetime import UTC, datetime

from mm_contracts.bronze import LEDGER

from mm_jobs.common.warehouse import Warehouse, placeholders
from mm_jobs.load.documents import Loadable, naive_utc
from mm_jobs.load.staging.base import Part, Staging, parts_of

ROWS_PER_OBJECT = 1


def write(warehouse: Warehouse, staging: Staging, load_id: str, group: list[Loadable]) -> None:
    """Load a group: all of its objects and their ledger entries, or nothing.

    The rows and the entry that a key had before are replaced, so that a repetition changes nothing.

    Raises:
        DataError: the values of some object do not fit.
        Changed: some object is no longer what was checked.
        JobError: the warehouse failed; nothing of the group is stored.
    """
    parts = parts_of(group, load_id, naive_utc(datetime.now(UTC)))
    keys = [item.key for item in group]
    with staging.staged(warehouse, parts) as copy, warehouse.transaction():
        # First of all, because it makes a second loader of the same keys wait until this transaction has ended.
        warehouse.run(f"delete from {LEDGER} where OBJECT_KEY in {placeholders(len(keys))}", keys)
        for part in parts:
            in_keys = f"OBJECT_KEY in {placeholders(len(part.keys))}"
            warehouse.run(f"delete from {part.table.qualified} where {in_keys}", part.keys)
            copy(part)
            _enter(warehouse, part, in_keys)


def _enter(warehouse: Warehouse, part: Part, in_keys: str) -> None:
    # Taken from the rows themselves: the ledger cannot speak of an object whose row is not there.
    warehouse.run(
        f"insert into {LEDGER} (OBJECT_KEY, ETAG, TABLE_NAME, ROW_COUNT, LOAD_ID, LOADED_AT) "
        f"select OBJECT_KEY, ETAG, '{part.table.name}', {ROWS_PER_OBJECT}, LOAD_ID, LOADED_AT "
        f"from {part.table.qualified} where {in_keys}",
        part.keys,
    )
