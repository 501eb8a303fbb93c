"""One value of a result as text for people and as JSON for programs: as it is, nothing rounded. Pure."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def shown(value: object) -> str:
    """Return a cell's text: numbers in full without separators, times as they are stored, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return iso(value).replace("T", " ").removesuffix("Z")
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return str(value)


def grouped(value: object) -> str:
    """Return a count with its thousands set apart, for tables whose numbers are all counts."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else shown(value)


def iso(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, such as 2026-01-02T03:04:05Z; a part of a second only where there is one."""
    # The warehouse keeps UTC without a zone.
    utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    text = utc.isoformat()
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"


def as_json(value: object) -> Any:
    """Return a value as ``json.dumps`` takes it, without loss: a number that would lose digits becomes a text."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value
