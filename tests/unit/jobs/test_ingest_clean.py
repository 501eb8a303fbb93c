"""The border: any bytes that a source might send become JSON that every reader takes, or one typed failure."""

import json
import math
import string
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mm_jobs.ingest import clean, fields
from mm_jobs.ingest.answers import read_answer
from mm_jobs.ingest.failures import SourceFailure

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
"""Also lone surrogates, NUL and controls."""
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=20,
)


def _strict(body: bytes) -> Any:
    """Read JSON as strictly as RFC 8259 can be read."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in found}) == len(found), "a key twice"
        return dict(found)

    def constant(name: str) -> Any:
        raise AssertionError(f"{name} is no JSON")

    text = body.decode("utf-8")
    text.encode("utf-8")
    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


def _check(body: bytes) -> Any:
    value = _strict(body)
    assert msgspec.json.decode(body, strict=True) == value
    _finite(value)
    return value


def _finite(value: Any, depth: int = 0) -> None:
    assert depth <= clean.DEEPEST
    if isinstance(value, dict):
        for key, item in value.items():
            assert "\x00" not in key
            _finite(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _finite(item, depth + 1)
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, int):
        assert abs(value) < 2**63
    elif isinstance(value, str):
        assert "\x00" not in value


@given(any_json, st.booleans())
@settings(max_examples=600, deadline=None)
@example({"title": "dust devil \ud83c"}, True)
@example({"a\ud83c": 1, "a\x00": 2}, True)
@example([float("nan"), float("inf"), 10**400, -(2**63)], False)
def test_whatever_a_source_sends_is_written_as_json_that_every_reader_takes(value: Any, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    _check(clean.dumps(clean.parse(body)))
    _strict(clean.dumps(value))


@given(any_json)
@settings(max_examples=300, deadline=None)
def test_what_is_clean_already_passes_unchanged(value: Any) -> None:
    once = clean.clean(value)
    assert clean.clean(once) == once
    assert json.loads(clean.dumps(once)) == once


@given(st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
@settings(max_examples=500, deadline=None)
@example(b"[" * 100_000)
@example(b"1" * 5_000)
@example(b'{"a":' * 200 + b"1" + b"}" * 200)
@example(b'{"photos":[1],"photos":[]}')
@example(b"\xef\xbb\xbf{}")
@example(b'{"photos":"\xed\xa0\x80\xff"}')
def test_bytes_are_read_or_are_a_failure(body: bytes) -> None:
    try:
        content = read_answer(200, {}, body, "photos", datetime(2026, 1, 2, tzinfo=UTC))
    except SourceFailure:
        return
    _check(clean.dumps(content))


def test_an_abyss_is_cut_where_it_begins_and_its_neighbours_stay() -> None:
    body = b'{"photos":[{"id":1},{"id":2,"deep":' + b"[" * 500 + b"]" * 500 + b'},{"id":3}]}'
    assert [photo["id"] for photo in _check(clean.dumps(clean.parse(body)))["photos"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'"\ud83c"', "�"),
        (rb'"\ud83c\udf2a"', "🌪"),
        ('"🌪"'.encode(), "🌪"),
        (rb'"a\u0000b"', "a�b"),
        (b"[NaN,-Infinity,1e999]", [None, None, None]),
        (b"99999999999999999999999", None),
        (b"9007199254740993", 9007199254740993),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_what_readers_disagree_on_is_made_harmless(body: bytes, value: Any) -> None:
    assert clean.parse(body) == value


def test_duckdb_reads_what_strange_answers_become() -> None:
    strange = {"surrogate": "\udfff", "nul": "a\x00b", "nan": math.nan, "big": 10**30, "emoji": "🌪", "line": "\u2028"}
    body = clean.dumps({"photos": [strange]}).decode()
    with duckdb.connect() as connection:
        row = connection.execute("select json_valid(?), ?::json ->> '$.photos[0].emoji'", [body, body]).fetchone()
    assert row == (True, "🌪")


@given(any_json)
@settings(max_examples=600, deadline=None)
@example("Sol-00100M15:26:09.623")
@example("(1280,960)")
@example(10**400)
@example("9" * 5000)
@example("١٢")
def test_every_field_takes_anything(value: Any) -> None:
    number = fields.number(value)
    assert number is None or math.isfinite(number)
    whole = fields.whole(value)
    assert whole is None or (type(whole) is int and 0 <= whole <= fields.LARGEST)
    for read in (fields.text, fields.url, fields.day, fields.moment, fields.local_time):
        found = read(value)
        assert found is None or (isinstance(found, str) and found)
    assert len(fields.pair(value)) == 2
    assert isinstance(fields.mapping(value), dict)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (fields.whole, "104", 104),
        (fields.whole, 5.0, 5),
        (fields.whole, True, None),
        (fields.whole, "1_000", None),
        (fields.number, "91.7789", 91.7789),
        (fields.number, "UNK", None),
        (fields.number, "1e5", 100000.0),
        (fields.text, " SkyCam Camera ", "SkyCam Camera"),
        (fields.text, "UNK", None),
        (fields.day, "2012-02-30", None),
        (fields.moment, "2023-08-19T22:52:26.074", "2023-08-19T22:52:26.074Z"),
        (fields.moment, "2012-11-02T15:18:29+01:00", "2012-11-02T14:18:29.000Z"),
        (fields.local_time, "Sol-00888M08:20:47.365", "08:20:47.365"),
        (fields.local_time, "M08:20:47", "08:20:47.000"),
        (fields.pair, "(1280,960)", (1280, 960)),
        (fields.url, "javascript:alert(1)", None),
    ],
)
def test_fields(read: Any, value: Any, expected: Any) -> None:
    assert read(value) == expected
