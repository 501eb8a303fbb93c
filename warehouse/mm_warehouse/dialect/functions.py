"""Functions that Snowflake has and neither DuckDB nor fakesnow's translation provides, as DuckDB macros."""

from __future__ import annotations

_MACROS: dict[str, str] = {}


def functions_sql(catalog: str) -> str:
    """SQL that (re)defines the macros of `catalog`."""
    return "SELECT 1;" + "".join(
        f'CREATE OR REPLACE MACRO "{catalog}".{signature} AS ({body});\n' for signature, body in _MACROS.items()
    )
