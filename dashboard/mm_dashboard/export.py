"""Rows as CSV, and a question as text that can be run elsewhere."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

from mm_dashboard.warehouse import Row

MOST_ROWS: Final = 20_000
"""Rows of one file; more is for ``mars sql``, with the question that the page shows."""


def cell(value: Any) -> str:
    """Return a value's text. What a spreadsheet would take for a formula, from whoever it came, stays text."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return (
        f"'{text}"
        if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", text)
        else text
    )


def csv_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a file: the columns' names, then the rows."""
    names = list(rows[0]) if rows else []
    for values in (names, *([cell(row[name]) for name in names] for row in rows)):
        line = io.StringIO()
        csv.writer(line).writerow(values)
        yield line.getvalue()


def as_text(sql: str, binds: Sequence[object]) -> str:
    """Return a question with its values in it, for people to copy."""
    parts = sql.strip().split("?")
    values = [_literal(value) for value in binds]
    return "".join(part + (values[i] if i < len(values) else "") for i, part in enumerate(parts))


def _literal(value: object) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else repr(value)
    return "'" + str(value).replace("'", "''") + "'"
