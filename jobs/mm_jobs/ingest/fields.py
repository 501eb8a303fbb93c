"""One field of an answer: a usable value, or None. Nothing here raises, whatever it is given. Pure."""

import math
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

LARGEST: Final = 2**53
"""Whole numbers beyond are no ids, sols or counts, and lose digits in readers that know only doubles."""
_LOCAL_TIME: Final = re.compile(r"M([01][0-9]|2[0-4]):([0-5][0-9]):([0-5][0-9])([.][0-9]{1,9})?", re.ASCII)
_DIGITS: Final = re.compile(r"[+-]?[0-9]{1,17}([.]0*)?", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_URL: Final = re.compile(r"https?://[^\s\x00-\x1f\x7f<>\"]{1,2000}")
_UNKNOWN: Final = frozenset({"", "UNK", "UNKNOWN", "N/A", "NULL", "NONE"})


def whole(value: Any, least: int = 0) -> int | None:
    """Return a whole number of at least ``least``: an integer, a float without a fraction, or their text."""
    if type(value) is int:  # nearly all are
        return value if least <= value <= LARGEST else None
    if isinstance(value, str):
        text = value.strip()
        value = int(text.partition(".")[0]) if _DIGITS.fullmatch(text) else None
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if least <= value <= LARGEST else None


def number(value: Any) -> float | None:
    """Return a finite number, also from its text."""
    if isinstance(value, str):
        text = value.strip()
        value = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def text(value: Any) -> str | None:
    """Return a text without blanks around it; what says that it is unknown (``UNK``) is None."""
    found = value.strip() if isinstance(value, str) else ""
    return None if found.upper() in _UNKNOWN else found


def url(value: Any) -> str | None:
    """Return an http or https URL."""
    found = value.strip() if isinstance(value, str) else ""
    return found if _URL.fullmatch(found) else None


def day(value: Any) -> str | None:
    """Return a date, ``YYYY-MM-DD``."""
    return _day(value) if isinstance(value, str) and len(value) == 10 else None


@lru_cache(maxsize=512)  # all photos of a sol have one
def _day(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def moment(value: Any) -> str | None:
    """Return a time as RFC 3339 in UTC with milliseconds; one without a zone is UTC's."""
    if not isinstance(value, str) or not 16 <= len(value.strip()) <= 40:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_time(value: Any) -> str | None:
    """Return the local mean solar time in ``Sol-00100M15:26:09.623`` as ``15:26:09.623``."""
    match = _LOCAL_TIME.search(value) if isinstance(value, str) else None
    if match is None:
        return None
    return f"{match[1]}:{match[2]}:{match[3]}.{(match[4] or '.')[1:4]:0<3}"


def pair(value: Any) -> tuple[int | None, int | None]:
    """Return the two whole numbers in ``(1280,960)``."""
    parts = value.strip().strip("()").split(",") if isinstance(value, str) and len(value) < 60 else []
    return (whole(parts[0]), whole(parts[1])) if len(parts) == 2 else (None, None)


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}
