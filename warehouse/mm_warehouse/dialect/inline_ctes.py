"""FLATTEN over a common table expression, without a copy of the array per row.

DuckDB turns FLATTEN over a table or a subquery into a plain unnesting, but over a CTE it joins every element back to
its row by the value of the whole array: 40 MB of JSON then take more than 5 GB. So CTEs that a FLATTEN reads, and
those that these read, are put in place of their names.
"""

from __future__ import annotations

from sqlglot import Expr, exp

from mm_warehouse.dialect.flatten_barrier import flattened_by

Scope = dict[str, tuple[Expr, "Scope"]]
"""Name -> body of the CTE and what was in scope where it was written."""


def inline_flattened(statement: Expr) -> Expr:
    """Rewrite `statement` (Snowflake's terms, changed in place)."""
    for select in list(statement.find_all(exp.Select)):
        if not flattened_by(select):
            continue
        scope = _scope(select)
        if not scope:
            continue
        sources = [select.args["from_"].this] if select.args.get("from_") else []
        sources += [join.this for join in select.args.get("joins") or []]
        for source in sources:
            if isinstance(source, exp.Table | exp.Subquery):
                _inline(source, scope)
    return statement


def _scope(node: Expr) -> Scope:
    """The CTEs that `node` can refer to."""
    path: list[Expr] = []
    current: Expr | None = node
    while current is not None:
        path.append(current)
        current = current.parent
    scope: Scope = {}
    for ancestor in reversed(path):
        scope = _with_own(ancestor, scope, until=path)
    return scope


def _with_own(query: Expr, scope: Scope, until: list[Expr]) -> Scope:
    with_ = query.args.get("with_")
    if with_ is None or with_.args.get("recursive"):
        return scope
    scope = dict(scope)
    for cte in with_.expressions:
        if any(cte is ancestor for ancestor in until):
            break
        if not cte.args["alias"].columns:
            scope[_key(cte.args["alias"].this)] = (cte.this, dict(scope))
    return scope


def _inline(source: Expr, scope: Scope) -> None:
    """Replace the CTEs' names in `source`, which is changed in place or replaced in its parent."""
    for table in list(source.find_all(exp.Table)):
        if table.db or not isinstance(table.this, exp.Identifier) or table.args.get("pivots"):
            continue
        found = scope.get(_key(table.this))
        if found is None:
            continue
        body, own = found[0].copy(), found[1]
        alias = table.args.get("alias") or exp.TableAlias(this=table.this.copy())
        subquery = exp.Subquery(this=body, alias=alias.copy())
        _inline(body, _with_own(body, own, until=[]))
        table.replace(subquery)


def _key(identifier: Expr) -> str:
    return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).upper()
