"""Keeps conditions on flattened rows above the FLATTEN.

DuckDB turns a FLATTEN into a plain unnesting by a rule that a condition pushed down into it defeats; it then groups the
documents and joins every element back to its own. What is volatile or can fail stays where it is written, so plain
columns and conditions next to a FLATTEN are wrapped in a CASE that is both. (Values are wrapped in the macro.)
"""

from __future__ import annotations

from sqlglot import Expr, exp

HERE_MACRO = ("_mm_here(x)", "CASE WHEN random() < 2 THEN x ELSE error('never') END")
_OUTPUTS = {"SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS"}


def flattened_by(select: exp.Select) -> list[Expr]:
    """The FLATTENs in the FROM of `select` itself (Snowflake's terms)."""
    return [
        node
        for node in select.find_all(exp.Lateral, exp.TableFromRows)
        if isinstance(node.this, exp.Explode) and node.find_ancestor(exp.Select) is select
    ]


def keep_above_flatten(statement: Expr) -> Expr:
    """Wrap what must stay above a FLATTEN; `statement` is in Snowflake's terms, changed in place."""
    for select in list(statement.find_all(exp.Select)):
        flattens = flattened_by(select)
        if not flattens:
            continue
        _wrap_conditions(select, {flatten.alias.upper() for flatten in flattens})
        # With these, other clauses must repeat the columns' expressions literally.
        if not (select.args.get("group") or select.args.get("distinct")):
            select.set("expressions", [_wrap_column(item) for item in select.expressions])
    return statement


def _here(node: Expr) -> Expr:
    return exp.Anonymous(this="_mm_here", expressions=[node])


def _wrap_column(item: Expr) -> Expr:
    value = item.this if isinstance(item, exp.Alias) else item
    column = value
    while type(column) is exp.Cast:
        column = column.this
    if not isinstance(column, exp.Column) or column.is_star:
        return item
    name = item.args["alias"] if isinstance(item, exp.Alias) else column.this
    return exp.alias_(_here(value.copy()), name.copy())


def _wrap_conditions(select: exp.Select, aliases: set[str]) -> None:
    where = select.args.get("where")
    if where is None:
        return
    parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    kept = [_here(part.copy()) if _is_about(part, aliases) else part.copy() for part in parts]
    where.set("this", exp.and_(*kept, copy=False))


def _is_about(condition: Expr, aliases: set[str]) -> bool:
    return any(
        column.table.upper() in aliases or (not column.table and column.name.upper() in _OUTPUTS)
        for column in condition.find_all(exp.Column)
    )
