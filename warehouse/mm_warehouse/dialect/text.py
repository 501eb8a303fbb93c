"""Text: TRIM with a side or characters, formats, TRY_ casts, hashes of numbers, VARIANTs cast to text.

fakesnow turns every TRIM, LTRIM and RTRIM into a plain TRIM of spaces, fails on TRY_CAST and TRY_TO_TIMESTAMP of text
that is no timestamp, hashes only text, compares variants with DuckDB's lists, and leaves a VARIANT's text in its
quotes unless a path is cast directly.
"""

from __future__ import annotations

import re

from sqlglot import Expr, exp
from sqlglot.dialects.snowflake import Snowflake

_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim"}
_TIMESTAMPS = {exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.DATETIME}
_TEXTS = {exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.NVARCHAR}
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
    if isinstance(node, exp.ToChar) and node.args.get("format") is not None:
        return _formatted(node)
    if isinstance(node, exp.ArrayToString):
        return exp.Anonymous(this="_mm_array_to_string", expressions=[node.this, node.expression])
    if isinstance(node, exp.ArrayContains):
        return exp.Anonymous(this="_mm_array_contains", expressions=[node.this, node.expression])
    return node


def variants_as_text(statement: Expr) -> Expr:
    """Make casts to text take a VARIANT's text out of its quotes; `statement` is in DuckDB's terms, changed in place.

    Which columns are VARIANTs is known only to DuckDB: the macro asks for the type, and is reduced to a plain cast
    when the statement is prepared.
    """
    for cast in list(statement.find_all(exp.Cast)):
        if type(cast) is not exp.Cast or cast.to.this not in _TEXTS:
            continue
        if isinstance(cast.this, exp.Literal | exp.Null | exp.JSONExtractScalar):
            continue
        cast.replace(exp.Anonymous(this="_mm_text", expressions=[cast.this]))
    return statement


def _formatted(node: exp.ToChar) -> Expr:
    """TO_CHAR / TO_VARCHAR of a time with a format; SQLGlot would drop the format without a word."""
    given = node.args["format"]
    # DDD would be read as the day of the month and a letter.
    if not isinstance(given, exp.Literal) or not re.search(r"[YyMmDdHhSs]", given.name) or "ddd" in given.name.lower():
        raise NotImplementedError(f"TO_CHAR with the format {given.sql(dialect='snowflake')}")
    pattern = re.sub(r'"([^"]*)"', r"\1", given.name)
    formatted = Snowflake.format_time(exp.Literal.string(pattern))
    moment = exp.Cast(this=node.this, to=exp.DataType.build("TIMESTAMP", dialect="duckdb"))
    return exp.Anonymous(this="strftime", expressions=[moment, formatted])


TEXT_MACRO = (
    "_mm_text(x)",
    "CASE WHEN typeof(x) = 'JSON' THEN json_extract_string(to_json(x), '$') ELSE CAST(x AS VARCHAR) END",
)
ARRAY_TO_STRING_MACRO = (
    "_mm_array_to_string(a, separator)",
    "array_to_string(list_transform(CAST(to_json(a) AS JSON[]), lambda x: coalesce(json_extract_string(x, '$'), '')), "
    "separator)",
)
ARRAY_CONTAINS_MACRO = ("_mm_array_contains(a, v)", "list_contains(CAST(to_json(a) AS JSON[]), to_json(v))")
TRIM_MACROS = tuple(
    (f"_mm_{name}(x, characters := ' ')", f"{name}(x, characters)") for name in ("trim", "ltrim", "rtrim")
)
