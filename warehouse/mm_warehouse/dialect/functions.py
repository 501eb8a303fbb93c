"""Functions that the rewritten statements call, as DuckDB macros of each database."""

from __future__ import annotations

from mm_warehouse.dialect.arithmetic import DIVISOR_MACRO
from mm_warehouse.dialect.flatten_barrier import HERE_MACRO
from mm_warehouse.dialect.semi_structured import IS_OBJECT_MACRO, TYPEOF_MACRO
from mm_warehouse.dialect.text import (
    ARRAY_CONTAINS_MACRO,
    ARRAY_TO_STRING_MACRO,
    TEXT_MACRO,
    TRIM_MACROS,
    TRY_TIMESTAMP_MACRO,
)

_MACROS = (
    DIVISOR_MACRO,
    HERE_MACRO,
    TYPEOF_MACRO,
    IS_OBJECT_MACRO,
    ARRAY_CONTAINS_MACRO,
    ARRAY_TO_STRING_MACRO,
    TRY_TIMESTAMP_MACRO,
    TEXT_MACRO,
    *TRIM_MACROS,
    # There is one of each; scripts ask for them to say where they are.
    ("current_warehouse()", "'EMBEDDED'"),
    ("current_session()", "'0'"),
)


def functions_sql(catalog: str) -> str:
    """SQL that (re)defines the macros of `catalog`."""
    return "\n".join(f'CREATE OR REPLACE MACRO "{catalog}".{signature} AS ({body});' for signature, body in _MACROS)
