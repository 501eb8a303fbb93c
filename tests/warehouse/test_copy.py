"""PUT, COPY INTO from JSON files, LIST and REMOVE: the way by which objects are loaded."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError

from tests.warehouse.server import Sql, Warehouse

JSON = "file_format = (type = json)"


@pytest.fixture
def landed(sql: Sql, tmp_path: Path) -> Path:
    """A stage S with lines.ndjson: two documents, and a table T (KEY, N, TAGS, FILE)."""
    sql("create stage s")
    sql("create table t (key varchar, n integer, tags variant, file varchar)")
    file = tmp_path / "lines.ndjson"
    documents = [{"key": "a", "doc": {"n": 1, "tags": ["x", "y"]}}, {"key": "b", "doc": {"n": None}}]
    file.write_text("".join(json.dumps(document) + "\n" for document in documents))
    sql(f"put file://{file} @s/load-1 auto_compress=false overwrite=true")
    return file


COPY = (
    "copy into t (key, n, tags, file) from (select $1:key::varchar, $1:doc:n::integer, $1:doc:tags, "
    f"metadata$filename from @s/load-1/lines.ndjson) {JSON}"
)


@pytest.mark.usefixtures("landed")
class TestTransformation:
    """COPY INTO t (columns) FROM (SELECT $1:path ...)."""

    def test_paths_become_columns(self, sql: Sql) -> None:
        (row,) = sql(COPY)
        assert row[:4] == ("load-1/lines.ndjson", "LOADED", 2, 2)
        assert sql("select key, n, tags[1]::string, file from t order by key") == [
            ("a", 1, "y", "load-1/lines.ndjson"),
            ("b", None, None, "load-1/lines.ndjson"),
        ]

    def test_same_file_is_loaded_once(self, sql: Sql) -> None:
        sql(COPY)
        assert sql(COPY)[0][1] == "LOAD_SKIPPED"
        assert sql("select count(*) from t") == [(2,)]

    def test_force_false_skips_and_force_true_loads_again(self, sql: Sql) -> None:
        sql(COPY)
        assert sql(COPY + " force = false")[0][1] == "LOAD_SKIPPED"
        assert sql(COPY + " force = true")[0][1] == "LOADED"
        assert sql("select count(*) from t") == [(4,)]

    def test_what_was_loaded_is_known_however_its_table_is_named(self, sql: Sql) -> None:
        sql(COPY)
        assert sql(COPY.replace("into t ", 'into "T" '))[0][1] == "LOAD_SKIPPED"

    def test_a_file_that_is_loaded_in_any_case_and_then_gone_is_forgotten(self, sql: Sql, landed: Path) -> None:
        assert sql(COPY + " force = true purge = true")[0][1] == "LOADED"
        sql(f"put file://{landed} @s/load-1 auto_compress=false")
        assert sql(COPY)[0][1] == "LOADED"
        assert sql(COPY)[0][1] == "LOAD_SKIPPED"

    def test_the_same_copy_means_the_table_as_it_is_now(self, sql: Sql) -> None:
        sql(COPY)
        sql("create or replace table t (key varchar, n integer, tags varchar, file varchar)")
        sql(COPY + " force = true")
        assert sql("select tags from t where key = 'a'") == [('["x","y"]',)]
        sql("create or replace table t (key varchar, n varchar, tags variant, file varchar)")
        sql(COPY + " force = true")
        assert sql("select n, typeof(tags) from t where key = 'a'") == [("1", "ARRAY")]

    def test_changed_file_of_the_same_name_is_loaded(self, sql: Sql, landed: Path) -> None:
        sql(COPY)
        landed.write_text('{"key": "c", "doc": {"n": 3}}\n')
        sql(f"put file://{landed} @s/load-1 auto_compress=false overwrite=true")
        assert sql(COPY)[0][1:4] == ("LOADED", 1, 1)
        assert sql("select count(*) from t") == [(3,)]

    def test_rollback_forgets_the_rows_and_that_the_file_was_loaded(self, sql: Sql) -> None:
        sql("begin")
        sql(COPY)
        sql("rollback")
        assert sql("select count(*) from t") == [(0,)]
        assert sql(COPY)[0][1] == "LOADED"

    def test_one_transaction_with_a_ledger(self, warehouse: Warehouse, schema: str, sql: Sql) -> None:
        sql("create table ledger (key varchar)")
        sql("begin")
        sql("delete from t where key in ('a', 'b')")
        sql(COPY)
        sql("insert into ledger select key from t")
        with warehouse.connect(schema=schema) as other:
            assert other.cursor().execute("select count(*) from t").fetchall() == [(0,)]
        sql("commit")
        assert sql("select (select count(*) from t), (select count(*) from ledger)") == [(2, 2)]

    def test_recreated_table_loads_again(self, sql: Sql) -> None:
        sql(COPY)
        sql("create or replace table t (key varchar, n integer, tags variant, file varchar)")
        assert sql(COPY)[0][1] == "LOADED"

    def test_value_that_does_not_fit_loads_nothing(self, sql: Sql) -> None:
        with pytest.raises(ProgrammingError, match="Could not convert"):
            sql(COPY.replace("$1:doc:n::integer", "$1:key::integer"))
        assert sql("select count(*) from t") == [(0,)]

    def test_purge_removes_the_file_and_purge_false_keeps_it(self, sql: Sql) -> None:
        sql(COPY + " purge = false")
        assert [row[0] for row in sql("list @s")] == ["s/load-1/lines.ndjson"]
        sql(COPY + " force = true purge = true")
        assert sql("list @s") == []

    def test_content_key_is_the_files_md5(self, sql: Sql, landed: Path) -> None:
        sql(
            "copy into t (key, tags, file) from (select $1:key::varchar, $1:doc:tags, "
            f"trim(metadata$file_content_key, '\"') from @s) files = ('load-1/lines.ndjson') {JSON}"
        )
        md5 = hashlib.md5(landed.read_bytes(), usedforsecurity=False).hexdigest()
        assert sql("select key, file from t order by key") == [("a", md5), ("b", md5)]

    def test_alias_and_constants(self, sql: Sql) -> None:
        sql(f"copy into t (key, n) from (select f.$1:key, 7 from @s/load-1 f) {JSON}")
        assert sql("select key, n from t order by key") == [("a", 7), ("b", 7)]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ((" from @s", " from @nowhere"), "does not exist"),
            ((f" {JSON}", f" where $1:key = 'a') {JSON}"), "WHERE|syntax|pars"),
            (("$1:key::varchar", "$2::varchar"), r"one column: \$1"),
            ((JSON, f"{JSON} on_error = continue"), "ON_ERROR"),
            ((JSON, f"{JSON} match_by_column_name = case_insensitive"), "MATCH_BY_COLUMN_NAME"),
        ],
    )
    def test_what_is_not_supported_is_refused(self, sql: Sql, change: tuple[str, str], words: str) -> None:
        with pytest.raises(DatabaseError, match=words):
            sql(COPY.replace(*change))
        assert sql("select count(*) from t") == [(0,)]


def test_single_variant_column(sql: Sql, tmp_path: Path) -> None:
    """Documents over several lines, compressed on the way, taken by name and by pattern."""
    sql("create stage s")
    sql("create table v (doc variant)")
    for name in ("one.json", "two.json", "three.txt"):
        (tmp_path / name).write_text(json.dumps({"name": name, "list": [1, 2]}, indent=2))
        sql(f"put file://{tmp_path / name} @s")
    sql(f"copy into v from @s {JSON} pattern = '.*[.]json[.]gz'")
    assert sql("select doc:name::string from v order by 1") == [("one.json",), ("two.json",)]
    sql(f"copy into v from @s {JSON} files = ('three.txt.gz')")
    assert sql("select count(*), sum(array_size(doc:list)) from v") == [(3, 6)]
    with pytest.raises(ProgrammingError, match="not in the stage"):
        sql(f"copy into v from @s {JSON} files = ('four.txt.gz')")


def test_outer_array_is_stripped_only_on_request(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"x": 1}, {"x": 2}]')
    sql("create stage s")
    sql("create table v (doc variant)")
    sql(f"put file://{tmp_path / 'a.json'} @s")
    sql(f"copy into v from @s {JSON}")
    assert sql("select array_size(doc) from v") == [(2,)]
    sql("copy into v from @s file_format = (type = json strip_outer_array = true) force = true")
    assert sql("select count(*), sum(doc:x::int) from v") == [(3, 3)]


def test_named_file_format(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2, 3]")
    sql("create stage s")
    sql("create file format f type = json strip_outer_array = true")
    sql("create table v (doc variant)")
    sql(f"put file://{tmp_path / 'a.json'} @s")
    sql("copy into v from @s file_format = (format_name = f)")
    assert sql("select count(*) from v") == [(3,)]


def test_wildcard_put_and_remove(sql: Sql, tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"part-{n}.json").write_text("{}")
    sql("create stage s")
    sql(f"put file://{tmp_path}/part-*.json @s/d auto_compress=false")
    assert sorted(row[0] for row in sql("list @s")) == [f"s/d/part-{n}.json" for n in range(3)]
    assert sql("remove @s/d/part-1") == [("d/part-1.json", "removed")]
    assert len(sql("rm @s")) == 2
    assert sql("list @s") == []
    assert sql("remove @s") == []


def test_file_that_is_not_json_fails_whole(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "bad.ndjson").write_text('{"x": 1}\n{"x": \n')
    sql("create stage s")
    sql("create table v (doc variant)")
    sql(f"put file://{tmp_path / 'bad.ndjson'} @s auto_compress=false")
    with pytest.raises(ProgrammingError, match=r"(?i)json"):
        sql(f"copy into v from @s {JSON}")
    assert sql("select count(*) from v") == [(0,)]


@pytest.mark.parametrize("compressed", [False, True])
def test_document_larger_than_duckdbs_usual_limit(sql: Sql, tmp_path: Path, compressed: bool) -> None:
    document = json.dumps({"pad": "x" * 20_000_000, "n": 1}) + "\n" + json.dumps({"n": 2}) + "\n"
    if compressed:
        file = tmp_path / "big.ndjson.gz"
        noise = json.dumps({"noise": [str(n * 7919 % 104729) for n in range(400_000)]}) + "\n"
        file.write_bytes(gzip.compress((document + noise).encode()))
    else:
        file = tmp_path / "big.ndjson"
        file.write_text(document)
    sql("create stage s")
    sql("create table v (doc variant)")
    sql(f"put file://{file} @s auto_compress=false")
    sql(f"copy into v from @s {JSON}")
    assert sql("select max(length(doc:pad::string)), sum(doc:n::int) from v") == [(20_000_000, 3)]


def test_large_documents_can_be_bound(sql: Sql) -> None:
    sql("create table v (doc variant)")
    document = json.dumps({"list": list(range(1_000_000))})
    sql("insert into v select parse_json(?)", document)
    assert sql("select array_size(doc:list) from v") == [(1_000_000,)]


def test_stage_names_do_not_lead_out_of_the_stage(sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    sql("create stage s")
    with pytest.raises(DatabaseError):
        sql(f"put file://{tmp_path / 'a.json'} @s/../../../../outside")
    sql("create table v (doc variant)")
    with pytest.raises(DatabaseError):
        sql("select * from read_text('/etc/hostname')")
