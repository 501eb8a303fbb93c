"""COPY INTO a table from JSON files in an internal stage, with transformation, read by DuckDB itself.

fakesnow knows JSON only as one VARIANT column without transformation, takes FORCE=FALSE and PURGE=FALSE for
TRUE, and always strips an outer array. This is the load's hot path, so it is one INSERT ... SELECT from the file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakesnow.transforms.file_format import lookup_file_format
from fakesnow.transforms.options import parse_options
from sqlglot import Expr, exp

from mm_warehouse.cursor_types import CursorLike
from mm_warehouse.dialect.staged import content_key, files_at, fingerprint, location, reading
from mm_warehouse.errors import SqlError

_SOURCE = "_MM_STAGED"
_CONTENT_KEY = "METADATA$FILE_CONTENT_KEY"
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
_MOST_TRANSLATIONS = 64
_translations: dict[tuple[str | None, str | None, str], str] = {}
"""DuckDB's text by current database, schema and Snowflake's text. A load says the same COPY of one file after another,
and a wide one takes longer to translate than a small file to read."""
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
    directory, root = location(source, table, cursor)
    files = files_at(directory, root, options.files, options.pattern)
    if not files:
        return exp.maybe_parse("SELECT 'Copy executed with 0 files processed.' AS status", dialect="duckdb"), 0
    insert = _translated(_insert(expression.this, source, _text_positions(expression.this, cursor)), cursor, translate)
    history = _History(cursor, table)
    rows: list[tuple[str, str, int]] = []
    for file in files:
        # Telling a file from others takes a reading of it; one that is loaded in any case and then gone needs none.
        identity = None if options.force and options.purge else f"{file}#{fingerprint(file)}"
        if identity and not options.force and history.has(identity):
            rows.append((str(file.relative_to(root)), "LOAD_SKIPPED", 0))
            continue
        (count,) = cursor.duck.execute(_with_source(insert, file, root, options)).fetchone()
        if identity:
            history.add(identity, count)
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


def _text_positions(target: Expr, cursor: CursorLike) -> set[int]:
    """Which of the target's columns (by position) are text: a VARIANT put there loses its quotes."""
    table = target.this if isinstance(target, exp.Schema) else target
    named = [_stored_name(identifier) for identifier in target.expressions]
    described = cursor.duck.execute(f"DESCRIBE {table.sql(dialect='duckdb')}").fetchall()
    types = {row[0]: row[1] for row in described}
    return {n for n, name in enumerate(named or types) if types.get(name) == "VARCHAR"}


def _stored_name(identifier: Expr) -> str:
    return identifier.name if identifier.args.get("quoted") else identifier.name.upper()


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


def _translated(insert: exp.Insert, cursor: CursorLike, translate: Callable[[Expr], Expr]) -> str:
    key = (cursor.database, cursor.schema, insert.sql(dialect="snowflake"))
    known = _translations.get(key)
    if known is None:
        if len(_translations) >= _MOST_TRANSLATIONS:
            _translations.clear()
        known = _translations[key] = translate(insert).sql(dialect="duckdb")
    return known


def _with_source(insert: str, file: Path, root: Path, options: _Options) -> str:
    """`insert` with a meaning for the placeholder: the reading of `file`."""
    strip = str(options.format.get("STRIP_OUTER_ARRAY", "FALSE")).upper() == "TRUE"
    name = exp.Literal.string(str(file.relative_to(root))).sql(dialect="duckdb")
    columns = f'json AS "$1", {name} AS "METADATA$FILENAME"'
    if _CONTENT_KEY in insert.upper():  # only where it is asked for: it costs a reading
        columns += f", '{content_key(file)}' AS \"{_CONTENT_KEY}\""
    return f'WITH "{_SOURCE}" AS NOT MATERIALIZED (SELECT {columns} FROM {reading(file, strip)}) {insert}'


class _History:
    """Which files a table has loaded."""

    def __init__(self, cursor: CursorLike, table: exp.Table) -> None:
        self._duck = cursor.duck
        schema = table.args.get("db")
        self._table = (_stored_name(schema) if schema else cursor.schema, _stored_name(table.this))

    def has(self, identity: str) -> bool:
        # Asked for the one file: the history grows with every load.
        found = self._duck.execute(
            "SELECT 1 FROM _fs_information_schema._fs_load_history WHERE schema_name = ? AND table_name = ? "
            "AND file_name = ? LIMIT 1",
            [*self._table, identity],
        ).fetchone()
        return found is not None

    def add(self, identity: str, rows: int) -> None:
        self._duck.execute(
            "INSERT INTO _fs_information_schema._fs_load_history "
            "(SCHEMA_NAME, TABLE_NAME, FILE_NAME, LAST_LOAD_TIME, STATUS, ROW_COUNT, ROW_PARSED, "
            "ERROR_COUNT, ERROR_LIMIT) "
            "VALUES (?, ?, ?, ?, 'LOADED', ?, ?, 0, 1)",
            [*self._table, identity, dt.datetime.now(dt.UTC), rows, rows],
        )


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
