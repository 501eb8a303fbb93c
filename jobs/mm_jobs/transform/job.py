"""The transform Job's body: build what planning needs, plan, build the rest, test.

Planning comes before everything that does not concern it, so that the next photos are on their way while gold is built
and tests run; a failed test, or a failed model that planning does not read, keeps neither data nor planning back. Only
models whose bronze tables have changed are built, and only what hangs on them is tested.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

from mm_contracts.batch import TransformSpec
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ending import JobError, rfc3339
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load import schema
from mm_jobs.load.ledger import Ledger
from mm_jobs.transform import builds, results
from mm_jobs.transform.charging import STALE_AFTER, Charging
from mm_jobs.transform.dbt import Dbt, DbtProblem, NodeResult, failures
from mm_jobs.transform.docs import Content, Docs
from mm_jobs.transform.page import row_counts
from mm_jobs.transform.planner import Budget, Summary
from mm_jobs.transform.planning import places, schedule_gaps
from mm_jobs.transform.standing import sources, standing

Selection = tuple[str, ...]

PLANNING: Final = "ingestion_planning"
"""The model whose rows are planned."""
LOOP: Final[Selection] = ("--select", "tag:loop")
REST: Final[Selection] = ("--exclude", "tag:loop")
ANEW: Final[Selection] = ("--full-refresh",)
NO_UNIT_TESTS: Final[Selection] = ("--exclude", "test_type:unit")


@dataclass(slots=True)
class Clock:
    """Seconds by step."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add what the block takes to a step's seconds."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - begun
            self.seconds[name] = round(self.seconds.get(name, 0.0) + took, 3)


def built_from(tables: Set[str], tag: str | None) -> Selection:
    """Return the selection of the stored models that hang on some bronze tables.

    Views are left out: they show what is there, and are made anew only when the project changes.

    Args:
        tables: names of bronze tables.
        tag: only those with it; None for those without the tag ``loop``.

    Returns:
        dbt's arguments; none where there are no tables, and so nothing to build.
    """
    if not tables:
        return ()
    stored = ("config.materialized:table", "config.materialized:incremental")
    more = f",tag:{tag}" if tag else ""
    chosen = [f"source:bronze.{table.lower()}+,{kind}{more}" for table in sorted(tables) for kind in stored]
    return ("--select", *chosen, *(() if tag else REST))


def tested_for(tables: Set[str] | None) -> Selection:
    """Return the selection of the data tests of all that hangs on some bronze tables, views too; None is all tests."""
    chosen = () if tables is None else ("--select", *(f"source:bronze.{table.lower()}+" for table in sorted(tables)))
    return (*chosen, *NO_UNIT_TESTS)


class Run:
    """One run of the transform Job."""

    def __init__(
        self,
        spec: TransformSpec,
        dbt: Dbt,
        warehouse: Warehouse,
        budget_of: Callable[[str], Budget],
        log: Log,
        docs: Docs | None = None,
        clock: Clock | None = None,
        order: Mapping[str, Sequence[str]] | None = None,
        stale_after: timedelta = STALE_AFTER,
    ) -> None:
        """``docs`` is renewed at the end if it is due; ``clock`` goes on counting where the caller began.

        ``order`` names the sources of each rover, best first, and ``stale_after`` the age of a newest manifest beyond
        which its source hands over to the next; without an order nothing is decided.
        """
        self._spec, self._dbt, self._warehouse = spec, dbt, warehouse
        self._budget_of, self._log, self._docs = budget_of, log, docs
        self._clock = clock or Clock()
        self._order, self._stale_after = order or {}, stale_after
        self._charging: Charging | None = None
        self._details: dict[str, Any] = {"models": 0, "tests": 0, "seconds": self._clock.seconds}

    def run(self) -> dict[str, Any]:
        """Carry the run out and return the fields of its termination message.

        Raises:
            JobError: TransformError with the models that failed, TestFailed with the tests (data are built and gaps are
                scheduled all the same), WarehouseError or KafkaError where a later try can help.
        """
        with self._clock.step("look"):
            schema.ensure(self._warehouse)
            self._require_whole_bronze()
            self._hand_over()
            present = builds.present(self._warehouse, self._dbt.fingerprint(), self._dbt.settings_fingerprint())
            last = builds.last(self._warehouse)
        due, sound = builds.due(last, present), builds.is_sound(last)
        told = "everything" if due.tables is None else ",".join(sorted(due.tables)) or "nothing"
        self._log.info("due", to_build=told, anew=due.refresh, last_tests_passed=sound)
        if due.tables == frozenset() and sound:
            self._plan()
            self._renew_docs(present, settled=True)
        else:
            self._build(due, sound, present)
        return {"details": self._details}

    def _hand_over(self) -> None:
        """Decide who is in charge, before it is seen what has to be built: another promise makes other tables."""
        if self._order:
            self._charging = Charging(self._warehouse, self._order, self._stale_after)
            self._charging.hand_over(self._log)
            if recent := self._charging.recent():
                self._details["handed_over"] = recent

    def _require_whole_bronze(self) -> None:
        # Built on a table that was lost, silver would let go of all its photos, and each would be asked for again.
        if lost := Ledger(self._warehouse).lost():
            message = (
                f"a table of bronze was lost, and its objects are not all loaded again ({lost} missing): nothing is "
                "built or planned until a sweep of the bucket is done; it comes by itself, and when the operator starts"
            )
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, message)

    def _build(self, due: builds.Due, sound: bool, present: builds.Parts) -> None:
        with self._clock.step("prepare"):
            self._log.info("prepared", parse_state_reused=self._dbt.prepare())
        builds.begin(self._warehouse, due)
        anew = ANEW if due.refresh else ()
        loop = self._models("loop", (*LOOP, *anew) if due.tables is None else built_from(due.tables, "loop"))
        if self._keeps_from_planning(loop):
            self._fail(Reason.TRANSFORM_ERROR, failures(loop))
        self._plan()
        rest = self._models("rest", (*REST, *anew) if due.tables is None else built_from(due.tables, None))
        with self._clock.step("test"):
            # A test that failed last time may stand on something that has not changed since.
            scope = due.tables if sound else None
            tests = self._invoke("test", tested_for(scope))
            ages = self._freshness()
            told = [*tests, *(ages or ())]
            results.record(self._warehouse, self._spec.run_id, told)
            if scope is None and ages is not None:
                results.forget(self._warehouse, [test.name for test in told])
        self._details["tests"] = len(tests)
        if failed := failures([*loop, *rest]):
            self._fail(Reason.TRANSFORM_ERROR, failed)
        builds.record(self._warehouse, present, sound=not failures(tests))
        self._renew_docs(present, settled=False)
        if failed := failures(tests):
            self._fail(Reason.TEST_FAILED, failed)

    def _freshness(self) -> list[NodeResult] | None:
        """Return how old the sources are, None where dbt cannot tell. It is told with the tests: no fault of a run."""
        try:
            return self._dbt.freshness()
        except DbtProblem as problem:
            self._log.warning("freshness.unknown", message=str(problem))
            return None

    def _models(self, step: str, selection: Selection) -> list[NodeResult]:
        if not selection:
            return []
        with self._clock.step(step):
            found = self._invoke("run", selection)
        self._details["models"] += len(found)
        return found

    def _keeps_from_planning(self, nodes: list[NodeResult]) -> bool:
        """Return whether a model that planning reads is not what it should be: failed, or skipped for one that did."""
        bad = {node.name for node in nodes if not node.good}
        if not bad:
            return False
        try:
            return not bad.isdisjoint(self._dbt.reads(PLANNING))
        except DbtProblem as problem:
            self._log.warning("lineage.unknown", message=str(problem))
            return True

    def _plan(self) -> None:
        with self._clock.step("plan"):
            summary, schedule_ids = schedule_gaps(
                self._warehouse,
                places(self._spec.covered),
                self._budget_of,
                self._spec.trace_id,
                self._log,
                self._charging.note if self._charging else None,
            )
            look_at = self._charging.ask(self._spec.trace_id, self._log) if self._charging else None
        self._details |= _told(summary, schedule_ids, look_at)
        if state := standing(self._warehouse, self._log):
            self._details["archive"] = state
        if health := sources(self._warehouse, datetime.now(UTC), self._log):
            self._details["sources"] = health

    def _renew_docs(self, built: builds.Parts, *, settled: bool) -> None:
        if self._docs is not None:
            content = Content(
                hashlib.md5(repr(sorted(built.items())).encode(), usedforsecurity=False).hexdigest(), settled
            )
            with self._clock.step("docs"):
                self._details["docs"] = self._docs.renew(self._dbt, content, lambda: row_counts(self._warehouse))

    def _invoke(self, command: str, selection: Selection) -> list[NodeResult]:
        try:
            return self._dbt.invoke(command, *selection)
        except DbtProblem as problem:
            self._warehouse.run("select 1")  # raises where the warehouse is the cause
            message = f"dbt {command} could not start: {problem}"
            raise JobError(ExitCode.OTHER, Reason.TRANSFORM_ERROR, message) from None

    def _fail(self, reason: Reason, failed: list[NodeResult]) -> NoReturn:
        self._warehouse.run("select 1")  # a warehouse that went away makes every node fail: then that is what to tell
        names = [node.name for node in failed]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        kind = "test" if reason is Reason.TEST_FAILED else "model"
        plural = "s" if len(names) > 1 else ""
        message = f"{len(names)} {kind}{plural} failed: {shown}. The first says: {failed[0].message[:400]}"
        raise JobError(ExitCode.OTHER, reason, message, counts={"details": self._details | {"failed": names[:20]}})


def _told(summary: Summary, schedule_ids: list[str], look_at: datetime | None) -> dict[str, Any]:
    # TIMESTAMP_NTZ comes without a zone; all times of the warehouse are UTC.
    next_at = min((at for at in (summary.next_due_at, look_at) if at is not None), default=None)
    due_at = None if next_at is None else rfc3339(next_at.replace(tzinfo=UTC))
    return {
        "gaps": summary.total,
        "gaps_due": summary.due,
        "gaps_held": summary.held,
        "gaps_waiting": summary.waiting,
        "next_due_at": due_at,
        "schedules": schedule_ids[:10],
    }
