"""How each data test went last, as a table: dbt's own words are gone with the pod."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mm_contracts.bronze import TEST_RESULTS

from mm_jobs.common.ending import JobError
from mm_jobs.common.warehouse import DataError, Unreachable, Warehouse, placeholders
from mm_jobs.load.documents import naive_utc
from mm_jobs.transform.dbt import NodeResult

_MESSAGE: Final = 1_000
_COLUMNS: Final = (
    "TEST_NAME",
    "STATUS",
    "FAILURES",
    "MESSAGE",
    "SECONDS",
    "RUN_ID",
    "TESTED_AT",
    "BROKEN_ROWS",
    "HISTORY",
)
_AT_ONCE: Final = 200
_HISTORY: Final = 1_600
"""Characters of a test's last runs: some twenty of them."""
_BROKEN: Final = 20
"""Rows that are kept of those that break a test."""
_LOOKED_AT: Final = 10
"""Tests whose rows are looked at; where more fail, the first ones say enough."""
_CELL: Final = 300


def record(warehouse: Warehouse, run_id: str, tests: Sequence[NodeResult]) -> None:
    """Write down how tests went, each in place of its last result; a test that passed is known to have passed then.

    Of those that found rows some of the rows are kept, and of each its last runs.

    Args:
        warehouse: with bronze's tables.
        run_id: the run's.
        tests: what dbt said of them; those that were skipped are left as they were.

    Raises:
        JobError: the warehouse failed.
    """
    moment = datetime.now(UTC)
    now, stamp = naive_utc(moment), moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    ran = [test for test in tests if test.status != "skipped"]
    bad = [test for test in ran if test.failures and test.sql][:_LOOKED_AT]
    rows_of = {test.name: broken_rows(warehouse, test.sql) for test in bad}
    for begin in range(0, len(ran), _AT_ONCE):
        some = ran[begin : begin + _AT_ONCE]
        rows = ", ".join([placeholders(len(_COLUMNS))] * len(some))
        binds = [
            value
            for test in some
            for value in (
                test.name,
                test.status,
                test.failures,
                test.message[:_MESSAGE],
                test.seconds,
                run_id,
                now,
                rows_of.get(test.name),
                f"{stamp} {test.status} {'-' if test.failures is None else test.failures} {run_id}\n",
            )
        ]
        values = ", ".join(f"column{n}{_type(name)} as {name}" for n, name in enumerate(_COLUMNS, 1))
        passed = "iff(new.STATUS = 'pass', new.TESTED_AT, {})"
        history = f"left(new.HISTORY || coalesce(old.HISTORY, ''), {_HISTORY})"
        warehouse.run(
            f"merge into {TEST_RESULTS} as old using (select {values} from values {rows}) as new"
            " on old.TEST_NAME = new.TEST_NAME"
            f" when matched then update set {', '.join(f'{name} = new.{name}' for name in _COLUMNS[1:-1])},"
            f" HISTORY = {history}, LAST_PASSED_AT = {passed.format('old.LAST_PASSED_AT')}"
            f" when not matched then insert ({', '.join(_COLUMNS)}, LAST_PASSED_AT)"
            f" values ({', '.join(f'new.{name}' for name in _COLUMNS)}, {passed.format('null')})",
            binds,
        )


def broken_rows(warehouse: Warehouse, sql: str) -> str | None:
    """Return some of the rows that a test's statement finds, as JSON; None where they cannot be had.

    Raises:
        Unreachable: the warehouse is away.
    """
    try:
        columns, rows = warehouse.table(f"select * from ({sql.strip().rstrip(';')}\n) as broken limit {_BROKEN}")
    except Unreachable:
        raise
    except (JobError, DataError):
        return None
    cells = [[None if value is None else str(value)[:_CELL] for value in row] for row in rows]
    return json.dumps({"columns": columns, "rows": cells})


def forget(warehouse: Warehouse, known: Sequence[str]) -> None:
    """Drop the results of tests that are not among those of a whole run: they are no more. Raises JobError."""
    if known:
        marks = placeholders(len(known))
        warehouse.run(f"delete from {TEST_RESULTS} where TEST_NAME not in {marks}", list(known))


def _type(name: str) -> str:
    return {"FAILURES": "::integer", "SECONDS": "::double", "TESTED_AT": "::timestamp_ntz"}.get(name, "::varchar")
