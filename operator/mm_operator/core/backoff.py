"""When to try again. Deterministic: the same failure gives the same time, on every replica and after every restart."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

JITTER: Final = 0.2
"""Share of a delay that jitter may add: what failed together does not come back together."""
LONGEST_ASKED: Final = timedelta(hours=24)
"""A source's own word is believed up to this."""


def fraction(*cause: object) -> float:
    """Return a number in [0, 1) that is a function of the cause alone."""
    digest = hashlib.sha256("\x1f".join(map(str, cause)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def delay_seconds(failures: int, base: float, longest: float) -> float:
    """Return ``base * 2^(failures - 1)`` seconds, at most ``longest``; 0 where nothing has failed yet."""
    if failures < 1:
        return 0.0
    return min(longest, base * 2.0 ** min(failures - 1, 62))


def next_attempt(
    failed_at: datetime, failures: int, base: float, longest: float, cause: str, asked: datetime | None = None
) -> datetime:
    """Return when the next try may start.

    Args:
        failed_at: when the last try ended.
        failures: failures that count so far, at least 1.
        base: seconds before the first retry.
        longest: most seconds between two tries, before jitter.
        cause: what failed, for the jitter.
        asked: a time that the source itself asked to wait for; it takes the place of the back-off, with jitter on top.
    """
    if asked is not None:
        wait = min(max(asked - failed_at, timedelta()), LONGEST_ASKED)
        spread = min(max(wait.total_seconds() * JITTER, 1.0), 30.0)
        return failed_at + wait + timedelta(seconds=spread * fraction(cause, failures))
    wait_seconds = delay_seconds(failures, base, longest)
    return failed_at + timedelta(seconds=wait_seconds * (1 + JITTER * fraction(cause, failures)))
