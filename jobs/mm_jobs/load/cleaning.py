"""A document that not every reader would take, made into one that all take. Pure.

Python, DuckDB and Snowflake differ over half a character written as an escape, numbers that are not finite, a name that
an object has twice, and other encodings than UTF-8. Such documents are the exception: reading them may be slow.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

_HALF: Final = re.compile("[\ud800-\udfff]")
_MOST_NOTES: Final = 20


class Cleaned(NamedTuple):
    """A document as every reader takes it, and what had to be changed for that, in words."""

    document: Any
    notes: tuple[str, ...]


class _NotFinite(NamedTuple):
    text: str


def cleaned(body: bytes) -> Cleaned:
    """Return the document with U+FFFD for half characters, null for numbers that are not finite, the last of two names.

    Raises:
        ValueError: it is not JSON in any encoding of Unicode.
        RecursionError: it is nested too deeply.
    """
    notes: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            twice = next(name for n, (name, _) in enumerate(items) if name in {other for other, _ in items[:n]})
            notes.append(f"{_whole(twice)!r:.60} is there twice in one object: the last one counts")
        return found

    document = json.loads(body, object_pairs_hook=pairs, parse_constant=_NotFinite, parse_float=_finite)
    document = _clean(document, (), notes)
    more = len(notes) - _MOST_NOTES
    return Cleaned(document, (*notes[:_MOST_NOTES], *([f"and {more} more"] if more > 0 else [])))


def _finite(text: str) -> float | _NotFinite:
    number = float(text)
    return number if math.isfinite(number) else _NotFinite(text)


def _whole(text: str) -> str:
    return _HALF.sub("\ufffd", text)


def _clean(value: Any, place: tuple[str, ...], notes: list[str]) -> Any:
    if isinstance(value, str):
        if not _HALF.search(value):
            return value
        notes.append(f"{_named(place)} has half a character: U+FFFD took its place")
        return _whole(value)
    if isinstance(value, _NotFinite):
        notes.append(f"{_named(place)} is {value.text:.20}, which is no finite number: null took its place")
        return None
    if isinstance(value, dict):
        return {_whole(name): _clean(item, (*place, _whole(name)), notes) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, (*place, str(n)), notes) for n, item in enumerate(value)]
    return value


def _named(place: Iterable[str]) -> str:
    return ".".join(place)[:120] or "the document"
