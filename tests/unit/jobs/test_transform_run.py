"""The order of a transform run, and what it builds and tests, without dbt and without a warehouse."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from mm_contracts.batch import TransformSpec
from mm_contracts.bronze import TABLES
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.transform import builds, job
from mm_jobs.transform.dbt import DbtProblem, NodeResult
from mm_jobs.transform.planner import Budget, Summary

from tests.unit.jobs.recorded_warehouse import Recorder

SOON = datetime(2026, 1, 2, 3, 4, 5)


class FakeWarehouse:
    def __init__(self, *, away: bool = False, lost: int = 0) -> None:
        self.away, self.lost = away, lost

    def run(self, sql: str, *_: object) -> list[Any]:
        if "ETAG = ''" in sql:
            return [(self.lost,)]
        if self.away:
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "it is away")
        return []


class FakeDbt:
    """Gives each step's results; notes the order of everything that happens."""

    def __init__(self, order: list[str], **steps: list[NodeResult] | Exception) -> None:
        self._order = order
        self._steps = steps
        self.selections: dict[str, tuple[str, ...]] = {}

    def prepare(self) -> bool:
        return True

    def reads(self, model: str) -> frozenset[str]:
        assert model == "ingestion_planning"
        if isinstance(self._steps.get("lineage"), Exception):
            raise self._steps["lineage"]  # type: ignore[misc]
        return frozenset({"a", model})

    def freshness(self) -> list[NodeResult]:
        outcome = self._steps.get("freshness", [])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def fingerprint(self) -> str:
        return "models"

    def settings_fingerprint(self) -> str:
        return "settings"

    def invoke(self, command: str, *selection: str) -> list[NodeResult]:
        loop = selection in (job.LOOP, job.LOOP + job.ANEW, job.built_from(PHOTOS, "loop"))
        rest = selection in (job.REST, job.REST + job.ANEW, job.built_from(PHOTOS, None))
        name = "test" if command == "test" else "loop" if loop else "rest"
        assert loop or rest or command == "test"
        self._order.append(name)
        self.selections[name] = selection
        outcome = self._steps.get(name, [])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def node(name: str, status: str) -> NodeResult:
    return NodeResult(name, "model", status, f"{name} says no", 0.1)


Go = Callable[..., dict[str, Any]]

PHOTOS = frozenset({"RAW_PHOTO_RESPONSE"})
NOW_THERE = {"PROJECT": "models", "SETTINGS": "settings", "RELATIONS": "r"} | {
    table.name: "empty" for table in TABLES.values()
}


@pytest.fixture
def order() -> list[str]:
    return []


@pytest.fixture
def ledger() -> dict[str, str]:
    """What the last build wrote down; nothing at first."""
    return {}


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch, order: list[str], ledger: dict[str, str], log: Log) -> Go:
    monkeypatch.setattr(job.schema, "ensure", lambda _: [])
    monkeypatch.setattr(builds, "last", lambda _: dict(ledger))
    monkeypatch.setattr(
        builds, "present", lambda _, project, settings: NOW_THERE | {"PROJECT": project, "SETTINGS": settings}
    )

    def record(_: object, built: dict[str, str], *, sound: bool) -> None:
        ledger.update(built | {"TESTS": "passed" if sound else "failed"})

    def begin(_: object, due: builds.Due) -> None:
        order.append("begin")
        for part in due.parts:
            ledger.pop(part, None)

    monkeypatch.setattr(builds, "record", record)
    monkeypatch.setattr(builds, "begin", begin)

    def planning(*_: object) -> tuple[Summary, list[str]]:
        order.append("plan")
        return Summary(6, 0, 1, 5, SOON), ["gaps-1"]

    monkeypatch.setattr(job, "schedule_gaps", planning)

    def run(
        *, away: bool = False, lost: int = 0, docs: Any = None, dbt: FakeDbt | None = None, **steps: Any
    ) -> dict[str, Any]:
        spec, warehouse = TransformSpec(run_id="r", trace_id="t"), FakeWarehouse(away=away, lost=lost)
        dbt = dbt or FakeDbt(order, **steps)
        return job.Run(spec, dbt, warehouse, lambda _: Budget(), log, docs).run()  # type: ignore[arg-type]

    return run


def test_planning_does_not_wait_for_gold_and_tests(go: Go, order: list[str]) -> None:
    fields = go(loop=[node("a", "success")], rest=[node("b", "success")], test=[node("t", "pass"), node("u", "warn")])
    assert order == ["begin", "loop", "plan", "rest", "test"]
    assert list(fields["details"].pop("seconds")) == ["look", "prepare", "loop", "plan", "rest", "test"]
    assert fields["details"] == {
        "gaps": 6,
        "gaps_due": 0,
        "gaps_held": 1,
        "gaps_waiting": 5,
        "next_due_at": "2026-01-02T03:04:05Z",
        "schedules": ["gaps-1"],
        "models": 2,
        "tests": 2,
    }


OLD = NodeResult("source_freshness_bronze_raw_manifest_response", "source", "error", "9 days", 0.1)


@pytest.mark.parametrize(
    ("freshness", "more"),
    [([OLD], ["source_freshness_bronze_raw_manifest_response error"]), (DbtProblem("no results"), [])],
)
def test_how_old_sources_are_is_told_with_the_tests_and_fails_nothing(
    go: Go, monkeypatch: pytest.MonkeyPatch, freshness: Any, more: list[str]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        job.results, "record", lambda _w, _run, tests: told.extend(f"{test.name} {test.status}" for test in tests)
    )
    kept: list[list[str]] = []
    monkeypatch.setattr(job.results, "forget", lambda _w, known: kept.append(list(known)))
    fields = go(loop=[node("a", "success")], test=[node("t", "pass")], freshness=freshness)
    assert fields["details"]["tests"] == 1
    assert told == ["t pass", *more]
    # What could not be told this time keeps its history.
    assert kept == ([["t", OLD.name]] if more else [])


def test_nothing_is_planned_on_a_loop_that_is_not_built(go: Go, order: list[str]) -> None:
    for loop in (
        [node("a", "error"), node("b", "skipped")],
        [node("b", "error"), node("a", "skipped")],
        [node("b", "error"), node("ingestion_planning", "skipped")],
    ):
        order.clear()
        with pytest.raises(JobError, match=f"1 model failed: {loop[0].name}") as caught:
            go(loop=loop)
        assert (caught.value.code, caught.value.reason) == (ExitCode.OTHER, Reason.TRANSFORM_ERROR)
        assert order == ["begin", "loop"]


def test_a_loop_model_that_planning_does_not_read_keeps_nothing_back(
    go: Go, order: list[str], ledger: dict[str, str]
) -> None:
    with pytest.raises(JobError, match="2 models failed: b, g") as caught:
        go(loop=[node("a", "success"), node("b", "error"), node("c", "skipped")], rest=[node("g", "error")])
    assert caught.value.reason is Reason.TRANSFORM_ERROR
    assert order == ["begin", "loop", "plan", "rest", "test"]
    assert caught.value.counts["details"]["schedules"] == ["gaps-1"]
    assert ledger == {}, "it is built again by the next run"


def test_nothing_is_planned_where_nobody_can_say_what_planning_reads(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError, match="1 model failed: b"):
        go(loop=[node("b", "error")], lineage=DbtProblem("no manifest"))
    assert order == ["begin", "loop"]


def test_a_failed_test_keeps_nothing_back_and_is_told_by_name(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError, match="1 test failed: t") as caught:
        go(test=[node("t", "fail"), node("u", "pass")])
    assert caught.value.reason is Reason.TEST_FAILED
    assert order == ["begin", "loop", "plan", "rest", "test"]
    assert caught.value.counts["details"]["next_due_at"] == "2026-01-02T03:04:05Z"
    assert caught.value.counts["details"]["failed"] == ["t"]


def test_a_failed_gold_model_does_not_keep_the_tests_from_running(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError) as caught:
        go(rest=[node("g", "error")], test=[node("t", "fail")])
    assert caught.value.reason is Reason.TRANSFORM_ERROR
    assert order[-1] == "test"


def test_a_warehouse_that_went_away_is_told_instead_of_all_that_failed_for_it(go: Go) -> None:
    for steps in ({"loop": [node("a", "error")]}, {"loop": DbtProblem("no connection")}):
        with pytest.raises(JobError) as caught:
            go(away=True, **steps)
        assert (caught.value.code, caught.value.reason) == (ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR)


def test_nothing_is_built_or_planned_on_bronze_that_lost_a_table(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError, match=r"not all loaded again \(7 missing\)") as caught:
        go(lost=7)
    assert (caught.value.code, caught.value.reason) == (ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR)
    assert order == []


def test_a_broken_project_is_no_temporary_failure(go: Go) -> None:
    with pytest.raises(JobError, match="could not start: syntax") as caught:
        go(loop=DbtProblem("syntax"))
    assert caught.value.code is ExitCode.OTHER


class FakeDocs:
    def __init__(self, order: list[str]) -> None:
        self._order = order

    def renew(self, _maker: object, _content: object, _counts: object) -> str:
        self._order.append("docs")
        return "failed: no disk"


def test_the_page_comes_last_and_its_failure_fails_nothing(go: Go, order: list[str]) -> None:
    fields = go(docs=FakeDocs(order), loop=[node("a", "success")])
    assert order == ["begin", "loop", "plan", "rest", "test", "docs"]
    assert fields["details"]["docs"] == "failed: no disk"
    assert "docs" not in go()["details"]


def test_a_failed_test_does_not_keep_the_page_back_and_a_failed_model_does(
    go: Go, order: list[str], ledger: dict[str, str]
) -> None:
    with pytest.raises(JobError) as caught:
        go(docs=FakeDocs(order), test=[node("t", "fail")])
    assert caught.value.counts["details"]["docs"] == "failed: no disk"
    order.clear()
    ledger.clear()
    with pytest.raises(JobError):
        go(docs=FakeDocs(order), rest=[node("g", "error")])
    assert order == ["begin", "loop", "plan", "rest", "test"]


def test_only_what_hangs_on_changed_tables_is_built_and_tested(
    go: Go, order: list[str], ledger: dict[str, str]
) -> None:
    ledger.update(NOW_THERE | {"RAW_PHOTO_RESPONSE": "older"})
    dbt = FakeDbt(order)
    go(dbt=dbt)
    assert dbt.selections == {
        "loop": (
            "--select",
            "source:bronze.raw_photo_response+,config.materialized:table,tag:loop",
            "source:bronze.raw_photo_response+,config.materialized:incremental,tag:loop",
        ),
        "rest": (
            "--select",
            "source:bronze.raw_photo_response+,config.materialized:table",
            "source:bronze.raw_photo_response+,config.materialized:incremental",
            "--exclude",
            "tag:loop",
        ),
        "test": ("--select", "source:bronze.raw_photo_response+", "--exclude", "test_type:unit"),
    }
    assert ledger["RAW_PHOTO_RESPONSE"] == "empty"


def test_nothing_new_is_planning_alone(go: Go, order: list[str]) -> None:
    go()
    order.clear()
    details = go()["details"]
    assert order == ["plan"]
    assert (details["models"], details["tests"], details["gaps"]) == (0, 0, 6)


@pytest.mark.parametrize(("part", "anew"), [("PROJECT", job.ANEW), ("SETTINGS", ()), ("RELATIONS", ())])
def test_other_models_settings_or_a_missing_relation_build_everything(
    go: Go, order: list[str], ledger: dict[str, str], part: str, anew: tuple[str, ...]
) -> None:
    go()
    ledger[part] = "other"
    dbt = FakeDbt(order)
    go(dbt=dbt)
    assert dbt.selections == {"loop": job.LOOP + anew, "rest": job.REST + anew, "test": job.NO_UNIT_TESTS}


def test_a_model_that_failed_is_built_again_by_the_next_run(go: Go, order: list[str], ledger: dict[str, str]) -> None:
    for steps in ({"loop": [node("a", "error")]}, {"rest": [node("g", "error")]}):
        with pytest.raises(JobError):
            go(**steps)
        assert ledger == {}
    order.clear()
    go()
    assert order == ["begin", "loop", "plan", "rest", "test"]


def _v2(dbt: FakeDbt, monkeypatch: pytest.MonkeyPatch) -> FakeDbt:
    monkeypatch.setattr(dbt, "fingerprint", lambda: "models of v2")
    return dbt


def test_a_roll_back_after_a_failed_upgrade_builds_everything_anew(
    go: Go, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go()
    with pytest.raises(JobError):
        go(dbt=_v2(FakeDbt(order, rest=[node("g", "error")]), monkeypatch))
    dbt = FakeDbt(order)
    go(dbt=dbt)
    assert dbt.selections["loop"] == job.LOOP + job.ANEW
    order.clear()
    go()
    assert order == ["plan"]


def test_content_that_comes_back_after_a_failed_build_of_other_content_is_built_and_nothing_else(
    go: Go, order: list[str], ledger: dict[str, str]
) -> None:
    go()
    content = ledger["RAW_PHOTO_RESPONSE"]
    ledger["RAW_PHOTO_RESPONSE"] = "former"
    with pytest.raises(JobError):
        go(rest=[node("g", "error")])
    assert "RAW_PHOTO_RESPONSE" not in ledger, "whatever content comes now is another one"
    assert ledger["PROJECT"] == "models"
    dbt = FakeDbt(order)
    go(dbt=dbt)
    assert dbt.selections["loop"] == job.built_from(PHOTOS, "loop")
    assert ledger["RAW_PHOTO_RESPONSE"] == content


def test_what_is_forgotten_is_what_differs_and_nothing_is_where_all_is_the_same() -> None:
    built = NOW_THERE | {"TESTS": "failed"}
    for part, tables, refresh in (("PROJECT", None, True), ("SETTINGS", None, False), ("RELATIONS", None, False)):
        due = builds.due(built | {part: "other", "RAW_PHOTO_RESPONSE": "other"}, NOW_THERE)
        assert due == builds.Due(tables, refresh, frozenset({part, "RAW_PHOTO_RESPONSE"}))
    assert builds.due(built | {"RAW_PHOTO_RESPONSE": "other"}, NOW_THERE) == builds.Due(PHOTOS, parts=PHOTOS)
    recorder = Recorder()
    builds.begin(recorder, builds.Due(PHOTOS, parts=PHOTOS))  # type: ignore[arg-type]
    builds.begin(recorder, builds.due(built, NOW_THERE))  # type: ignore[arg-type]
    assert recorder.said == [("delete from BRONZE.BUILD_LEDGER where PART in (?)", ("RAW_PHOTO_RESPONSE",))]


def test_after_a_failed_test_all_tests_run_again_until_they_pass(go: Go, order: list[str]) -> None:
    with pytest.raises(JobError):
        go(test=[node("t", "fail")])
    order.clear()
    dbt = FakeDbt(order, test=[node("t", "fail")])
    with pytest.raises(JobError):
        go(dbt=dbt)
    assert (order, dbt.selections["test"]) == (["begin", "plan", "test"], job.NO_UNIT_TESTS)
    go()
    order.clear()
    go()
    assert order == ["plan"]
