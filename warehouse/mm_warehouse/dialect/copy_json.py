"""COPY INTO a table from JSON files in an internal stage, with transformation, read by DuckDB itself.

fakesnow knows JSON only as one VARIANT column without transformation, takes FORCE=FALSE and PURGE=FALSE for
TRUE, and always strips an outer array. This is the load's hot path, so it is one INSERT ... SELECT from the file.
"""

from __future__ import annotations

import datetime as dt
import mmap
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakesnow.copy_into import stage_url_from_var
from fakesnow.transforms.file_format import lookup_file_format
from fakesnow.transforms.options import parse_options
from sqlglot import Expr, exp

from mm_warehouse.cursor_types import CursorLike
from mm_warehouse.errors import SqlError

_SOURCE = "_MM_STAGED"
_SMALLEST_LIMIT = 16 * 1024 * 1024
_LARGEST_LIMIT = 128 * 1024 * 1024
"""Snowflake's limit for one VARIANT; DuckDB reserves twice its own limit per thread, so it starts lower."""
_OPTIONS = {
    "FILE_FORMAT",
    "FORCE",
    "PURGE",
    "ON_ERROR",
    "FILES",
    "PATTERN",
    "SIZE_LIMIT",
    "RETURN_FAILED_ONLY",
}
_RESULT_COLUMNS = (
    "file, status, rows_parsed, rows_loaded, error_limit, errors_seen, first_error, first_error_line, "
    "first_error_character, first_error_column_name"
)


@dataclass
class _Options:
    format: dict[str, Any] = field(default_factory=dict)
    force: bool = False
    purge: bool = False
    files: list[str] | None = None
    pattern: str | None = None


def is_json_copy(expression: Expr, cursor: CursorLike) -> bool:
    """True if `expression` is a COPY INTO a table whose file format is JSON."""
    return (
        isinstance(expression, exp.Copy)
        and bool(expression.args.get("kind"))
        and str(_read_options(expression, cursor).format.get("TYPE", "CSV")).upper() == "JSON"
    )


def copy_json(expression: exp.Copy, cursor: CursorLike, translate: Callable[[Expr], Expr]) -> tuple[Expr, int]:
    """Load the files; `translate` turns a Snowflake statement into DuckDB's.

    Returns the statement that gives COPY's result, a row per file, and the number of rows loaded.

    Raises:
        SqlError: an option is not supported, or the stage does not exist.
        duckdb.Error: a file is not JSON, or a value does not fit its column. Nothing of the statement is loaded.
    """
    options = _read_options(expression, cursor)
    table = expression.this.this if isinstance(expression.this, exp.Schema) else expression.this
    source = expression.args["files"][0]
    directory, root = _location(source, table, cursor)
    files = _files(directory, root, options)
    if not files:
        return exp.maybe_parse("SELECT 'Copy executed with 0 files processed.' AS status", dialect="duckdb"), 0
    insert = translate(_insert(expression.this, source, _text_positions(expression.this, cursor)))
    target = next(insert.this.find_all(exp.Table))
    schema = target.db or cursor.schema
    loaded = _already_loaded(cursor, schema, target.name) if not options.force else set()
    rows: list[tuple[str, str, int]] = []
    for file in files:
        identity = f"{file}#{_fingerprint(file)}"
        if identity in loaded:
            rows.append((str(file.relative_to(root)), "LOAD_SKIPPED", 0))
            continue
        sql = _with_source(insert, file, root, options).sql(dialect="duckdb")
        (count,) = cursor.duck.execute(sql).fetchone()
        cursor.duck.execute(
            "INSERT INTO _fs_information_schema._fs_load_history "
            "(SCHEMA_NAME, FILE_NAME, TABLE_NAME, LAST_LOAD_TIME, STATUS, ROW_COUNT, ROW_PARSED, "
            "ERROR_COUNT, ERROR_LIMIT) "
            "VALUES (?, ?, ?, ?, 'LOADED', ?, ?, 0, 1)",
            [schema, identity, target.name, dt.datetime.now(dt.UTC), count, count],
        )
        rows.append((str(file.relative_to(root)), "LOADED", count))
        if options.purge:
            file.unlink(missing_ok=True)
    return _answer(rows), sum(count for _, _, count in rows)


def _read_options(expression: exp.Copy, cursor: CursorLike) -> _Options:
    options = _Options()
    for parameter in expression.args.get("params") or []:
        name = parameter.this.name.upper()
        if name not in _OPTIONS:
            raise SqlError("001007", "0A000", f"COPY option {name} is not supported by the embedded warehouse.")
        value = parameter.args.get("expression")
        if name == "FILE_FORMAT":
            given = parse_options(_named_as_text(parameter.expressions))
            named = given.pop("FORMAT_NAME", None)
            base = lookup_file_format(cursor.duck, str(named), cursor.database, cursor.schema) if named else {}
            options.format = {**base, **given}
        elif name == "FORCE":
            options.force = _boolean(value)
        elif name == "PURGE":
            options.purge = _boolean(value)
        elif name == "FILES":
            options.files = [literal.name for literal in parameter.find_all(exp.Literal)]
        elif name == "PATTERN":
            options.pattern = value.name if value is not None else None
        elif name == "ON_ERROR" and (value is None or value.name.upper() != "ABORT_STATEMENT"):
            raise SqlError("001007", "0A000", "COPY supports only ON_ERROR = ABORT_STATEMENT here.")
    return options


def _named_as_text(properties: list[Expr]) -> list[Expr]:
    """FORMAT_NAME = db.schema.name parses as a table; its reader wants text."""
    for item in properties:
        if isinstance(value := item.args.get("value"), exp.Table):
            item.set("value", exp.Literal.string(value.sql(dialect="snowflake")))
    return properties


def _boolean(value: Expr | None) -> bool:
    return value is None or not (isinstance(value, exp.Boolean) and not value.this)


def _location(source: Expr, table: exp.Table, cursor: CursorLike) -> tuple[Path, Path]:
    """Where the statement's files are: the path it names, and its stage's root folder."""
    inner = source.this
    if isinstance(inner, exp.Select):
        inner = inner.args["from_"].this.this
    reference = inner.name if isinstance(inner, exp.Var | exp.Literal) else ""
    if not reference.startswith("@"):
        raise SqlError("001011", "42601", "COPY reads from an internal stage here: write FROM @stage/path.")
    stage, _, path = reference[1:].partition("/")
    root = stage_url_from_var(stage, cursor.duck, cursor.database, cursor.schema, cursor.table_stages, table)
    root_path = Path(root).resolve()
    return root_path / path, root_path


def _files(location: Path, root: Path, options: _Options) -> list[Path]:
    """Snowflake takes a stage path as a prefix of file names, and loads them in no promised order; here by name."""
    if not root.is_dir():
        return []
    if options.files is not None:
        wanted = [location / name for name in options.files]
        if missing := [file.name for file in wanted if not file.is_file()]:
            raise SqlError("091016", "22000", f"File {missing[0]} is not in the stage.")
        return wanted
    prefix = str(location)
    found = sorted(file for file in root.rglob("*") if file.is_file() and str(file).startswith(prefix))
    if options.pattern is None:
        return found
    pattern = re.compile(options.pattern)
    return [file for file in found if pattern.fullmatch(str(file.relative_to(root)))]


def _text_positions(target: Expr, cursor: CursorLike) -> set[int]:
    """Which of the target's columns (by position) are text: a VARIANT put there loses its quotes."""
    table = target.this if isinstance(target, exp.Schema) else target
    named = [i.name if i.args.get("quoted") else i.name.upper() for i in target.expressions]
    described = cursor.duck.execute(f"DESCRIBE {table.sql(dialect='duckdb')}").fetchall()
    types = {row[0]: row[1] for row in described}
    return {n for n, name in enumerate(named or types) if types.get(name) == "VARCHAR"}


def _insert(target: Expr, source: Expr, texts: set[int]) -> exp.Insert:
    """The INSERT in Snowflake's terms, reading from a placeholder table."""
    if isinstance(source, exp.Subquery):
        select = source.this.copy()
        alias = select.args["from_"].this.args.get("alias")
        for clause in ("where", "group", "order", "limit", "joins", "having", "qualify", "distinct"):
            if select.args.get(clause):
                raise SqlError("002093", "0A000", f"COPY's SELECT must not have {clause.upper()}.")
        for position in texts & set(range(len(select.expressions))):
            if not isinstance(select.expressions[position], exp.Cast):
                value = select.expressions[position].unalias().copy()
                select.expressions[position].replace(exp.Cast(this=value, to=exp.DataType.build("VARCHAR")))
        for parameter in list(select.find_all(exp.Parameter)):
            name = f"${parameter.name}"
            if name != "$1":
                raise SqlError("001044", "42601", "A JSON file has one column: $1.")
            replacement = exp.to_identifier(name, quoted=True)
            if isinstance(parameter.parent, exp.Column):
                parameter.replace(replacement)
            else:
                parameter.replace(exp.Column(this=replacement))
    else:
        select = exp.select(exp.column("$1", quoted=True))
        alias = None
    table = exp.Table(this=exp.to_identifier(_SOURCE, quoted=True), alias=alias.copy() if alias else None)
    return exp.Insert(this=target.copy(), expression=select.from_(table))


def _with_source(insert: Expr, file: Path, root: Path, options: _Options) -> Expr:
    """`insert` with the placeholder replaced by the reading of `file`."""
    strip = str(options.format.get("STRIP_OUTER_ARRAY", "FALSE")).upper() == "TRUE"
    literal = exp.Literal.string(re.sub(r"([\[\]*?])", r"[\1]", str(file))).sql(dialect="duckdb")
    name = exp.Literal.string(str(file.relative_to(root))).sql(dialect="duckdb")
    reading = (
        f"read_json_objects({literal}, format = '{'array' if strip else _layout(file)}', "
        f"maximum_object_size = {_size_limit(file)})"
    )
    statement = insert.copy()
    placeholder = next(t for t in statement.find_all(exp.Table) if t.name == _SOURCE)
    alias = placeholder.alias or _SOURCE
    reader: Expr = exp.maybe_parse(
        f'SELECT json AS "$1", {name} AS "METADATA$FILENAME" FROM {reading}', dialect="duckdb"
    )
    placeholder.replace(exp.Subquery(this=reader, alias=exp.TableAlias(this=exp.to_identifier(alias))))
    return statement


def _layout(file: Path) -> str:
    """DuckDB reads one document per line in parallel; anything else (documents over several lines) is read as such."""
    return "newline_delimited" if re.search(r"\.(ndjson|jsonl)(\.\w+)?$", file.name.lower()) else "unstructured"


def _size_limit(file: Path) -> int:
    """An upper bound for the file's largest document, in bytes: cheap to find, and DuckDB's buffers follow it."""
    size = file.stat().st_size
    if file.suffix in (".gz", ".zst") and size > _SMALLEST_LIMIT // 16:
        return _LARGEST_LIMIT
    if size <= _SMALLEST_LIMIT or file.suffix in (".gz", ".zst"):
        return _SMALLEST_LIMIT
    longest = start = 0
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while (end := content.find(b"\n", start)) >= 0:
            longest, start = max(longest, end - start), end + 1
        longest = max(longest, size - start)
    return min(max(_SMALLEST_LIMIT, longest + 1024), _LARGEST_LIMIT)


def _fingerprint(file: Path) -> str:
    """What tells a file from an earlier one of the same name; Snowflake loads a changed file again."""
    crc, adler = 0, 1
    with file.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            crc, adler = zlib.crc32(chunk, crc), zlib.adler32(chunk, adler)
    return f"{file.stat().st_size:x}-{crc:08x}{adler:08x}"


def _already_loaded(cursor: CursorLike, schema: str | None, table: str) -> set[str]:
    found = cursor.duck.execute(
        "SELECT file_name FROM _fs_information_schema._fs_load_history WHERE table_name = ? AND schema_name = ?",
        [table, schema],
    ).fetchall()
    return {name for (name,) in found}


def _answer(rows: list[tuple[str, str, int]]) -> Expr:
    values = []
    for name, status, count in rows:
        error = "NULL" if status == "LOADED" else "'File was loaded before.'"
        file = exp.Literal.string(name).sql(dialect="duckdb")
        values.append(
            f"({file}, '{status}', {count}, {count}, 1, {int(status != 'LOADED')}, {error}::VARCHAR, NULL::INTEGER, "
            "NULL::INTEGER, NULL::VARCHAR)"
        )
    return exp.maybe_parse(f"SELECT * FROM (VALUES {', '.join(values)}) AS t({_RESULT_COLUMNS})", dialect="duckdb")
