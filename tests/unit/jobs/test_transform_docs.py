"""When the page that describes the models is made anew, and what its failures do."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mm_contracts.keys import DOCS_PAGE, parse_key
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.transform.dbt import DbtProblem, fingerprint
from mm_jobs.transform.docs import CONTENT, FINGERPRINT, GENERATED_AT, Content, Docs, why_due
from mm_jobs.transform.page import Counts, Written, composed, counted, lineage, readable

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOADING = Content("some", settled=False)
COUNTS = {("SILVER", "FACT_PHOTOS"): 7}


def counts() -> Counts:
    return COUNTS


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({FINGERPRINT: "a", GENERATED_AT: "2026-01-02T11:59:59Z", CONTENT: "other"}, None),
        (None, "there is none"),
        ({FINGERPRINT: "a", GENERATED_AT: "2026-01-02T11:00:01Z"}, None),
        ({FINGERPRINT: "a", GENERATED_AT: "2026-01-02T11:00:00Z"}, "it is old"),
        ({FINGERPRINT: "b", GENERATED_AT: "2026-01-02T11:59:59Z"}, "the models changed"),
        ({FINGERPRINT: "a"}, "its age is unknown"),
        ({FINGERPRINT: "a", GENERATED_AT: "today"}, "its age is unknown"),
        ({FINGERPRINT: "a", GENERATED_AT: "2026-01-02T11:30:00"}, "its age is unknown"),
        ({FINGERPRINT: "a", GENERATED_AT: "2026-01-02T12:00:30Z"}, None),
        ({FINGERPRINT: "a", GENERATED_AT: "2036-01-01T00:00:00Z"}, "its age is unknown"),
        ({}, "the models changed"),
    ],
)
def test_a_page_is_due_when_there_is_none_or_it_is_old_or_another(
    found: dict[str, str] | None, why: str | None
) -> None:
    assert why_due(found, "a", LOADING, NOW, HOUR) == why


def test_a_page_that_was_made_while_photos_came_is_made_anew_when_all_are_there() -> None:
    """Else it told of empty tables for an hour."""
    found = {FINGERPRINT: "a", GENERATED_AT: "2026-01-02T11:59:59Z", CONTENT: "few photos"}
    assert why_due(found, "a", Content("all photos", settled=False), NOW, HOUR) is None
    assert why_due(found, "a", Content("all photos", settled=True), NOW, HOUR) == "the tables have changed"
    assert why_due(found | {CONTENT: "all photos"}, "a", Content("all photos", settled=True), NOW, HOUR) is None


class Maker:
    """Makes pages, or fails."""

    def __init__(self) -> None:
        self.pages = 0
        self.problem: Exception | None = None
        self.models = "one"

    def page(self, counts: Counts) -> Written:
        assert counts is COUNTS
        if self.problem:
            raise self.problem
        self.pages += 1
        return Written(b"<html>page %d</html>" % self.pages, b"[]")

    def fingerprint(self) -> str:
        return self.models


class Store:
    """One object, and the answer to whether the store is there."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[bytes, dict[str, str], str]] = {}
        self.away = False

    def metadata(self, key: str) -> dict[str, str] | None:
        if self.away:
            raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, "the store is away")
        return self.found[key][1] if key in self.found else None

    def put(self, key: str, body: bytes, metadata: Mapping[str, str], content_type: str) -> str:
        self.found[key] = (body, dict(metadata), content_type)
        return "etag"


def test_a_page_is_made_once_until_something_changes(log: Log) -> None:
    store, maker = Store(), Maker()
    docs = Docs(store, HOUR, log)
    assert [docs.renew(maker, LOADING, counts) for _ in range(3)] == ["renewed", "fresh", "fresh"]
    assert store.found[DOCS_PAGE][0] == b"<html>page 1</html>"
    assert store.found[DOCS_PAGE][2].startswith("text/html")
    maker.models = "two"
    assert docs.renew(maker, LOADING, counts) == "renewed"
    assert Docs(store, timedelta(0), log).renew(maker, LOADING, counts) == "renewed"
    assert maker.pages == 3


def test_a_failure_is_a_warning_and_the_page_that_is_there_stays(log: Log, lines: io.StringIO) -> None:
    store, maker = Store(), Maker()
    docs = Docs(store, HOUR, log)
    docs.renew(maker, LOADING, counts)
    before = dict(store.found)
    maker.models = "two"
    for problem in (DbtProblem("no catalog"), RuntimeError("dbt broke"), OSError("no space left")):
        maker.problem = problem
        assert docs.renew(maker, LOADING, counts) == f"failed: {problem}"
    store.away = True
    assert docs.renew(maker, LOADING, counts) == "failed: the store is away"
    assert store.found == before
    assert lines.getvalue().count("WARNING") == 4


def test_the_page_is_no_object_of_the_archive() -> None:
    with pytest.raises(ValueError, match="not the key"):
        parse_key(DOCS_PAGE)


def test_a_fingerprint_is_that_of_the_files_wherever_they_lie(tmp_path: Path) -> None:
    def project(name: str, **more: str) -> Path:
        for path, text in {"dbt_project.yml": "name: x", "models/a.sql": "select 1", **more}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / name

    one = fingerprint(project("one"), "1.11 MARS")
    same = project("same", **{"target/manifest.json": "{}", "logs/dbt.log": "line", ".user.yml": "id: 1"})
    assert fingerprint(same, "1.11 MARS") == one
    others = {
        fingerprint(project("one"), "1.12 MARS"),
        fingerprint(project("changed", **{"models/a.sql": "select 2"}), "1.11 MARS"),
        fingerprint(project("described", **{"models/a.yml": "models: []"}), "1.11 MARS"),
    }
    assert len(others | {one}) == 4


def test_the_page_shows_no_tests_as_nodes_and_rows_as_they_were_counted() -> None:
    generic = {"resource_type": "test", "test_metadata": {"name": "unique"}}
    manifest = {
        "nodes": {"m": {"resource_type": "model"}, "t": {"resource_type": "test"}, "g": generic},
        "unit_tests": {"u": {}},
        "parent_map": {"m": ["s"], "t": ["m"], "u": ["m"], "g": ["m"]},
        "child_map": {"m": ["t", "u", "g"], "t": [], "u": [], "g": []},
    }
    assert readable(manifest) == {
        "nodes": {"m": {"resource_type": "model"}, "g": generic},
        "unit_tests": {},
        "parent_map": {"m": ["s"], "g": ["m"]},
        "child_map": {"m": ["g"], "g": []},
    }
    guessed = {"row_count": {"value": 99, "include": True, "description": "about"}}
    table = {"metadata": {"schema": "SILVER", "name": "FACT_PHOTOS"}, "stats": guessed}
    other = {"metadata": {"schema": "SILVER", "name": "GONE"}, "stats": {"row_count": dict(guessed["row_count"])}}
    catalog = counted({"nodes": {"a": table, "b": other}, "sources": {}}, COUNTS)
    assert catalog["nodes"]["a"]["stats"]["row_count"]["value"] == 7
    assert catalog["nodes"]["b"]["stats"]["row_count"]["include"] is False


def test_a_page_is_one_file_and_an_unknown_one_is_refused() -> None:
    index = '<script>n=[o("manifest","MANIFEST.JSON INLINE DATA"),o("catalog","CATALOG.JSON INLINE DATA")]</script>'
    page = composed(index, {"a": "</script>"}, {"b": 1}).decode()
    assert page == '<script>n=[o("manifest",{"a": "<\\/script>"}),o("catalog",{"b": 1})]</script>'
    with pytest.raises(ValueError, match="MANIFEST"):
        composed("<html></html>", {}, {})


def test_the_lineage_tells_of_each_table_what_it_came_from() -> None:
    def node(name: str, kind: str, schema: str, **more: object) -> dict[str, object]:
        return {"name": name, "resource_type": kind, "schema": schema, "fqn": ["p", schema.lower(), name], **more}

    manifest = {
        "nodes": {
            "m.g": node("summary", "model", "GOLD", description="One row\n  per rover."),
            "m.s": node("fact", "model", "SILVER"),
            "t.x": node("unique", "test", "AUDIT"),
        },
        "sources": {"s.raw": node("raw", "source", "BRONZE")},
        "parent_map": {"m.g": ["m.s", "t.x"], "m.s": ["s.raw"]},
    }
    assert json.loads(lineage(manifest)) == [
        {"name": "bronze.raw", "layer": "bronze", "description": "", "from": []},
        {"name": "gold.summary", "layer": "gold", "description": "One row per rover.", "from": ["silver.fact"]},
        {"name": "silver.fact", "layer": "silver", "description": "", "from": ["bronze.raw"]},
    ]
