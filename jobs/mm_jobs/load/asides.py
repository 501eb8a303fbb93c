"""What was set aside: objects, or fields of them, that could not be used, each told once and tried again by itself."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from mm_contracts.bronze import SET_ASIDE

from mm_jobs.common.warehouse import Warehouse, placeholders
from mm_jobs.load.documents import naive_utc
from mm_jobs.load.ledger import chunks

OBJECT: Final = "object"
FIELD: Final = "field"
"""Grains: the whole object is not loaded; or it is, but for some fields."""

_SOON: Final = timedelta(minutes=1)
_LATER: Final = timedelta(hours=1)
_LONGEST: Final = timedelta(days=1)
"""Waits before the next try: doubled from try to try. Content that does not fit stays as it is, and what reads it
changes with an upgrade; a store or a warehouse that failed for one object may be well in a minute."""


class Aside(NamedTuple):
    """An object that is set aside: how often it was tried, and when it is to be tried again (UTC, without a zone)."""

    attempts: int
    next_attempt_at: datetime | None

    def waits(self, now: datetime) -> bool:
        """Return whether it is not to be tried yet."""
        return self.next_attempt_at is not None and self.next_attempt_at > now.astimezone(UTC).replace(tzinfo=None)


class Problem(NamedTuple):
    """Why an object, or a part of it, cannot be used."""

    key: str
    etag: str
    reason: str
    message: str
    passing: bool = False
    """Whether it may be gone in a minute, as nothing is wrong with the content."""
    grain: str = OBJECT


def wait(attempts: int, *, passing: bool) -> timedelta:
    """Return how long to wait after so many tries."""
    doublings: int = 2 ** min(attempts - 1, 30)
    return min((_SOON if passing else _LATER) * doublings, _LONGEST)


class Asides:
    """Reads and writes of BRONZE.SET_ASIDE."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def known(self, keys: Sequence[str] | None = None) -> dict[tuple[str, str], Aside]:
        """Return the objects that are set aside, by (key, ETag), of some keys or of all. Raises JobError."""
        select = f"select OBJECT_KEY, ETAG, ATTEMPTS, NEXT_ATTEMPT_AT from {SET_ASIDE} where GRAIN = '{OBJECT}'"
        if keys is None:
            rows = self._warehouse.run(select)
        else:
            rows = []
            for part in chunks(keys):
                rows += self._warehouse.run(f"{select} and OBJECT_KEY in {placeholders(len(part))}", part)
        return {(key, etag): Aside(int(attempts), next_at) for key, etag, attempts, next_at in rows}

    def put(self, problem: Problem, attempts: int, now: datetime) -> None:
        """Write down a try that failed, the ``attempts``-th of this content. Raises JobError."""
        later = now + wait(attempts, passing=problem.passing)
        at, next_at = naive_utc(now), naive_utc(later) if problem.grain == OBJECT else None
        said = (problem.grain, problem.reason, problem.message[:1000], at, attempts, next_at)
        self._warehouse.run(
            f"merge into {SET_ASIDE} t using (select ? as OBJECT_KEY, ? as ETAG) s "
            "on t.OBJECT_KEY = s.OBJECT_KEY and t.ETAG = s.ETAG "
            "when matched then update set GRAIN = ?, REASON = ?, MESSAGE = ?, LAST_SEEN_AT = ?, ATTEMPTS = ?, "
            "NEXT_ATTEMPT_AT = ? "
            "when not matched then insert (OBJECT_KEY, ETAG, GRAIN, REASON, MESSAGE, LAST_SEEN_AT, ATTEMPTS, "
            "NEXT_ATTEMPT_AT, FIRST_SEEN_AT) values (s.OBJECT_KEY, s.ETAG, ?, ?, ?, ?, ?, ?, ?)",
            (problem.key, problem.etag, *said, *said, at),
        )

    def forget(self, keys: Collection[str]) -> None:
        """Forget all that was set aside under these keys. Raises JobError."""
        for part in chunks(sorted(keys)):
            self._warehouse.run(f"delete from {SET_ASIDE} where OBJECT_KEY in {placeholders(len(part))}", part)
