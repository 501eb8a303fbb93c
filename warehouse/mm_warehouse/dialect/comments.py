"""Comments on tables and columns, as dbt's persist_docs writes them.

fakesnow pastes a table's comment into SQL unescaped, stores "None" for a table without one, and does not know
ALTER ... ALTER column COMMENT, which sets many at once.
"""

from __future__ import annotations

import re

from sqlglot import exp

_HEAD = re.compile(
    r"alter\s+(?:table|view)\s+(?P<name>[\w$.\"]+)\s+alter\s+(?P<rest>(?:column\s+)?\S+\s+comment\s.*)", re.I | re.S
)
_ITEM = re.compile(
    r"\s*(?:column\s+)?(?P<column>\"(?:[^\"]|\"\")+\"|[\w$]+)\s+comment\s+"
    r"(?:\$\$(?P<dollars>.*?)\$\$|'(?P<quoted>(?:[^']|'')*)')\s*(?P<more>[,;]|\Z)",
    re.I | re.S,
)


def column_comments(text: str) -> list[str] | None:
    """DuckDB's statements for ALTER TABLE|VIEW name ALTER column COMMENT ..., ...; None if `text` is none."""
    match = _HEAD.match(text)
    if match is None:
        return None
    statements, position, rest = [], 0, match["rest"]
    while item := _ITEM.match(rest, position):
        comment = item["dollars"] if item["dollars"] is not None else item["quoted"].replace("''", "'")
        column = item["column"] if item["column"].startswith('"') else item["column"].upper()
        value = exp.Literal.string(comment).sql(dialect="duckdb") if comment else "NULL"
        statements.append(f"COMMENT ON COLUMN {match['name']}.{column} IS {value}")
        position = item.end()
        if item["more"] != ",":
            break
    return statements if statements and not rest[position:].strip() else None


def table_comment_sql(comment: str | None) -> str:
    """Statement that stores (or, for None, removes) a table's comment; takes database, schema, table [, comment]."""
    if comment is None:
        return (
            "DELETE FROM _fs_global._fs_information_schema._fs_tables_ext "
            "WHERE ext_table_catalog = ? AND ext_table_schema = ? AND ext_table_name = ?"
        )
    return (
        "INSERT OR REPLACE INTO _fs_global._fs_information_schema._fs_tables_ext "
        "(ext_table_catalog, ext_table_schema, ext_table_name, comment) VALUES (?, ?, ?, ?)"
    )
