"""Write a group of objects into bronze: one transaction with its ledger, whichever way the documents come."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mm_contracts.bronze import LEDGER, SET_ASIDE

from mm_jobs.common.ending import JobError
from mm_jobs.common.warehouse import DataError, Warehouse, placeholders
from mm_jobs.load.documents import Loadable, naive_utc
from mm_jobs.load.staging.base import Changed, Part, Staged, Staging, parts_of

ROWS_PER_OBJECT = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Objects that are written in one transaction, staged for it."""

    objects: Sequence[Loadable]
    parts: Sequence[Part]
    staged: Staged


@dataclass(frozen=True, slots=True)
class Unstaged:
    """Objects that the warehouse did not take as files, and what it said."""

    objects: Sequence[Loadable]
    error: JobError


def stage(session: Callable[[], Warehouse], staging: Staging, load_id: str, objects: Sequence[Loadable]) -> Group:
    """Stage objects for one transaction, in the session that ``session`` gives. Raises JobError: nothing is staged."""
    parts = parts_of(objects, load_id, naive_utc(datetime.now(UTC)))
    return Group(objects, parts, staging.stage(session, parts))


def write(warehouse: Warehouse, group: Group, forget: Collection[str] = ()) -> None:
    """Load a group: all of its objects and their ledger entries, or nothing, and then it is staged no more.

    The rows and the entry that a key had before are replaced, so that a repetition changes nothing. What is loaded is
    set aside no more: ``forget`` names the keys of which something is.

    Raises:
        DataError: the values of some object do not fit.
        Changed: some object is no longer what was checked.
        JobError: the warehouse failed; nothing of the group is stored.
    """
    keys = [item.key for item in group.objects]
    try:
        with warehouse.transaction():
            # First of all, because it makes a second loader of the same keys wait until this transaction has ended.
            warehouse.run(f"delete from {LEDGER} where OBJECT_KEY in {placeholders(len(keys))}", keys)
            for part in group.parts:
                in_keys = f"OBJECT_KEY in {placeholders(len(part.keys))}"
                warehouse.run(f"delete from {part.table.qualified} where {in_keys}", part.keys)
                group.staged.copy(warehouse, part)
                _enter(warehouse, part, in_keys)
            if known := [key for key in keys if key in forget]:
                warehouse.run(f"delete from {SET_ASIDE} where OBJECT_KEY in {placeholders(len(known))}", known)
    except (DataError, Changed, JobError):
        group.staged.discard(warehouse)
        raise


def _enter(warehouse: Warehouse, part: Part, in_keys: str) -> None:
    # Taken from the rows themselves: the ledger cannot speak of an object whose row is not there.
    warehouse.run(
        f"insert into {LEDGER} (OBJECT_KEY, ETAG, TABLE_NAME, ROW_COUNT, LOAD_ID, LOADED_AT) "
        f"select OBJECT_KEY, ETAG, '{part.table.name}', {ROWS_PER_OBJECT}, LOAD_ID, LOADED_AT "
        f"from {part.table.qualified} where {in_keys}",
        part.keys,
    )
