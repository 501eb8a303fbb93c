"""What the read-only user may run: statements that look, at tables and views that are there.

The engine refuses its writes anyway, because each of its statements runs in a read-only transaction. Kept from it here
is all else that a statement can do: settings, files of stages, functions that show the inside of the server.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import Expr, exp

from mm_warehouse.errors import SqlError

_LOOKING = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Show, exp.Describe, exp.Use)
_HARMLESS_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "generator", "flatten", "result_scan", "repeat"})
"""Of the engine's table functions, those that read nothing but their arguments; and Snowflake's own."""
_INSIDE = frozenset({"current_setting", "getvariable", "getenv"})
"""Functions that give no table and show the server's inside."""
_INSIDE_PREFIXES = ("read_", "duckdb_", "pragma_", "scan_", "pg_", "sqlite_")
_FILE_ENDINGS = ("csv", "tsv", "json", "jsonl", "ndjson", "parquet", "gz", "zst", "txt", "db", "duckdb", "wal")


def refusal(what: str) -> SqlError:
    """The error of a statement that this user may not run."""
    return SqlError(
        "003001",
        "42501",
        f"SQL access control error: insufficient privileges: this user may only read, and {what}. Log in as the owner "
        "for that (`mars sql --owner`).",
    )


def check(statement: Expr, table_functions: frozenset[str]) -> None:
    """Let a statement of the read-only user pass, as it was written.

    Args:
        statement: parsed in Snowflake's dialect, before it is translated.
        table_functions: lower-case names of the engine's functions that give tables, files among them.

    Raises:
        SqlError: it does more than look at tables and views.
    """
    if not isinstance(statement, _LOOKING):
        raise refusal(f"{_kind(statement)} is more than that")
    for node in statement.walk():
        if isinstance(node, exp.Into | exp.DML | exp.DDL) and not isinstance(node, exp.Query):
            raise refusal(f"{_kind(node)} is more than that")
        if isinstance(node, exp.DynamicIdentifier):
            # Its text becomes a part of the statement after it was looked at, whatever is in it.
            raise refusal("IDENTIFIER may name anything")
    for name in _functions(statement):
        if name in (table_functions | _INSIDE) - _HARMLESS_FUNCTIONS or name.startswith(_INSIDE_PREFIXES):
            raise refusal(f"{name} reads other things than tables")
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier | exp.Func):
            raise refusal(f"{table.sql()} is no table")
        parts = [part.name for part in table.parts if isinstance(part, exp.Identifier)]
        if any(part.lower().startswith(_INSIDE_PREFIXES) for part in parts):
            raise refusal(f"{table.sql()} is the server's own")
        if any(mark in part for part in parts for mark in "/\\*") or (parts[-1:] and _is_file(parts)):
            raise refusal(f"{table.sql()} is a file")


def _is_file(parts: list[str]) -> bool:
    name = ".".join(parts)
    return "." in name and name.rpartition(".")[2].lower() in _FILE_ENDINGS


def _functions(statement: Expr) -> Iterator[str]:
    for node in statement.find_all(exp.Func):
        yield (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()


def _kind(statement: Expr) -> str:
    if isinstance(statement, exp.Command):
        return str(statement.this).upper()
    return type(statement).key.upper()
