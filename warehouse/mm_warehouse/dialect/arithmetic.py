"""Division by zero is an error, and sums of whole numbers are whole.

DuckDB gives infinity or NULL for the first. fakesnow casts the arguments of all numeric aggregates to DOUBLE,
which loses digits past 2^53 and turns text that is no number into NULL without a word; DuckDB's own rules are
Snowflake's here.
"""

from __future__ import annotations

from sqlglot import Expr, exp

DIVISOR_MACRO = ("_mm_divisor(x)", "CASE WHEN x = 0 THEN error('Division by zero') ELSE x END")


def check_divisors(statement: Expr) -> Expr:
    """Make every `/` and `%` of `statement` (changed in place) fail on zero."""
    for node in list(statement.find_all(exp.Div, exp.Mod)):
        divisor = node.expression
        if isinstance(divisor, exp.Literal | exp.Neg | exp.Nullif) and not _is_zero(divisor):
            continue
        node.set("expression", exp.Anonymous(this="_mm_divisor", expressions=[divisor.copy()]))
    return statement


def _is_zero(node: Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and float(node.this) == 0


def keep_aggregate_arguments(expression: Expr) -> Expr:
    """Takes the place of fakesnow's cast of aggregates' arguments to DOUBLE: no cast."""
    return expression
