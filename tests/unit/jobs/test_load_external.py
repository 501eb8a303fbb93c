"""What a load says when the account reads the bucket itself, recorded, and what it does where objects change."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mm_contracts.batch import LoadSpec, ObjectRef
from mm_contracts.bronze import TABLES, all_tables
from mm_contracts.messages import LoadedObject
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Listed, Stored
from mm_jobs.common.warehouse import DataError, Warehouse
from mm_jobs.load.documents import GIVEN
from mm_jobs.load.groups import MOST_OBJECTS
from mm_jobs.load.job import Load
from mm_jobs.load.staging.base import Changed, Part
from mm_jobs.load.staging.external import ExternalStaging
from mm_jobs.load.staging.external_sql import MOST_FILES, copy_statement, difference, literal
from mm_jobs.load.writing import stage, write

from tests.unit.jobs.recorded_warehouse import Recorder, loadable
from tests.unit.jobs.test_load_pure import DOCUMENT

STAGE = "MARS.BRONZE.ARCHIVE"


class Bucket:
    """Contents by key, each with an ETag of its own; what happens to it happens at a moment that the test chooses."""

    def __init__(self, etags: dict[str, str | None]) -> None:
        self.etags = etags
        self.asked: list[str] = []

    def etag(self, key: str) -> str | None:
        self.asked.append(key)
        return self.etags.get(key)

    def get(self, key: str) -> Stored | None:
        etag = self.etags.get(key)
        return None if etag is None else Stored(json.dumps(DOCUMENT).encode(), etag, {})

    def list(self) -> Iterator[Listed]:
        now = datetime.now(UTC)
        return iter([Listed(key, etag, 1, now) for key, etag in self.etags.items() if etag is not None])

    def delete(self, key: str) -> None:
        self.etags.pop(key, None)


class Account(Recorder):
    """Copies what the bucket holds at that moment; ``before_copy`` and ``after_copy`` are the moments around it."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(present=list(all_tables()))
        self.bucket = bucket
        self.before_copy: Callable[[list[str]], None] = lambda _: None
        self.after_copy: Callable[[], None] = lambda: None
        self.copied: list[tuple[str, str]] = []

    def run(self, sql: str, binds: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        answer = super().run(sql, binds)
        if sql.startswith("copy"):
            keys = re.findall(r"'([^']+)'", re.findall(r"files = \(([^)]+)\)", sql)[0])
            self.before_copy(keys)
            self.copied = [(key, etag) for key in keys if (etag := self.bucket.etags.get(key))]
            self.after_copy()
        if sql.startswith("select OBJECT_KEY, ETAG from BRONZE.RAW"):
            return list(self.copied)
        return answer

    def ends(self) -> list[str]:
        return [text for text in self.texts() if text in ("begin", "commit", "rollback")]


def _account(*numbers: int) -> Account:
    return Account(Bucket({loadable(number).key: f"e{number}" for number in numbers}))


def _write(account: Account, *numbers: int) -> None:
    def session() -> Warehouse:
        raise AssertionError("there is nothing to say before the transaction")

    objects = [loadable(number) for number in numbers]
    group = stage(session, ExternalStaging(STAGE, account.bucket), "load-1", objects)
    write(account, group)  # type: ignore[arg-type]


def test_nothing_is_staged_and_one_transaction_replaces_by_key() -> None:
    account = _account(1, 2)
    _write(account, 1, 2)
    table = "BRONZE.RAW_PHOTO_RESPONSE"
    assert [" ".join(text.split()[:3]).removesuffix(" OBJECT_KEY,") for text in account.texts()] == [
        "begin",
        "delete from BRONZE.LOAD_LEDGER",
        f"delete from {table}",
        f"copy into {table}",
        "select OBJECT_KEY, ETAG",
        "insert into BRONZE.LOAD_LEDGER",
        "commit",
    ]
    assert not account.staged
    assert sorted(account.bucket.asked) == ["photos/key-1", "photos/key-2"]


def test_the_archive_is_never_deleted_from() -> None:
    account = _account(1)
    account.after_copy = lambda: account.bucket.etags.update({"photos/key-1": "newer"})
    with pytest.raises(Changed):
        _write(account, 1)
    said = " ".join(account.texts()).lower()
    # Said and not left out: a stage may have copy options of its own.
    assert "purge = false" in said
    assert not re.search(r"purge\s*=\s*true|\bremove\b|\bput\b", said)


def _part(*numbers: int, dataset: str = "photos") -> Part:
    return Part("load-1", "2026-01-02 03:04:05.000000", TABLES[dataset], tuple(loadable(n, dataset) for n in numbers))


def test_the_copy_spells_out_columns_files_and_options() -> None:
    assert copy_statement(STAGE, _part(1, 2, dataset="coordinates")) == (
        "copy into BRONZE.RAW_COORDINATE_RESPONSE (OBJECT_KEY, ETAG, LOAD_ID, LOADED_AT, FILENAME, ROVER_NAME, SOURCE, "
        "PLAN, BATCH, ATTEMPT, TRACE_ID, INGESTION_DATE, COORDINATE_COUNT, COORDINATES, "
        "SOURCE_KIND, REQUESTS, BUDGET, LAYERS, PLACES, SET_ASIDE) "
        "from (select METADATA$FILENAME, trim(METADATA$FILE_CONTENT_KEY, '\"'), 'load-1', "
        "'2026-01-02 03:04:05.000000'::timestamp_ntz, $1:filename::varchar, $1:rover_name::varchar, "
        "$1:source::varchar, $1:plan::varchar, $1:batch::integer, $1:attempt::integer, $1:trace_id::varchar, "
        "$1:ingestion_date::timestamp_ntz, $1:coordinate_count::integer, $1:coordinates, "
        "$1:source_kind::varchar, $1:requests::integer, $1:budget, $1:layers, $1:places, $1:set_aside "
        "from @MARS.BRONZE.ARCHIVE) "
        "files = ('coordinates/key-1', 'coordinates/key-2') "
        "file_format = (type = json) on_error = abort_statement force = true purge = false"
    )


@pytest.mark.parametrize("dataset", sorted(TABLES))
def test_no_document_fills_a_column_that_is_the_loads(dataset: str) -> None:
    statement = copy_statement(STAGE, _part(1, dataset=dataset))
    assert not [name for name in GIVEN if f"$1:{name.lower()}" in statement]


def test_the_largest_group_is_within_the_accounts_limits() -> None:
    assert MOST_OBJECTS <= MOST_FILES
    account = _account(*range(MOST_OBJECTS))
    _write(account, *range(MOST_OBJECTS))
    (copied,) = [text for text in account.texts() if text.startswith("copy")]
    assert copied.count("photos/key-") == MOST_OBJECTS


def test_texts_cannot_leave_their_literal() -> None:
    assert literal("it's \\ it") == "'it''s \\\\ it'"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("photos/key-2", "e2"), ("photos/key-1", "e1")], None),
        ([("photos/key-1", "e1")], "photos/key-2 is not among the rows"),
        ([("photos/key-1", "e1"), ("photos/key-2", "e9")], "photos/key-2 has ETag e2 in the bucket and e9 in the rows"),
        (
            [("photos/key-1", "e1"), ("photos/key-2", None)],
            "photos/key-2 has ETag e2 in the bucket and None in the rows",
        ),
        (
            [("photos/key-1", "e1"), ("photos/key-1", "e1"), ("photos/key-2", "e2")],
            "photos/key-1 has ETag e1 .* e1, e1",
        ),
    ],
)
def test_only_what_was_checked_and_once_is_no_difference(rows: list[tuple[str, str]], says: str | None) -> None:
    differs = difference(_part(1, 2), rows)
    assert differs is None if says is None else re.match(says, differs or "")


@pytest.mark.parametrize("moment", ["before_copy", "after_copy"])
@pytest.mark.parametrize("now", ["newer", None])
def test_what_changed_around_the_copy_rolls_all_of_it_back(moment: str, now: str | None) -> None:
    account = _account(1, 2)
    setattr(account, moment, lambda *_: account.bucket.etags.update({"photos/key-2": now}))
    with pytest.raises(Changed, match="photos/key-2") as caught:
        _write(account, 1, 2)
    assert caught.value.keys == {"photos/key-2"}
    assert account.ends() == ["begin", "rollback"]
    assert not [text for text in account.texts() if text.startswith("insert")]


@pytest.mark.parametrize(
    "error", [DataError("no"), JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "no such file")]
)
def test_a_copy_that_fails_over_unchecked_content_speaks_of_the_change(error: Exception) -> None:
    account = _account(1)

    def fail(_: list[str]) -> None:
        raise error

    account.before_copy = fail
    with pytest.raises(type(error)):
        _write(account, 1)
    account.bucket.etags["photos/key-1"] = "newer"
    with pytest.raises(Changed):
        _write(account, 1)
    assert account.ends() == ["begin", "rollback"] * 2


def test_a_stage_that_is_not_this_bucket_is_an_error_and_no_change() -> None:
    account = _account(1)
    account.after_copy = lambda: account.copied.clear()
    with pytest.raises(JobError, match="photos/key-1 is not among the rows; check that the URL of stage") as caught:
        _write(account, 1)
    assert (caught.value.code, caught.value.reason) == (ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR)
    assert account.ends() == ["begin", "rollback"]


class Topic:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def success(self, objects: list[LoadedObject]) -> None:
        self.keys += [item.key for item in objects]


def _key(sol: int) -> str:
    return f"photos/curiosity/mars_rover_photos_batch_sol_{sol}_to_{sol}_20260102T030405Z.json"


def _load(account: Account, topic: Topic, lines: io.StringIO) -> dict[str, Any]:
    objects = tuple(ObjectRef(key=key, etag=str(etag)) for key, etag in account.bucket.etags.items())
    spec = LoadSpec(load_id="load-1", objects=objects, trace_id="t")
    staging = ExternalStaging(STAGE, account.bucket)
    log = Log("load", stream=lines)
    return Load(spec, account, account.bucket, staging, topic, log).run()  # type: ignore[arg-type]


def test_what_changed_is_left_and_the_others_are_loaded(lines: io.StringIO) -> None:
    account = Account(Bucket({_key(sol): f"e{sol}" for sol in (1, 2, 3)}))
    account.before_copy = lambda _: account.bucket.etags.update({_key(2): "newer"})
    topic = Topic()
    details = _load(account, topic, lines)["details"]
    assert (details["loaded"], details["changed"], details["set_aside"]) == (2, 1, 0)
    assert topic.keys == [_key(1), _key(3)]
    assert account.ends() == ["begin", "rollback", "begin", "commit"]
    assert "object.changed" in lines.getvalue()
    assert _key(2) in lines.getvalue()


def test_a_group_that_changed_as_a_whole_is_no_failure(lines: io.StringIO) -> None:
    account = Account(Bucket({_key(sol): f"e{sol}" for sol in (1, 2)}))
    account.before_copy = lambda keys: account.bucket.etags.update(dict.fromkeys(keys))
    details = _load(account, Topic(), lines)["details"]
    assert (details["loaded"], details["changed"]) == (0, 2)


def test_content_that_nobody_checked_rejects_nothing(lines: io.StringIO) -> None:
    account = Account(Bucket({_key(sol): f"e{sol}" for sol in (1, 2)}))

    def overwrite(keys: list[str]) -> None:
        if _key(2) in keys:
            account.bucket.etags[_key(2)] = "no-json"
            raise DataError("Error parsing JSON")

    account.before_copy = overwrite
    details = _load(account, Topic(), lines)["details"]
    assert (details["loaded"], details["changed"], details["set_aside"]) == (1, 1, 0)
    assert not [text for text in account.texts() if "SET_ASIDE" in text and text.startswith("merge")]


def test_values_that_fit_no_column_are_refused_as_ever(lines: io.StringIO) -> None:
    account = Account(Bucket({_key(sol): f"e{sol}" for sol in (1, 2, 3)}))
    changes = {_key(1): "newer"}

    def refuse(keys: list[str]) -> None:
        account.bucket.etags.update(changes)
        if _key(2) in keys:
            raise DataError("Numeric value is out of range")

    account.before_copy = refuse
    details = _load(account, Topic(), lines)["details"]
    assert (details["loaded"], details["changed"], details["set_aside"]) == (1, 1, 1)


def test_a_warehouse_that_refuses_all_that_is_left_is_at_fault_itself(lines: io.StringIO) -> None:
    account = Account(Bucket({_key(sol): f"e{sol}" for sol in (1, 2, 3)}))

    def refuse(_: list[str]) -> None:
        account.bucket.etags[_key(1)] = "newer"
        raise DataError("out of range")

    account.before_copy = refuse
    with pytest.raises(JobError, match="refused each of 2 objects"):
        _load(account, Topic(), lines)


def test_a_stage_that_the_embedded_warehouse_cannot_read_ends_the_job_with_a_sentence(tmp_path: Path) -> None:
    word = tmp_path / "termination"
    env = {"SNOWFLAKE_EXTERNAL_STAGE": STAGE, "SNOWFLAKE_HOST": "mars-warehouse", "MM_TERMINATION_LOG": str(word)}
    command = [sys.executable, "-m", "mm_jobs.load.main", "--sweep"]
    ended = subprocess.run(command, env={**os.environ, **env}, capture_output=True, timeout=60)
    assert ended.returncode == ExitCode.BAD_ARGUMENTS
    said = json.loads(word.read_bytes())
    assert said["reason"] == Reason.CONFIG_ERROR
    assert "SNOWFLAKE_EXTERNAL_STAGE is set, but SNOWFLAKE_HOST" in said["message"]
