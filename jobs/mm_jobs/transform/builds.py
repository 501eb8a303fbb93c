"""What silver and gold were last built from, so that a run builds only what has changed since.

It is told by content and by nothing that looks like a clock, as in ``sol_outcomes``: a table is unchanged where bronze
holds the same objects with the same ETags. A message is not asked either: one that was lost would leave a table old.

What a build is about to change is unknown from its first statement to its good end: a build that fails, or is killed,
leaves relations of its own behind, and what was built before is not what is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mm_contracts.bronze import BUILDS, CHARGES, TABLES

from mm_jobs.common.warehouse import Warehouse, placeholders
from mm_jobs.load.documents import naive_utc

Parts = Mapping[str, str]
"""A hash by part: each bronze table of objects, the hand-overs, ``PROJECT`` (the models), ``SETTINGS`` (what they are
compiled with) and ``RELATIONS`` (what is there of them); with ``TESTS``, how their tests went."""

PROJECT: Final = "PROJECT"
SETTINGS: Final = "SETTINGS"
RELATIONS: Final = "RELATIONS"
TESTS: Final = "TESTS"
_PASSED, _FAILED = "passed", "failed"

_HASH: Final = "coalesce(md5(listagg({0}, ',') within group (order by {0})), '')"
_RELATIONS: Final = f"""
select {_HASH.format("TABLE_SCHEMA || '.' || TABLE_NAME")}
from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA in ('SILVER', 'GOLD')
"""


def _contents() -> str:
    content = _HASH.format("OBJECT_KEY || ' ' || ETAG")
    charges = _HASH.format("CHARGE_ID::varchar")
    charge = f" union all select '{CHARGES.partition('.')[2]}', {charges} from {CHARGES}"
    return (
        " union all ".join(f"select '{table.name}', {content} from {table.qualified}" for table in TABLES.values())
        + charge
    )


@dataclass(frozen=True, slots=True)
class Due:
    """What a run has to build."""

    tables: frozenset[str] | None
    """Bronze tables whose models are to be built; None for all models."""
    refresh: bool = False
    """Whether incremental models are to be built anew: rows that other code made are not what this code makes."""
    parts: frozenset[str] = frozenset()
    """What differs from the last build, by the ledger's names."""


def present(warehouse: Warehouse, project: str, settings: str) -> dict[str, str]:
    """Return what a run that begins now would build from.

    Args:
        warehouse: with bronze's tables.
        project: a hash of the models.
        settings: a hash of what they are compiled with.

    Raises:
        JobError: the warehouse failed.
    """
    contents = {str(part): str(content) for part, content in warehouse.run(_contents())}
    return contents | {PROJECT: project, SETTINGS: settings, RELATIONS: _relations(warehouse)}


def last(warehouse: Warehouse) -> dict[str, str]:
    """Return what the last whole build was made from, nothing where there was none. Raises JobError."""
    return {str(part): str(content) for part, content in warehouse.run(f"select PART, CONTENT from {BUILDS}")}


def due(last: Parts, present: Parts) -> Due:
    """Return what has to be built, from what the last build was made from and what is there now."""
    differ = frozenset(part for part in present if last.get(part) != present[part])
    if PROJECT in differ:
        return Due(None, refresh=True, parts=differ)
    if differ & {SETTINGS, RELATIONS}:
        return Due(None, parts=differ)
    return Due(differ, parts=differ)


def is_sound(last: Parts) -> bool:
    """Return whether no test failed after the last build."""
    return last.get(TESTS) != _FAILED


def begin(warehouse: Warehouse, due: Due) -> None:
    """Forget what is built from now on, before anything is: it is due until ``record``, also for what was there before.

    Otherwise a roll-back after a failed upgrade, or an object's former content after a failed build of its new one,
    would find itself in the ledger, and leave what the failed build made in its place.

    Raises:
        JobError: the warehouse failed.
    """
    if due.parts:
        parts = sorted(due.parts)
        warehouse.run(f"delete from {BUILDS} where PART in {placeholders(len(parts))}", parts)


def record(warehouse: Warehouse, built: Parts, *, sound: bool) -> None:
    """Write down what was built from, and whether all tests passed; the relations are those that are there now.

    Raises:
        JobError: the warehouse failed.
    """
    parts = dict(built) | {RELATIONS: _relations(warehouse), TESTS: _PASSED if sound else _FAILED}
    at = naive_utc(datetime.now(UTC))
    rows = [value for part in sorted(parts) for value in (part, parts[part], at)]
    with warehouse.transaction():
        warehouse.run(f"delete from {BUILDS}")
        warehouse.run(f"insert into {BUILDS} values {', '.join(['(?, ?, ?)'] * len(parts))}", rows)


def _relations(warehouse: Warehouse) -> str:
    return str(warehouse.run(_RELATIONS)[0][0])
