"""How each data test went last, as a table: dbt's own words are gone with the pod."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mm_contracts.bronze import TEST_RESULTS

from mm_jobs.common.warehouse import Warehouse, placeholders
from mm_jobs.load.documents import naive_utc
from mm_jobs.transform.dbt import NodeResult

_MESSAGE: Final = 1_000
_COLUMNS: Final = ("TEST_NAME", "STATUS", "FAILURES", "MESSAGE", "SECONDS", "RUN_ID", "TESTED_AT")
_AT_ONCE: Final = 200


def record(warehouse: Warehouse, run_id: str, tests: Sequence[NodeResult]) -> None:
    """Write down how tests went, each in place of its last result; a test that passed is known to have passed then.

    Args:
        warehouse: with bronze's tables.
        run_id: the run's.
        tests: what dbt said of them; those that were skipped are left as they were.

    Raises:
        JobError: the warehouse failed.
    """
    now = naive_utc(datetime.now(UTC))
    ran = [test for test in tests if test.status != "skipped"]
    for begin in range(0, len(ran), _AT_ONCE):
        some = ran[begin : begin + _AT_ONCE]
        rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(some))
        binds = [
            value
            for test in some
            for value in (test.name, test.status, test.failures, test.message[:_MESSAGE], test.seconds, run_id, now)
        ]
        values = ", ".join(f"column{n}{_type(name)} as {name}" for n, name in enumerate(_COLUMNS, 1))
        passed = "iff(new.STATUS = 'pass', new.TESTED_AT, {})"
        warehouse.run(
            f"merge into {TEST_RESULTS} as old using (select {values} from values {rows}) as new"
            " on old.TEST_NAME = new.TEST_NAME"
            f" when matched then update set {', '.join(f'{name} = new.{name}' for name in _COLUMNS[1:])},"
            f" LAST_PASSED_AT = {passed.format('old.LAST_PASSED_AT')}"
            f" when not matched then insert ({', '.join(_COLUMNS)}, LAST_PASSED_AT)"
            f" values ({', '.join(f'new.{name}' for name in _COLUMNS)}, {passed.format('null')})",
            binds,
        )


def forget(warehouse: Warehouse, known: Sequence[str]) -> None:
    """Drop the results of tests that are not among those of a whole run: they are no more. Raises JobError."""
    if known:
        marks = placeholders(len(known))
        warehouse.run(f"delete from {TEST_RESULTS} where TEST_NAME not in {marks}", list(known))


def _type(name: str) -> str:
    return {"FAILURES": "::integer", "SECONDS": "::double", "TESTED_AT": "::timestamp_ntz"}.get(name, "::varchar")
