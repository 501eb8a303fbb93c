"""What silver and gold were last built from, so that a run builds only what has changed since.

It is told by content and by nothing that looks like a clock, as in ``sol_outcomes``: a table is unchanged where bronze
holds the same objects with the same ETags. A message is not asked either: one that was lost would leave a table old.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mm_contracts.bronze import BUILDS, TABLES

from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load.documents import naive_utc

Parts = Mapping[str, str]
"""A hash by part: each bronze table, ``PROJECT`` (models and settings) and ``RELATIONS`` (what is there of them); with
``TESTS``, how their tests went."""

PROJECT: Final = "PROJECT"
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
    return " union all ".join(f"select '{table.name}', {content} from {table.qualified}" for table in TABLES.values())


def present(warehouse: Warehouse, project: str) -> dict[str, str]:
    """Return what a run that begins now would build from.

    Args:
        warehouse: with bronze's tables.
        project: a hash of the models and of all their settings.

    Raises:
        JobError: the warehouse failed.
    """
    contents = {str(part): str(content) for part, content in warehouse.run(_contents())}
    return contents | {PROJECT: project, RELATIONS: _relations(warehouse)}


def last(warehouse: Warehouse) -> dict[str, str]:
    """Return what the last whole build was made from, nothing where there was none. Raises JobError."""
    return {str(part): str(content) for part, content in warehouse.run(f"select PART, CONTENT from {BUILDS}")}


def changed(last: Parts, present: Parts) -> frozenset[str] | None:
    """Return the bronze tables that differ from the last build, or None where everything has to be built."""
    if any(last.get(part) != present.get(part) for part in (PROJECT, RELATIONS)):
        return None
    return frozenset(table.name for table in TABLES.values() if last.get(table.name) != present.get(table.name))


def is_sound(last: Parts) -> bool:
    """Return whether no test failed after the last build."""
    return last.get(TESTS) != _FAILED


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
