"""Which failures of a request are worth another try in the same process, as data; and what Retry-After says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from mm_contracts.reasons import Reason

from mm_jobs.ingest.failures import SourceFailure

LONGEST_RETRY_AFTER: Final = 86_400.0
"""Seconds; the gate accepts no longer closure, and a source that asks for more is asked again after a day."""
DEFAULT_RETRY_AFTER: Final = 60.0
"""Seconds to stay away after a 429 that does not say for how long."""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How a request is tried again inside the Job: seldom and soon. Long waits are the operator's, without a pod."""

    waits: tuple[float, ...] = (0.3, 1.0)
    """Seconds before the second, third, ... try."""
    longest_own_wait: float = 2.0
    """A Retry-After beyond this many seconds is left to the operator."""
    statuses: frozenset[int] = frozenset({408, 425, 500, 502, 503, 504, 520, 522, 524})
    reasons: frozenset[Reason] = frozenset({Reason.SOURCE_ERROR, Reason.BAD_RESPONSE})
    """Failures without a status (reset, time-out, truncated or malformed body) that are tried again."""


def wait_before_retry(rules: RetryRules, failure: SourceFailure, tries: int) -> float | None:
    """Return the seconds to wait before another try after ``tries`` tries, or None where none should be made."""
    if tries > len(rules.waits):
        return None
    if failure.status is not None and failure.status != 200 and failure.status not in rules.statuses:
        return None
    if failure.reason not in rules.reasons:
        return None
    wait = rules.waits[tries - 1]
    if failure.retry_after is not None:
        wait = max(wait, failure.retry_after)
    return wait if wait <= rules.longest_own_wait else None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds in a Retry-After header (RFC 9110: seconds or a date) within 1..86,400; None if absent."""
    text = (headers.get("Retry-After") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # a year or a zone of many digits
            return None
        seconds = ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
    if seconds != seconds:  # "nan" is a float's text
        return None
    return min(max(seconds, 1.0), LONGEST_RETRY_AFTER)
