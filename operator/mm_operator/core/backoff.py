"""When to try again. Deterministic: the same failure gives the same time, on every replica and after every restart."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

JITTER: Final = 0.2
"""Share of a delay that jitter may add: what failed together does not come back together."""
LONGEST: Final = timedelta(hours=24)
"""No wait is longer, whatever a plan or a source asks for."""


def fraction(*cause: object) -> float:
    """Return a number in [0, 1) that is a function of the cause alone."""
    digest = hashlib.sha256("\x1f".join(map(str, cause)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def delay_seconds(failures: int, base: float, longest: float) -> float:
    """Return ``base * 2^(failures - 1)`` seconds, at most ``longest`` and a day; 0 where nothing has failed yet."""
    if failures < 1:
        return 0.0
    return min(longest, LONGEST.total_seconds(), base * 2.0 ** min(failures - 1, 62))


def next_attempt(
    failed_at: datetime, failures: int, base: float, longest: float, cause: str, asked_seconds: float = 0.0
) -> datetime:
    """Return when the next try may start.

    Args:
        failed_at: when the last try ended.
        failures: failures in a row so far, at least 1.
        base: seconds before the first retry.
        longest: most seconds between two tries, before jitter.
        cause: what failed, for the jitter.
        asked_seconds: how long the source itself asked to wait. A longer back-off holds all the same: a source that
            says "in one second" to everybody each time is not asked each second.
    """
    wait = delay_seconds(failures, base, longest)
    spread = wait * JITTER
    if asked_seconds > wait:
        wait = min(asked_seconds, LONGEST.total_seconds())
        spread = min(max(wait * JITTER, 1.0), 30.0)
    return failed_at + timedelta(seconds=wait + spread * fraction(cause, failures))
