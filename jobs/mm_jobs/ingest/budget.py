"""What a source says of its own limits, in the headers of its answers. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from mm_contracts.documents import Budget

from mm_jobs.ingest import fields

UNTOLD: Final = Budget(limit=None, remaining=None, reset_at=None)
_FORMS: Final = tuple(f"{start}RateLimit-%s{span}" for start in ("X-", "") for span in ("", "-Hour", "-Day"))
_EPOCH_FROM: Final = 10**9
"""A reset of so many seconds is a Unix time, a smaller one the seconds from now."""


def read_budget(headers: Mapping[str, str], now: datetime) -> Budget | None:
    """Return the tightest limit that the headers tell of, or None where they tell of none.

    Args:
        headers: case-insensitive.
        now: current time in UTC.
    """
    found = []
    for form in _FORMS:
        remaining = fields.whole(headers.get(form % "Remaining"))
        if remaining is not None:
            reset = _reset(headers.get(form % "Reset"), now)
            found.append(Budget(limit=fields.whole(headers.get(form % "Limit")), remaining=remaining, reset_at=reset))
    return min(found, key=lambda one: one["remaining"] or 0) if found else None


def seconds_closed(budget: Budget, now: datetime) -> float | None:
    """Return the seconds until a used-up budget is refilled; None where some is left or nobody says when."""
    if budget["remaining"] != 0 or budget["reset_at"] is None:
        return None
    seconds = (datetime.fromisoformat(budget["reset_at"]) - now).total_seconds()
    return min(seconds, 86_400.0) if seconds > 0 else None


def _reset(text: str | None, now: datetime) -> str | None:
    seconds = fields.whole(text)
    try:
        if seconds is None:
            return fields.moment(text)
        moment = datetime.fromtimestamp(seconds, UTC) if seconds >= _EPOCH_FROM else now + timedelta(seconds=seconds)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
