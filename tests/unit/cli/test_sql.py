"""What `mars sql` makes of text and of rows, without a warehouse."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from mm_cli.columns import column_names
from mm_cli.errors import CliError
from mm_cli.results import Result, Target, target_of, text_of, write
from mm_cli.statements import split
from mm_cli.values import as_json, shown


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("select 1", [("select 1", False)]),
        ("select 1; select 2;", [("select 1", False), ("select 2", False)]),
        (
            "select ';' as a, \"b;c\" from t; select 2",
            [("select ';' as a, \"b;c\" from t", False), ("select 2", False)],
        ),
        ("select 'it''s; here', 'and \\'; there'", [("select 'it''s; here', 'and \\'; there'", False)]),
        ("-- one; two\nselect 1 -- three; \n;", [("-- one; two\nselect 1 -- three;", False)]),
        ("select 1 /* ; */ ; // no; more\n", [("select 1 /* ; */", False)]),
        ("select $$a;b$$; select 2", [("select $$a;b$$", False), ("select 2", False)]),
        ("select 1\\G", [("select 1", True)]),
        ("select 1\\G select 2;", [("select 1", True), ("select 2", False)]),
        ("select '\\G'", [("select '\\G'", False)]),
        (" ;; -- nothing\n ; /* nor here */", []),
        ("", []),
    ],
)
def test_a_text_becomes_its_statements(text: str, statements: list[tuple[str, bool]]) -> None:
    assert split(text) == statements


@pytest.mark.parametrize(
    ("statement", "duckdb", "snowflake", "names"),
    [
        ("select count(*) from t", ["count_star()"], ["COUNT(*)"], ["count"]),
        ("select max_by(src, sol) from t", ["arg_max(SRC, SOL)"], ["MAX_BY(SRC, SOL)"], ["max_by_src_sol"]),
        ("select rover_name, min(sol), max(sol) from t group by 1", ["ROVER_NAME", "min(SOL)", "max(SOL)"],
         ["ROVER_NAME", "MIN(SOL)", "MAX(SOL)"], ["rover_name", "min_sol", "max_sol"]),
        ("select *, count(*) over () from t", ["SOL", "UTC", "count_star() OVER ()"],
         ["SOL", "UTC", "COUNT(*) OVER ()"],
         ["sol", "utc", "count_over"]),
        ("select * from t", ["SOL", "count_star()"], ["SOL", "COUNT(*)"], None),
        ("select 1, 'x', 1 as ONE, \"Mixed Case\" from t", ["1", "'x'", "ONE", "Mixed Case"],
         ["1", "'X'", "ONE", "Mixed Case"],
         ["column_1", "x", "one", "Mixed Case"]),
        ("select count(*), count(*) from t", ["count_star()", "count_star()"],
         ["COUNT(*)", "COUNT(*)"], ["count", "count_2"]),
        ("select a.sol::varchar, (b.sol) from a, b", ["CAST(a.SOL AS VARCHAR)", "SOL"],
         ["A.SOL::VARCHAR", "SOL"], ["sol", "sol_2"]),
        ("with a as (select 1) select sum(x) from a union all select 2", ["sum(X)"], ["SUM(X)"], ["sum_x"]),
        ("show tables", ["created_on", "name"], ["created_on", "name"], ["created_on", "name"]),
        ("not sql at (all", ["A"], ["A"], ["a"]),
    ],
)  # fmt: skip
def test_columns_are_named_as_they_were_written_whoever_answers(
    statement: str, duckdb: list[str], snowflake: list[str], names: list[str] | None
) -> None:
    assert names is None or column_names(statement, duckdb) == column_names(statement, snowflake) == names
    for engine in (duckdb, snowflake):
        found = column_names(statement, engine)
        assert len(found) == len(engine)
        assert len(set(found)) == len(found)
        assert not any("(" in name or "*" in name for name in found)


def test_a_value_is_shown_as_it_is() -> None:
    shown_values: list[tuple[Any, str]] = [
        (137.441635, "137.441635"),
        (-4.589466996, "-4.589466996"),
        (0.0031, "0.0031"),
        (1228943, "1228943"),
        (Decimal("0.1000"), "0.1000"),
        (Decimal("1E+3"), "1000"),
        (True, "yes"),
        (None, ""),
        (datetime(2026, 1, 2, 3, 4, 5, 678000), "2026-01-02 03:04:05.678"),
        (datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02 03:04:05"),
        (date(2026, 1, 2), "2026-01-02"),
        (b"\x01\xff", "01ff"),
    ]
    for value, text in shown_values:
        assert shown(value) == text, value


def test_json_loses_nothing_and_has_iso_times() -> None:
    values: list[tuple[Any, Any]] = [
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC), "2026-01-02T03:04:05.12Z"),
        (datetime(2026, 1, 2, 3, 4, 0), "2026-01-02T03:04:00Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (Decimal("12"), 12),
        (Decimal("0.25"), 0.25),
        (Decimal("0.12345678901234567890123"), "0.12345678901234567890123"),
        (float("nan"), "nan"),
        (137.441635, 137.441635),
        (None, None),
    ]
    for value, wanted in values:
        assert as_json(value) == wanted, value
        json.dumps(as_json(value), allow_nan=False)


RESULT = Result(
    ["id", "share", "at", "text"], [(1228943, 0.0031, datetime(2026, 1, 2), 'a "b", c'), (2, None, None, None)]
)


def test_forms_of_a_result() -> None:
    assert text_of(RESULT, "table").splitlines()[2].split()[:2] == ["1228943", "0.0031"]
    assert json.loads(text_of(RESULT, "json"))[0] == {
        "id": 1228943, "share": 0.0031, "at": "2026-01-02T00:00:00Z", "text": 'a "b", c'
    }  # fmt: skip
    assert [json.loads(line)["id"] for line in text_of(RESULT, "jsonl").splitlines()] == [1228943, 2]
    assert list(csv.reader(io.StringIO(text_of(RESULT, "csv")))) == [
        ["id", "share", "at", "text"],
        ["1228943", "0.0031", "2026-01-02T00:00:00Z", 'a "b", c'],
        ["2", "", "", ""],
    ]
    block = text_of(RESULT, "vertical").splitlines()
    assert block[0].startswith("-- row 1 ")
    assert block[1:3] == ["id     1228943", "share  0.0031"]
    assert text_of(Result(["a"], []), "json") == "[]\n"
    assert text_of(Result(["a"], []), "") == ""


def test_wide_rows_stand_one_below_the_other_on_a_terminal_only() -> None:
    wide = Result([f"column_{n}" for n in range(20)], [tuple(range(20))])
    assert text_of(wide, "", 80).startswith("-- row 1")
    assert text_of(wide, "", 400).startswith("column_0")
    assert text_of(wide, "", None).startswith("column_0")
    assert text_of(wide, "table", 80).startswith("column_0"), "who asks for a table gets one"


def test_a_file_is_written_in_the_form_of_its_name(tmp_path: Path) -> None:
    for name, form in (
        ("a.csv", "csv"),
        ("a.json", "json"),
        ("a.jsonl", "jsonl"),
        ("a.PARQUET", "parquet"),
        ("a.txt", "table"),
    ):
        target = target_of(str(tmp_path / name))
        assert target == Target(form, tmp_path / name)
        write(RESULT, target)
        assert (tmp_path / name).stat().st_size
    table = pq.read_table(tmp_path / "a.PARQUET")
    assert table.column_names == RESULT.names
    assert table.to_pylist()[0] == dict(zip(RESULT.names, RESULT.rows[0], strict=True))
    assert str(table.schema.field("at").type).startswith("timestamp")
    with pytest.raises(CliError, match="cannot write"):
        write(RESULT, target_of(str(tmp_path / "nowhere" / "a.csv")))


def test_values_of_several_kinds_and_none_at_all_go_into_parquet(tmp_path: Path) -> None:
    write(Result(["mixed", "none"], [(1, None), ("x", None)]), Target("parquet", tmp_path / "p.parquet"))
    assert pq.read_table(tmp_path / "p.parquet").to_pylist() == [
        {"mixed": "1", "none": None},
        {"mixed": "x", "none": None},
    ]
