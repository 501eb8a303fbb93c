"""JSON as every reader takes it: UTF-8, finite numbers, no lone surrogates, no NUL, no key twice, no abyss. Pure.

Whatever comes from a source passes ``parse`` once; what is written passes ``dumps``. Strict parsers, DuckDB and
Snowflake read the result alike. A value that cannot be said in such JSON becomes null, a character U+FFFD.
"""

import json
import math
import re
from typing import Any, Final

DEEPEST: Final = 32
"""Levels of lists and objects that are kept; what lies deeper becomes null. Real answers have six."""
_LARGEST_INT: Final = 2**63 - 1

_SUSPECT: Final = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
"""Escapes by which a text can hold a surrogate or a NUL; looked for only where there is an escape at all."""
_UNCLEAN_TEXT: Final = re.compile("[\ud800-\udfff\x00]")


def parse(body: bytes) -> Any:
    """Return the clean value in a JSON body. Bytes that are no UTF-8 become U+FFFD; of equal keys the last holds.

    Raises:
        ValueError: it is not JSON, or is nested so deeply that no parser reads it.
    """
    value = _parsed(body)
    suspect = b"\\u" in body and _SUSPECT.search(body)
    return clean(value) if suspect or _odd(value) else value


def _parsed(body: bytes) -> Any:
    # Five times quicker than the standard library, and it refuses all that JSON's readers disagree on; imported late,
    # since nothing before the first answer needs it.
    import msgspec

    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # the sources' own JSON, then: read more slowly, and more kindly
    text = body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text, parse_constant=_no_number, parse_int=_int, parse_float=_float)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def clean(value: Any, levels: int = DEEPEST) -> Any:
    """Return a value of ``json.loads`` with everything in it that JSON's readers disagree on made harmless."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        if levels == 0:
            return None
        # Two keys that differ only in what was replaced become one, the last.
        return {_text(key): clean(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return None if levels == 0 else [clean(item, levels - 1) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_INT else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def dumps(value: Any) -> bytes:
    """Return a value as JSON in UTF-8. It cannot fail for what JSON can say: what is not clean is cleaned first."""
    try:
        return _encoded(value)
    except (ValueError, OverflowError, RecursionError):  # a surrogate, a huge number, or too deep
        return _encoded(clean(value))


def _encoded(value: Any) -> bytes:
    # Ten times quicker than the standard library, and as strict; imported late, since only a Job's end needs it.
    import msgspec

    return msgspec.json.encode(value)


def _text(text: str) -> str:
    return text if text.isascii() and "\x00" not in text else _UNCLEAN_TEXT.sub("�", text)


def _no_number(_: str) -> None:
    """NaN, Infinity and -Infinity are Python's, not JSON's."""


def _int(text: str) -> int | None:
    if len(text) < 19:
        return int(text)
    if len(text) > 20:
        return None
    number = int(text)
    return number if abs(number) <= _LARGEST_INT else None


def _float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _odd(value: Any) -> bool:
    """Return whether something lies too deep, or a number is too large."""
    level = [value] if isinstance(value, dict | list) else []
    if type(value) is int and not -_LARGEST_INT <= value <= _LARGEST_INT:
        return True
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for holder in level:
            for item in holder.values() if type(holder) is dict else holder:
                kind = type(item)  # what a parser makes is no subclass, and this is quicker
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is int and not -_LARGEST_INT <= item <= _LARGEST_INT:
                    return True
        if not below:
            return False
        level = below
    return True
