"""LATERAL FLATTEN without a copy of the whole array in every row, and with OUTER and PATH.

fakesnow's macro puts window functions over the correlated row, so DuckDB drags the array along with each of its
elements: 30 MB of JSON took 21 GB. Unnesting a list of (key, index, value) structs does the same in linear space.
SEQ and THIS are not given (1 and NULL): numbering input rows or repeating the array would bring the cost back.
"""

from __future__ import annotations

from sqlglot import Expr, exp

_ENTRIES = """CASE json_type(inp)
    WHEN 'OBJECT' THEN list_transform(json_keys(inp), lambda k:
        {'k': k, 'i': NULL::BIGINT, 'v': json_extract(inp, '$."' || k || '"')})
    WHEN 'ARRAY' THEN list_transform(CAST(inp AS JSON[]), lambda x, i: {'k': NULL::VARCHAR, 'i': i - 1, 'v': x})
END"""
_EMPTY = "[{'k': NULL::VARCHAR, 'i': NULL::BIGINT, 'v': NULL::JSON}]"
_OUTER_ENTRIES = f"coalesce(nullif({_ENTRIES}, []), {_EMPTY})"
_ROWS = """SELECT 1::BIGINT AS SEQ, e.k AS KEY, coalesce(e.k, '[' || e.i || ']') AS PATH,
    e.i AS INDEX, e.v AS VALUE, NULL::JSON AS THIS FROM (SELECT UNNEST(%s) AS e)"""


def macro_sql(catalog: str) -> str:
    """SQL that (re)defines the table macros of `catalog`."""
    return (
        f'CREATE OR REPLACE MACRO "{catalog}"._fs_flatten(inp) AS TABLE {_ROWS % _ENTRIES};\n'
        f'CREATE OR REPLACE MACRO "{catalog}"._fs_flatten_outer(inp) AS TABLE {_ROWS % _OUTER_ENTRIES};'
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
