"""Snowflake's SEARCH_PATH: where names without a schema are looked up after the current schema."""

from __future__ import annotations

import re
from typing import Final

_STATEMENT: Final = re.compile(r"alter\s+session\s+set\s+search_path\s*=\s*'([^']*)'\s*\Z", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z_][\w$]*", re.ASCII)


def value_of(text: str) -> tuple[str, ...]:
    """Return the schemas that a value such as ``$current, GOLD, SILVER`` names, in upper case.

    The current schema comes first always, so ``$current`` and ``$public`` name nothing here.
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(part.upper() for part in parts if _NAME.fullmatch(part)))


def statement_of(text: str) -> tuple[str, ...] | None:
    """Return the schemas that ALTER SESSION SET SEARCH_PATH asks for, or None where the text is another statement."""
    match = _STATEMENT.match(text[:1000].rstrip().rstrip(";").rstrip())
    return value_of(match[1]) if match else None
