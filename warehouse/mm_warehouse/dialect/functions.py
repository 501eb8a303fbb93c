"""Functions that Snowflake has and neither DuckDB nor fakesnow's translation provides, as DuckDB macros."""

from __future__ import annotations

from mm_warehouse.dialect.arithmetic import DIVISOR_MACRO

_MACROS: dict[str, str] = dict([DIVISOR_MACRO])


def functions_sql(catalog: str) -> str:
    """SQL that (re)defines the macros of `catalog`."""
    return "SELECT 1;" + "".join(
        f'CREATE OR REPLACE MACRO "{catalog}".{signature} AS ({body});\n' for signature, body in _MACROS.items()
    )
