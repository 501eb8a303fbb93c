"""Comments on tables and columns, as dbt's persist_docs writes them.

fakesnow pastes a table's comment into SQL unescaped, stores "None" for a table without one, and does not know
ALTER ... ALTER column COMMENT, which sets many at once, nor comments among a new relation's columns.
"""

from __future__ import annotations

import re

from sqlglot import Expr, exp

from mm_warehouse.dialect.unsupported import strip_leading_comments

COLUMN_COMMENTS = "mm_column_comments"
_HEAD = re.compile(
    r"alter\s+(?:table|view)\s+(?P<name>[\w$.\"]+)\s+alter\s+(?P<rest>(?:column\s+)?\S+\s+comment\s.*)", re.I | re.S
)
_ITEM = re.compile(
    r"\s*(?:column\s+)?(?P<column>\"(?:[^\"]|\"\")+\"|[\w$]+)\s+comment\s+"
    r"(?:\$\$(?P<dollars>.*?)\$\$|'(?P<quoted>(?:[^']|'')*)')\s*(?:/\*.*?\*/\s*)*(?P<more>[,;]|\Z)",
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
    return statements if statements and not strip_leading_comments(rest[position:]) else None


def take_column_comments(statement: Expr) -> Expr:
    """Move the columns' comments of a CREATE (changed in place) to its argument `COLUMN_COMMENTS`."""
    if not isinstance(statement, exp.Create):
        return statement
    for text in [p.this for p in statement.find_all(exp.SchemaCommentProperty) if isinstance(p.this, exp.RawString)]:
        # fakesnow keeps a table's comment only if it stands in simple quotes.
        text.replace(exp.Literal.string(text.this))
    if not isinstance(statement.this, exp.Schema):
        return statement
    comments: list[tuple[exp.Identifier, str]] = []
    for column in statement.this.expressions:
        if not isinstance(column, exp.ColumnDef):
            continue
        constraints = column.args.get("constraints") or []
        for constraint in constraints:
            if isinstance(constraint.kind, exp.CommentColumnConstraint):
                comments.append((column.this.copy(), str(constraint.kind.this.this)))
        column.set("constraints", [c for c in constraints if not isinstance(c.kind, exp.CommentColumnConstraint)])
    statement.set(COLUMN_COMMENTS, comments)
    return statement


def created_column_comments(created: Expr) -> list[str]:
    """DuckDB's statements that store what `take_column_comments` took, once the relation exists."""
    table = created.find(exp.Table)
    if table is None:
        return []
    name = table.sql(dialect="duckdb")
    return [
        f"COMMENT ON COLUMN {name}.{_quoted(column)} IS {exp.Literal.string(comment).sql(dialect='duckdb')}"
        for column, comment in created.args.get(COLUMN_COMMENTS) or []
        if comment
    ]


def _quoted(column: exp.Identifier) -> str:
    name = column.this if column.args.get("quoted") else column.this.upper()
    return str(exp.to_identifier(name, quoted=True).sql(dialect="duckdb"))


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
