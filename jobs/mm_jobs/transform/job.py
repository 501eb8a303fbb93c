"""The transform Job's body: build what planning needs, plan, build the rest, test.

Planning comes before everything that does not concern it, so that the next photos are on their way while gold is built
and tests run; a failed test or gold model keeps neither data nor planning back.
"""

from datetime import UTC
from typing import Any, NoReturn

from mm_contracts.batch import TransformSpec
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ending import JobError, rfc3339
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load import schema
from mm_jobs.transform.dbt import Dbt, DbtProblem, NodeResult, failures
from mm_jobs.transform.docs import Docs
from mm_jobs.transform.planner import Summary
from mm_jobs.transform.planning import schedule_gaps

LOOP = ("--select", "tag:loop")
REST = ("--exclude", "tag:loop")
TESTS = ("--exclude", "test_type:unit")


def run(
    spec: TransformSpec, dbt: Dbt, warehouse: Warehouse, database: str, log: Log, docs: Docs | None = None
) -> dict[str, Any]:
    """Carry the run out and return the fields of its termination message; ``docs`` is renewed at the end if it is due.

    Raises:
        JobError: TransformError with the models that failed, TestFailed with the tests (data are built and gaps are
            scheduled all the same), WarehouseError or KafkaError where a later try can help.
    """
    schema.ensure(warehouse)
    log.info("prepared", parse_state_reused=dbt.prepare(database))
    built = _step(dbt, warehouse, "run", LOOP)
    if failed := failures(built):
        _fail(Reason.TRANSFORM_ERROR, failed, warehouse, {})
    summary, schedule_ids = schedule_gaps(warehouse, spec.trace_id, log)
    details = _details(summary, schedule_ids)
    rest = _step(dbt, warehouse, "run", REST)
    tests = _step(dbt, warehouse, "test", TESTS)
    if failed := failures(rest):
        _fail(Reason.TRANSFORM_ERROR, failed, warehouse, details)
    if docs is not None:
        details["docs"] = docs.renew(dbt, database)
    if failed := failures(tests):
        _fail(Reason.TEST_FAILED, failed, warehouse, details)
    return {"details": details | {"models": len(built) + len(rest), "tests": len(tests)}}


def _step(dbt: Dbt, warehouse: Warehouse, command: str, selection: tuple[str, ...]) -> list[NodeResult]:
    try:
        return dbt.invoke(command, *selection)
    except DbtProblem as problem:
        warehouse.run("select 1")  # raises where the warehouse is the cause
        message = f"dbt {command} could not start: {problem}"
        raise JobError(ExitCode.OTHER, Reason.TRANSFORM_ERROR, message) from None


def _details(summary: Summary, schedule_ids: list[str]) -> dict[str, Any]:
    # TIMESTAMP_NTZ comes without a zone; all times of the warehouse are UTC.
    due_at = None if summary.next_due_at is None else rfc3339(summary.next_due_at.replace(tzinfo=UTC))
    return {
        "gaps": summary.total,
        "gaps_due": summary.due,
        "gaps_waiting": summary.waiting,
        "next_due_at": due_at,
        "schedules": schedule_ids[:10],
    }


def _fail(reason: Reason, failed: list[NodeResult], warehouse: Warehouse, details: dict[str, Any]) -> NoReturn:
    warehouse.run("select 1")  # a warehouse that went away makes every node fail: then that is what to tell
    names = [node.name for node in failed]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    kind = "tests" if reason is Reason.TEST_FAILED else "models"
    message = f"{len(names)} {kind} failed: {shown}. The first says: {failed[0].message[:400]}"
    raise JobError(ExitCode.OTHER, reason, message, counts={"details": details | {"failed": names[:20]}})
