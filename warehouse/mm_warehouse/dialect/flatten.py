"""LATERAL FLATTEN without a copy of the whole array in every row, and with OUTER and PATH.

fakesnow's macro puts window functions over the correlated row, so DuckDB drags the array along with each of its
elements: 30 MB of JSON took 21 GB. Unnesting lists of values, indexes and keys side by side takes about ten times the
documents' size, most of it DuckDB's parse trees.
SEQ and THIS are not given (1 and NULL): numbering input rows or repeating the array would bring the cost back.
"""

from __future__ import annotations

from sqlglot import Expr, exp

# Its first character tells arrays from objects; json_type would parse the document once more.
_KIND = r"left(ltrim(left(CAST(inp AS VARCHAR), 64), E' \t\n\r'), 1)"
_VALUES = f"CASE {_KIND} WHEN '[' THEN json_extract(inp, '$[*]') WHEN '{{' THEN json_extract(inp, '$.*') END"
_KEYS = f"CASE {_KIND} WHEN '{{' THEN json_keys(inp) END"
_INNER = f"unnest({_VALUES}) AS v, unnest(range(len({_VALUES}))) AS i, unnest({_KEYS}) AS k"
_NONE = f"coalesce(len({_VALUES}), 0) = 0"
_OUTER = (
    f"unnest(CASE WHEN {_NONE} THEN [NULL::JSON] ELSE {_VALUES} END) AS v, "
    f"unnest(CASE WHEN {_NONE} THEN [NULL::BIGINT] ELSE range(len({_VALUES})) END) AS i, unnest({_KEYS}) AS k"
)
# A condition on these columns must not be taken below the unnesting: DuckDB would then join every element back to its
# row by the value of the whole document. It leaves conditions on what is volatile where they are; this always holds.
_BARRIER = "CASE WHEN random() < 2 THEN {} END"
_INDEX = _BARRIER.format("CASE WHEN k IS NULL THEN i END")
_PATH = _BARRIER.format("coalesce(k, '[' || i || ']')")
_ROWS = (
    f"SELECT 1::BIGINT AS SEQ, {_BARRIER.format('k')} AS KEY, {_PATH} AS PATH, "
    f"{_INDEX} AS INDEX, {_BARRIER.format('v')} AS VALUE, NULL::JSON AS THIS FROM (SELECT %s)"
)


def macro_sql(catalog: str) -> str:
    """SQL that (re)defines the table macros of `catalog`."""
    return (
        f'CREATE OR REPLACE MACRO "{catalog}"._fs_flatten(inp) AS TABLE {_ROWS % _INNER};\n'
        f'CREATE OR REPLACE MACRO "{catalog}"._fs_flatten_outer(inp) AS TABLE {_ROWS % _OUTER};'
    )


def _is_true(value: Expr | None) -> bool:
    return value is not None and value.sql().upper() == "TRUE"


def flatten(expression: Expr) -> Expr:
    """Rewrite `[LATERAL] FLATTEN(...)` to a macro call; a node-wise transform.

    Raises:
        NotImplementedError: RECURSIVE => TRUE, or a MODE other than BOTH.
    """
    if not (isinstance(expression, exp.Lateral | exp.TableFromRows) and isinstance(expression.this, exp.Explode)):
        return expression
    arguments: dict[str, Expr] = {}
    for argument in (expression.this.this, *(expression.this.expressions or [])):
        if isinstance(argument, exp.Kwarg):
            arguments[argument.this.name.lower()] = argument.expression
        else:
            arguments.setdefault("input", argument)
    if _is_true(arguments.get("recursive")):
        raise NotImplementedError("FLATTEN(RECURSIVE => TRUE)")
    if (mode := arguments.get("mode")) is not None and mode.name.upper() != "BOTH":
        raise NotImplementedError(f"FLATTEN(MODE => '{mode.name}')")
    source = arguments["input"]
    if (path := arguments.get("path")) is not None:
        source = exp.Anonymous(this="json_extract", expressions=[source, exp.Literal.string(f"$.{path.name}")])
    macro = "_fs_flatten_outer" if _is_true(arguments.get("outer")) else "_fs_flatten"
    return exp.Table(this=exp.Anonymous(this=macro, expressions=[source]), alias=expression.args.get("alias"))
