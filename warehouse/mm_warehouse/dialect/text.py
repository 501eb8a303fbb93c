"""TRIM with a side or with characters, TRY_ casts to timestamps, hashes of numbers, ARRAY_CONTAINS.

fakesnow turns every TRIM, LTRIM and RTRIM into a plain TRIM of spaces, fails on TRY_CAST and TRY_TO_TIMESTAMP of text
that is no timestamp, hashes only text, and compares variants with DuckDB's lists. A node-wise transform of Snowflake's tree.
"""

from __future__ import annotations

from sqlglot import Expr, exp

_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim"}
_TIMESTAMPS = {exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.DATETIME}
_TRY_NAMES = {"TRY_TO_TIMESTAMP", "TRY_TO_TIMESTAMP_NTZ"}
TRY_TIMESTAMP_MACRO = ("_mm_try_timestamp(x)", "TRY_CAST(x AS TIMESTAMP)")


def text_functions(node: Expr) -> Expr:
    """Rewrite one node; see the module's words."""
    if isinstance(node, exp.Trim):
        name = _TRIMS.get(str(node.args.get("position") or "").upper(), "trim")
        arguments = [exp.Cast(this=node.this, to=exp.DataType.build("VARCHAR"))]
        if (characters := node.expression) is not None:
            arguments.append(characters)
        return exp.Anonymous(this=f"_mm_{name}", expressions=arguments)
    if isinstance(node, exp.TryCast) and node.to.this in _TIMESTAMPS:
        return exp.Anonymous(this="_mm_try_timestamp", expressions=[node.this])
    if isinstance(node, exp.Anonymous) and node.name.upper() in _TRY_NAMES and len(node.expressions) == 1:
        return exp.Anonymous(this="_mm_try_timestamp", expressions=list(node.expressions))
    if isinstance(node, exp.MD5 | exp.SHA2) and not isinstance(node.this, exp.Cast):
        node.set("this", exp.Cast(this=node.this, to=exp.DataType.build("VARCHAR")))
        return node
    if isinstance(node, exp.ArrayContains):
        return exp.Anonymous(this="_mm_array_contains", expressions=[node.this, node.expression])
    return node


ARRAY_CONTAINS_MACRO = ("_mm_array_contains(a, v)", "list_contains(CAST(to_json(a) AS JSON[]), to_json(v))")
TRIM_MACROS = tuple(
    (f"_mm_{name}(x, characters := ' ')", f"{name}(x, characters)") for name in ("trim", "ltrim", "rtrim")
)
