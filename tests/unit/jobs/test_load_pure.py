"""What is loaded, what is skipped, what is refused: the load's decisions without a warehouse."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mm_contracts.batch import LoadSpec, ObjectRef
from mm_contracts.bronze import BUILDS, CHARGES, LEDGER, SCHEDULES, TABLES, WORK, all_tables, create_statements
from mm_contracts.documents import CoordinatesDocument, ManifestsDocument, PhotosDocument
from mm_contracts.messages import LoadedObject, parse_load_complete
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.s3 import Listed
from mm_jobs.load.announcing import failure_event, success_events
from mm_jobs.load.documents import NotOurs, read
from mm_jobs.load.groups import grouped, wanted
from mm_jobs.load.ledger import Entry
from mm_jobs.load.leftovers import leftovers
from mm_jobs.load.staging.internal import copy_statement

KEY = "photos/curiosity/mars_rover_photos_batch_sol_1_to_2_20260102T030405Z.json"
DOCUMENT: dict[str, Any] = {
    "filename": "f.json",
    "rover_name": "Curiosity",
    "source": "nasa",
    "plan": "p",
    "batch": 0,
    "attempt": 1,
    "trace_id": "t",
    "ingestion_date": "2026-01-02T03:04:05Z",
    "sol_start": 1,
    "sol_end": 2,
    "photo_count": 2,
    "photos": [{"id": 1, "title": "a\nb"}, {"id": 2}],
    "sols": [
        {"sol": 1, "status": "complete", "received_photos": 2},
        {"sol": 2, "status": "failed", "received_photos": 0},
    ],
}


NOW = datetime(2026, 1, 3, tzinfo=UTC)


def _sol(**change: Any) -> dict[str, Any]:
    return {"sols": [DOCUMENT["sols"][0] | change, DOCUMENT["sols"][1]]}


def _encoded(document: Any = DOCUMENT, **options: Any) -> bytes:
    return json.dumps(document, **options).encode()


def test_a_document_travels_as_it_is_on_one_line() -> None:
    loadable = read(KEY, "e1", b"  " + _encoded(indent=2).replace(b"\n", b"\r\n") + b"\n")
    line = loadable.line("load-1", "2026-01-02 03:04:06.000000")
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert b"\r" not in line
    assert json.loads(line) == {
        "object_key": KEY,
        "etag": "e1",
        "load_id": "load-1",
        "loaded_at": "2026-01-02 03:04:06.000000",
        "doc": DOCUMENT,
    }
    assert loadable.table is TABLES["photos"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"photo_count": 3}, "photo_count is 3, but there are 2"),
        ({"photo_count": "2"}, "photo_count is '2'"),
        ({"batch": True}, "batch is True: a whole number"),
        ({"rover_name": "Spirit"}, "under the key of curiosity"),
        ({"rover_name": "curiosity"}, "one of Perseverance, Curiosity"),
        ({"photos": {}}, "photos is not a list"),
        ({"photos": [1, 2]}, "photos is not a list of objects"),
        (
            {"sols": [{"sol": 1, "status": "complete", "received_photos": 1}]},
            "the sols count 1 photos, but there are 2",
        ),
        # Written by hand from reports: a count as text, a sol that is none, a status of nobody's, a sol told twice.
        (_sol(received_photos="2"), r"sols\[0\].received_photos is '2': a whole number"),
        (_sol(received_photos=None), r"sols\[0\].received_photos is None"),
        (_sol(sol="1a"), r"sols\[0\].sol is '1a': a whole number up to 99999"),
        (_sol(sol=100_000), r"sols\[0\].sol is 100000"),
        (_sol(sol=1.0), r"sols\[0\].sol is 1.0"),
        (_sol(sol=True), r"sols\[0\].sol is True"),
        (_sol(status=["complete"]), r"sols\[0\].status is \['complete'\]: one of complete, mismatch"),
        ({"sols": [*DOCUMENT["sols"], DOCUMENT["sols"][1]]}, r"sols\[2\].sol is 2 a second time"),
        ({"sol_end": 10**400}, "sol_end is a number of many digits: a whole number"),
        ({"batch": -1}, "batch is -1: a whole number"),
        ({"plan": "x" * 5_000}, "plan is 'xxx"),
        ({"plan": "\ud800", "source": 1}, "source is 1: a text"),
        ({"ingestion_date": "2026-W01-1"}, "a UTC time such as"),
        ({"ingestion_date": "2026-02-30T00:00:00Z"}, "a UTC time such as"),
        ({"ingestion_date": "9999-01-01T00:00:00Z"}, "it is 2026-01-03 now"),
        ({"ingestion_date": "0001-01-01T00:00:00Z"}, "it is 2026-01-03 now"),
        ({"ingestion_date": "yesterday"}, "a UTC time such as"),
        ({"ingestion_date": "2026-01-02T03:04:05+02:00"}, "a UTC time such as"),
        ({"source": None}, "source is None: a text"),
    ],
)
def test_an_object_of_another_form_is_refused_with_its_field(change: dict[str, Any], says: str) -> None:
    with pytest.raises(NotOurs, match=says) as caught:
        read(KEY, "e", _encoded(DOCUMENT | change), NOW)
    assert caught.value.reason == "BadDocument"


def _with_photo(content: bytes) -> bytes:
    return _encoded().replace(b'"title": "a\\nb"', b'"title": ' + content)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"{", b'{"a":', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(NotOurs) as caught:
        read(KEY, "e", body)
    assert caught.value.reason == "NotJson"


@pytest.mark.parametrize(
    "content", [b'"a\nb"', b'"a\x00b"', b'"\xff"', b'"\\q"', b"01", b"1.", b"1 2", b"[1,]", b'{1: "a"}', b"nul", b'"a']
)
def test_content_that_is_only_passed_on_is_parsed_as_well(content: bytes) -> None:
    with pytest.raises(NotOurs) as caught:
        read(KEY, "e", _with_photo(content))
    assert caught.value.reason == "NotJson"


@pytest.mark.parametrize("content", [b"1e999", b"[" * 300 + b"]" * 300, b"1" * 400, '"\u2028é"'.encode()])
def test_unusual_content_is_accepted(content: bytes) -> None:
    body = _with_photo(content)
    assert content in body
    found = read(KEY, "e", body)
    assert content in found.document
    assert found.notes == ()


@pytest.mark.parametrize(
    ("content", "kept", "note"),
    [
        (b'"dust devil \\ud83c"', "dust devil \ufffd", "photos.0.title has half a character"),
        (b'"\\ud83c\\udf0d"', "\N{EARTH GLOBE EUROPE-AFRICA}", None),
        (b"NaN", None, "photos.0.title is NaN, which is no finite number"),
        (b"-Infinity", None, "photos.0.title is -Infinity"),
        (b'[{"a": NaN, "a": 1e999}]', [{"a": None}], "'a' is there twice"),
    ],
)
def test_what_not_every_reader_takes_is_mended_and_told(content: bytes, kept: Any, note: str | None) -> None:
    found = read(KEY, "e", _with_photo(content))
    assert json.loads(found.document, parse_constant=pytest.fail)["photos"][0]["title"] == kept
    assert (note is None) == (found.notes == ())
    assert (note or "") in "; ".join(found.notes)


@pytest.mark.parametrize(
    ("value", "says"), [("soon", "is 'soon': a UTC time"), (7, "is 7: a text"), ("2999-01-01T00:00:00Z", "it is 20")]
)
def test_a_time_that_is_none_keeps_no_photo_out_and_is_told(value: object, says: str) -> None:
    document = DOCUMENT | {"sols": [entry | {"requested_at": value} for entry in DOCUMENT["sols"]]}
    found = read(KEY, "e", _encoded(document), NOW)
    assert found.notes == ()
    assert [text.partition(" ")[0] for text in found.unused] == ["sols[0].requested_at", "sols[1].requested_at"]
    assert says in found.unused[0]
    assert read(KEY, "e", _encoded(), NOW).unused == ()


def test_another_encoding_is_brought_to_utf_8() -> None:
    body = json.dumps(DOCUMENT).encode("utf-16")
    assert json.loads(read(KEY, "e", body).document.decode()) == DOCUMENT


def test_of_a_name_that_is_there_twice_the_one_that_was_checked_is_stored() -> None:
    body = _encoded().replace(b'{"filename"', b'{"photo_count": 7, "photos": 1, "filename"', 1)
    document = read(KEY, "e", body).document
    assert json.loads(document) == DOCUMENT
    assert document.count(b'"photo_count"') == 1


def test_a_key_with_a_line_break_is_not_ours() -> None:
    for key in (f"{KEY}\n", KEY.replace("1_to", "1\n_to"), KEY.replace("_1_", f"_{'1' * 5000}_")):
        with pytest.raises(NotOurs, match="is not the key of"):
            read(key, "e", _encoded())


def test_what_is_json_and_no_object() -> None:
    with pytest.raises(NotOurs, match="not a JSON object"):
        read(KEY, "e", b"[]")


def test_every_field_of_a_document_has_a_column() -> None:
    documents = {"photos": PhotosDocument, "manifests": ManifestsDocument, "coordinates": CoordinatesDocument}
    for dataset, document in documents.items():
        columns = {name.lower() for name, _ in TABLES[dataset].columns}
        assert columns - {"object_key", "etag", "load_id", "loaded_at"} == set(document.__annotations__)


def _ref(key: str, etag: str) -> ObjectRef:
    return ObjectRef(key=key, etag=etag)


def test_only_content_that_is_new_is_wanted() -> None:
    ledger = {"a": Entry("1", "T", 1, True), "b": Entry("1", "T", 1, True)}
    objects = [_ref("a", "1"), _ref("b", "2"), _ref("c", "1"), _ref("d", "1"), _ref("d", "2")]
    assert wanted(objects, ledger, {("c", "1")}) == [_ref("b", "2"), _ref("d", "2")]
    assert wanted([_ref("c", "2")], ledger, {("c", "1")}) == [_ref("c", "2")]


def test_groups_stay_below_their_limits_and_lose_nothing() -> None:
    loadables = [read(KEY, str(number), _encoded()) for number in range(10)]
    size = len(loadables[0].document)
    assert [len(group) for group in grouped(loadables, size * 3, 100)] == [3, 3, 3, 1]
    assert [len(group) for group in grouped(loadables, size * 100, 4)] == [4, 4, 2]
    assert [len(group) for group in grouped(loadables, size // 2, 100)] == [1] * 10
    assert list(grouped([])) == []


def test_the_first_group_is_small_so_that_the_warehouse_need_not_wait() -> None:
    loadables = [read(KEY, "e", _encoded()) for _ in range(10)]
    size = len(loadables[0].document)
    assert [len(group) for group in grouped(loadables, size * 4, 100, first_bytes=size)] == [1, 4, 4, 1]
    assert [len(group) for group in grouped(loadables, size * 4, 100, first_bytes=size * 9)] == [4, 4, 2]


def test_a_copy_names_every_column_and_its_path() -> None:
    statement = copy_statement(TABLES["coordinates"], "load-1-ab/raw.ndjson")
    assert statement.startswith("copy into BRONZE.RAW_COORDINATE_RESPONSE (OBJECT_KEY, ETAG,")
    assert "$1:object_key::varchar, $1:etag::varchar, $1:load_id::varchar, $1:loaded_at::timestamp_ntz" in statement
    assert "$1:doc.ingestion_date::timestamp_ntz" in statement
    assert "$1:doc.coordinates, $1:doc.source_kind::varchar, " in statement
    assert "$1:doc.set_aside from @BRONZE.LOAD_FILES/load-1-ab/raw.ndjson)" in statement


def test_ledgers_outlive_what_can_be_loaded_again() -> None:
    statements = create_statements(all_tables(), transient=True)
    lasting = [text for text in statements if text.startswith("create table")]
    assert {text.split("(")[0].split()[-1] for text in lasting} == {LEDGER, SCHEDULES, BUILDS, CHARGES, WORK}
    assert all("if not exists" in text for text in statements if text.startswith("create"))


def test_what_the_ledger_says_of_a_lost_table_is_taken_back_before_the_table_is_made() -> None:
    names = ["RAW_PHOTO_RESPONSE", "SCHEDULE_LEDGER", "LOAD_LEDGER"]
    said = [" ".join(text.split(" (")[0].split()[-3:]) for text in create_statements(names)]
    assert said[1:] == [
        "not exists BRONZE.SCHEDULE_LEDGER",
        "not exists BRONZE.LOAD_LEDGER",
        "TABLE_NAME = 'RAW_PHOTO_RESPONSE'",
        "not exists BRONZE.RAW_PHOTO_RESPONSE",
    ]
    assert not [text for text in create_statements(["BUILD_LEDGER"]) if text.startswith("update")]


def test_events_are_of_the_contracts_form_and_small_enough() -> None:
    objects = [LoadedObject(key=f"k{n}", etag="e", table="RAW_PHOTO_RESPONSE", rows=1) for n in range(2500)]
    events = [parse_load_complete(value) for value in success_events("load-1", objects, "2026-01-02T03:04:05Z")]
    assert [len(event.objects) for event in events] == [1000, 1000, 500]
    assert {(event.status, event.load_id) for event in events} == {("success", "load-1")}
    error = JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "it is away")
    event = parse_load_complete(failure_event("load-1", error, "2026-01-02T03:04:05Z"))
    assert (event.status, event.reason, event.objects) == ("failed", "WarehouseError", ())


def test_a_load_spec_needs_no_objects_to_sweep() -> None:
    assert LoadSpec.model_validate_json('{"load_id":"l","sweep":true,"trace_id":"t"}').objects == ()


@pytest.mark.parametrize(
    ("key", "days", "goes"),
    [
        ("work/parts/" + KEY, 15, True),
        ("work/parts/" + KEY, 13, False),
        ("work/answers/nasa/0123.json", 15, True),
        ("work/answers/nasa/0123.p.asking", 15, True),
        ("work/counts/m20/perseverance.json", 4000, False),  # thousands of requests to count again
        (KEY, 4000, False),
        ("docs/index.html", 4000, False),
    ],
)
def test_work_that_nobody_comes_back_for_goes_and_nothing_else(key: str, days: int, goes: bool) -> None:
    assert leftovers([Listed(key, "e", 1, NOW - timedelta(days=days))], NOW) == ([key] if goes else [])
