"""The lint finds what it names, and the product's SQL is free of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from mm_warehouse.lint import RULES, check_paths, check_python, check_text

ROOT = Path(__file__).parents[3]

BROKEN = {
    "ASOF JOIN": "select * from a asof join b match_condition (a.t >= b.t)",
    "HASH": "select hash(a, b) from t",
    "GEOGRAPHY": "select to_geography(g)",
    "ORDER BY ALL": "select * from t order by all",
    "CONNECT BY": "select * from t start with a = 1 connect by a = prior b",
    "OBJECT_INSERT": "select object_insert(o, 'k', 1)",
    "SWAP WITH": "alter table a swap with b",
    "UNDROP": "select * from t at (offset => -60)",
    "CREATE FUNCTION": "create or replace function f(x int) returns int as 'x'",
    "RESULT_SCAN": "select * from table(result_scan(last_query_id()))",
    "FLATTEN RECURSIVE": "select * from t, lateral flatten(input => v, recursive => true)",
    "FLATTEN.SEQ": "select f.seq from t, lateral flatten(v) f",
    "RATIO_TO_REPORT": "select ratio_to_report(x) over () from t",
    "CONDITIONAL_EVENT": "select conditional_change_event(x) over (order by y) from t",
    "WIDTH_BUCKET": "select width_bucket(x, 0, 10, 5) from t",
    "AS_TYPE": "select as_integer(v:a) from t",
    "PARSE_URL": "select parse_url(u):host from t",
    "HAVERSINE": "select haversine(a, b, c, d) from t",
    "COLUMN LS": "select * from t where ls < 90",
    "DAY OF YEAR FORMAT": "select try_to_timestamp_ntz(x, 'YYYY-DDDTHH24:MI:SS') from t",
    "FRACTIONAL DATEADD": "select dateadd(second, 1.5, ts) from t",
    "POSITIONAL COLUMN": "select $2 from values (1, 'a')",
    "MATCH_BY_COLUMN_NAME": "copy into t from @s match_by_column_name = case_insensitive",
    "ON_ERROR": "copy into t from @s on_error = 'continue'",
    "FILE METADATA": "copy into t from (select metadata$start_scan_time, $1 from @s)",
    "EXTERNAL STAGE": "create stage if not exists s url = 's3://mars/' storage_integration = i",
    "WRITE_PANDAS": "select write_pandas(1)",
    "STREAM OR TASK": "create or replace stream s on table t",
    "HARD CAST": "select v:a.b[0].c::integer from t",
    "TIME ZONE TYPE": "select ts::timestamp_tz from t",
}

ALLOWED = """
-- order by all, hash(x): a comment
{# {{ swap with }} #}
select md5(a), sha2(a, 256), f.value:geometry.type::string, f.index, t.sequence, typeof(v), $1:path::int,
    $1:doc.path::int,
    try_cast(v:a::varchar as integer), try_to_number(v:a::varchar), try_cast(a as integer), cast(null as integer),
    cast(v:a as varchar), v[0]::varchar, try_parse_json(x), parse_json(?), count(*)::integer, v:a::varchar,
    dateadd(second, 2, ts), dateadd('day', -1, d), try_to_date(x, 'YYYY-MM-DD'), at, match_by_column_name,
    metadata$filename, metadata$file_content_key, url,
    ts::timestamp_ntz,    current_timestamp()::timestamp_ntz, column1, as_of, hashed, x.hash
from {{ ref('t') }}, lateral flatten(input => v, outer => true) f /* connect by */
qualify row_number() over (partition by a order by b) = 1
"""


def test_every_rule_has_an_example() -> None:
    assert {rule.name for rule in RULES} == set(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_rule_finds_its_construct(name: str) -> None:
    found = [f.rule.name for f in check_text(BROKEN[name].upper(), Path("x.sql"))]
    assert found == [name]


@pytest.mark.parametrize(
    "text",
    [
        "select v:a::integer", "select f.value::date", "select {{ entry }}:received_photos::integer",
        "select f.value[0]::double", "select to_number(x)", "select to_timestamp_ntz(x)", "select v:a :: boolean",
        "select cast(v:a as integer)", "select CAST ( f.value as date)", "select cast({{ entry }}:sol as integer)",
        "select v[0]::integer", "select v[0]['a']::date", "select parse_json(x)", "select cast(nullable as integer)",
    ],
)  # fmt: skip
def test_a_cast_of_what_comes_from_outside_is_found_in_every_spelling(text: str) -> None:
    assert [finding.rule.name for finding in check_text(text, Path("x.sql"))] == ["HARD CAST"]


def test_allowed_sql_has_no_findings() -> None:
    assert list(check_text(ALLOWED, Path("x.sql"))) == []


def test_line_of_a_finding() -> None:
    assert [f.line for f in check_text("select 1\n/* a\n b */\norder by all", Path("x.sql"))] == [4]


def test_python_files_are_searched_for_sql_only() -> None:
    source = 'note = "order by all"\nq = "select * from t order by all"\nf = f"select {a} from {b} order by all"\n'
    assert [f.line for f in check_python(source, Path("x.py"))] == [2, 3]


@pytest.mark.parametrize("folder", ["dbt", "jobs", "cli", "dashboard", "operator"])
def test_the_products_sql_keeps_to_the_common_dialect(folder: str) -> None:
    assert [str(finding) for finding in check_paths([ROOT / folder])] == []


def test_document_names_every_rule() -> None:
    text = (ROOT / "docs" / "warehouse-dialect.md").read_text()
    assert [rule.name for rule in RULES if f"`{rule.name}`" not in text] == []
