"""What a load says to the warehouse when it stages its files itself, recorded: an account's rules hold for it."""

import json

import pytest
from mm_contracts.bronze import all_tables
from mm_jobs.load import schema
from mm_jobs.load.documents import Loadable
from mm_jobs.load.ledger import Ledger
from mm_jobs.load.staging.internal import InternalStaging
from mm_jobs.load.writing import stage, write

from tests.unit.jobs.recorded_warehouse import Recorder, loadable


def _load(recorder: Recorder, objects: list[Loadable]) -> None:
    group = stage(lambda: recorder, InternalStaging(), "load-1", objects)  # type: ignore[arg-type,return-value]
    write(recorder, group)  # type: ignore[arg-type]


def test_a_group_is_staged_first_and_then_written_in_one_transaction() -> None:
    recorder = Recorder()
    _load(recorder, [loadable(1), loadable(2), loadable(3, "manifests")])
    verbs = [" ".join(text.split()[:3]) for text in recorder.texts()]
    photos, manifests = "BRONZE.RAW_PHOTO_RESPONSE", "BRONZE.RAW_MANIFEST_RESPONSE"
    assert [verb.split(" file")[0] for verb in verbs[:2]] == ["put", "put"]
    assert verbs[2:] == [
        "begin",
        "delete from BRONZE.LOAD_LEDGER",
        f"delete from {photos}",
        f"copy into {photos}",
        "insert into BRONZE.LOAD_LEDGER",
        f"delete from {manifests}",
        f"copy into {manifests}",
        "insert into BRONZE.LOAD_LEDGER",
        "commit",
    ]


def test_documents_travel_in_files_and_keys_in_binds() -> None:
    recorder = Recorder()
    _load(recorder, [loadable(1), loadable(2)])
    assert not any("it's" in text or "key-1" in text for text in recorder.texts())
    ((place, content),) = recorder.staged.items()
    lines = [json.loads(line) for line in content.splitlines()]
    assert [(line["object_key"], line["etag"], line["load_id"], line["doc"]) for line in lines] == [
        ("photos/key-1", "e1", "load-1", {"a": "it's"}),
        ("photos/key-2", "e2", "load-1", {"a": "it's"}),
    ]
    (copied,) = [text for text in recorder.texts() if text.startswith("copy")]
    assert f"from @{place})" in copied


def test_each_try_stages_under_a_name_of_its_own() -> None:
    # What a first try has left behind, and perhaps still writes, is none of the second's.
    places = set()
    for _ in range(2):
        recorder = Recorder()
        _load(recorder, [loadable(1)])
        places |= set(recorder.staged)
    assert len(places) == 2


def test_many_keys_are_asked_for_in_statements_of_limited_size() -> None:
    recorder = Recorder()
    ledger = Ledger(recorder)  # type: ignore[arg-type]
    ledger.entries([f"key-{number}" for number in range(20_000)])
    ledger.mark_published(((f"key-{number}", "e") for number in range(20_000)), "2026-01-02 03:04:05")
    assert len(recorder.said) == 2 * 20_000 / 500


def test_tables_are_created_only_where_they_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = Recorder(present=list(all_tables()))
    assert schema.ensure(complete) == []  # type: ignore[arg-type]
    assert len(complete.said) == 1
    recorder = Recorder(present=[name for name in all_tables() if name != "RAW_PHOTO_RESPONSE"])
    assert schema.ensure(recorder) == ["RAW_PHOTO_RESPONSE"]  # type: ignore[arg-type]
    assert "create transient table if not exists BRONZE.RAW_PHOTO_RESPONSE" in recorder.texts()[-1]
    monkeypatch.setenv("MARS_BRONZE_TRANSIENT", "false")
    lasting = Recorder()
    schema.ensure(lasting)  # type: ignore[arg-type]
    assert not any("transient" in text for text in lasting.texts())
