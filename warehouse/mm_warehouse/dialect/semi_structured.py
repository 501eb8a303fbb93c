"""VARIANT: brackets, GET, casts and TYPEOF, where fakesnow's translation is silently wrong.

`col['a'][0]['b']` took the second element (SQLGlot shifts indexes to DuckDB's one-based lists, and only the outermost
bracket was translated), `GET(v, 'k')::string` kept the quotes, `'x'::variant` read its operand as JSON text, and
TYPEOF answered with DuckDB's type. A node-wise transform of Snowflake's tree, before fakesnow's.
"""

from __future__ import annotations

from sqlglot import Expr, exp

TYPEOF_MACRO = (
    "_mm_typeof(x)",
    "CASE json_type(x) WHEN 'VARCHAR' THEN 'VARCHAR' WHEN 'BIGINT' THEN 'INTEGER' WHEN 'UBIGINT' THEN 'INTEGER' "
    "WHEN 'HUGEINT' THEN 'INTEGER' WHEN 'DOUBLE' THEN 'DECIMAL' WHEN 'BOOLEAN' THEN 'BOOLEAN' "
    "WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'OBJECT' THEN 'OBJECT' WHEN 'ARRAY' THEN 'ARRAY' END",
)
IS_OBJECT_MACRO = ("is_object(x)", "json_type(x) = 'OBJECT'")


def semi_structured(node: Expr) -> Expr:
    """Rewrite one node; see the module's words."""
    if isinstance(node, exp.Bracket | exp.GetExtract):
        inner = isinstance(node.parent, exp.Bracket | exp.GetExtract) and node.parent.this is node
        return node if inner else _extraction(node)
    if isinstance(node, exp.Cast) and node.to.this == exp.DType.VARIANT:
        return exp.Anonymous(this="TO_JSON", expressions=[node.this])
    if isinstance(node, exp.ToVariant):
        return exp.Anonymous(this="TO_JSON", expressions=[node.this])
    if isinstance(node, exp.Typeof):
        return exp.Anonymous(this="_mm_typeof", expressions=[node.this])
    return node


def _extraction(node: Expr) -> Expr:
    """A chain of brackets (or GETs) with literal keys as one path; anything else as it is."""
    keys: list[Expr] = []
    base: Expr = node
    while True:
        if isinstance(base, exp.Bracket) and len(base.expressions) == 1:
            key = base.expressions[0]
        elif isinstance(base, exp.GetExtract):
            key = base.expression
        else:
            break
        if not isinstance(key, exp.Literal):
            return node
        keys.append(key)
        base = base.this
    if len(keys) < 2 and isinstance(node, exp.Bracket):
        return node
    parts: list[Expr] = [exp.JSONPathRoot()]
    for key in reversed(keys):
        if key.is_string:
            parts.append(exp.JSONPathKey(this=key.this))
        else:
            parts.append(exp.JSONPathSubscript(this=int(key.this)))
    return exp.JSONExtract(this=base, expression=exp.JSONPath(expressions=parts))
