"""Keys are informative, as in Snowflake: declared, not enforced. Only NOT NULL is.

DuckDB would enforce PRIMARY KEY and UNIQUE with an index, refuse rows that Snowflake takes, and refuse
deleting and inserting a key in one transaction; and it wants foreign keys to point at real ones.
"""

from __future__ import annotations

from sqlglot import Expr, exp

_TABLE_LEVEL = (exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint)
_COLUMN_LEVEL = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)


def drop_keys(statement: Expr) -> Expr:
    """Take the keys out of a CREATE TABLE (changed in place); a primary key leaves NOT NULL behind."""
    if not (isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema)):
        return statement
    kept, required = [], set()
    for item in statement.this.expressions:
        inner = item.expressions[0] if isinstance(item, exp.Constraint) and item.expressions else item
        if isinstance(inner, _TABLE_LEVEL):
            if isinstance(inner, exp.PrimaryKey):
                required |= {identifier.name.upper() for identifier in inner.find_all(exp.Identifier)}
            continue
        kept.append(item)
    statement.this.set("expressions", kept)
    for column in (item for item in kept if isinstance(item, exp.ColumnDef)):
        constraints = column.args.get("constraints") or []
        primary = any(isinstance(c.kind, exp.PrimaryKeyColumnConstraint) for c in constraints)
        left = [c for c in constraints if not isinstance(c.kind, _COLUMN_LEVEL)]
        if primary or column.name.upper() in required:
            left = [c for c in left if not isinstance(c.kind, exp.NotNullColumnConstraint)]
            left.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
        column.set("constraints", left)
    return statement
