"""What SQLGlot cannot express in DuckDB's SQL, or DuckDB answers otherwise, is an error and no wrong answer."""

from __future__ import annotations

from sqlglot import ErrorLevel, Expr, exp
from sqlglot.errors import UnsupportedError

_HARMLESS = (exp.TransientProperty, exp.Cluster, exp.ClusterProperty, exp.CopyGrantsProperty, exp.SecureProperty)
"""They only say how Snowflake should store or share a table."""
_OTHER_ANSWERS = {"HASH": "HASH, whose numbers are not Snowflake's: use MD5 or SHA2 of a text"}
"""Functions that DuckDB has by the same name, and that answer otherwise."""


def refuse_untranslatable(statement: Expr) -> Expr:
    """Check a translated `statement`; returns it, without the properties that mean nothing here.

    Raises:
        NotImplementedError: a part of it would be left out, or mean something else.
    """
    for properties in list(statement.find_all(exp.Properties)):
        kept = [p for p in properties.expressions if not isinstance(p, _HARMLESS)]
        if len(kept) < len(properties.expressions):
            properties.set("expressions", kept)
    for call in statement.find_all(exp.Anonymous):
        if isinstance(call.this, str) and call.this.upper() in _OTHER_ANSWERS:
            raise NotImplementedError(_OTHER_ANSWERS[call.this.upper()])
    try:
        statement.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE, max_unsupported=10)
    except UnsupportedError as error:
        raise NotImplementedError(str(error)) from None
    return statement
