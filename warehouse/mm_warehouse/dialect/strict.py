"""What SQLGlot cannot express in DuckDB's SQL is an error, not a line in the log and a wrong answer."""

from __future__ import annotations

from sqlglot import ErrorLevel, Expr, exp
from sqlglot.errors import UnsupportedError

_HARMLESS = (exp.TransientProperty, exp.Cluster, exp.ClusterProperty, exp.CopyGrantsProperty, exp.SecureProperty)
"""They only say how Snowflake should store or share a table."""


def refuse_untranslatable(statement: Expr) -> Expr:
    """Check a translated `statement`; returns it, without the properties that mean nothing here.

    Raises:
        NotImplementedError: a part of it would be left out.
    """
    for properties in list(statement.find_all(exp.Properties)):
        kept = [p for p in properties.expressions if not isinstance(p, _HARMLESS)]
        if len(kept) < len(properties.expressions):
            properties.set("expressions", kept)
    try:
        statement.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE, max_unsupported=10)
    except UnsupportedError as error:
        raise NotImplementedError(str(error)) from None
    return statement
