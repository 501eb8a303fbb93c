"""What Jobs set aside of answers that were otherwise good, taken in later without asking a source again.

Once a day a sweep begins a round over the objects of which something was set aside, a few in each sweep, and reads it
with today's readers. What can be used now goes into the object, whose new content the sweep loads as any other. What
cannot stays for the next round.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypedDict

from mm_contracts.bronze import TABLES
from mm_contracts.keys import PHOTOS, work_key

from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.common.warehouse import DataError, Warehouse
from mm_jobs.ingest import clean
from mm_jobs.ingest.kept import of_shape
from mm_jobs.ingest.retake import retaken
from mm_jobs.load import schema
from mm_jobs.load.documents import naive_utc

EVERY: Final = timedelta(days=1)
AT_REST: Final = timedelta(hours=1)
"""Objects that were loaded later are left alone: their batch may still be writing them."""
OBJECTS: Final = 20
"""Objects read in one sweep."""
STATE: Final = work_key("retake", "round.json")


class Store(Protocol):
    """The bucket."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> str:
        """Write an object."""

    def replace(self, key: str, body: bytes, former: Stored) -> bool:
        """Write an object whose content is still the former one; return whether it was."""


class _Held(TypedDict):
    begun_at: str
    after: str | None


class _Round(NamedTuple):
    begun_at: datetime
    after: str | None
    """The last key that was looked at; None: the round has ended."""


def retake(warehouse: Warehouse, store: Store, log: Log, now: datetime) -> int:
    """Take in what can be used by now, where a round is due or under way; return how many photos that were.

    What fails here is no reason to load nothing: it is logged, and tried again by the next sweep.

    Args:
        warehouse: knows the objects of which something was set aside.
        store: has them.
        log: gets a line for each object that changes.
        now: the time, with a zone.
    """
    try:
        return _retake(warehouse, store, log, now)
    except (DataError, JobError) as error:
        log.warning("retake.failed", message=str(error))
        return 0


def _retake(warehouse: Warehouse, store: Store, log: Log, now: datetime) -> int:
    begun_at, after = _round(store, now)
    if after is None and now - begun_at < EVERY:
        return 0
    if after is None:
        begun_at, after = now, ""
    schema.ensure(warehouse)
    keys, photos = _keys(warehouse, after, now), 0
    for key in keys:
        stored = store.get(key)
        found = retaken(stored.body) if stored else None
        if stored and found and store.replace(key, found.body, stored):
            photos += found.photos
            log.info("object.retaken", key=key, photos=found.photos)
    held = {"begun_at": begun_at.isoformat(), "after": keys[-1] if len(keys) == OBJECTS else None}
    store.put(STATE, clean.dumps(held), {})
    return photos


def _round(store: Store, now: datetime) -> _Round:
    never = _Round(datetime.fromtimestamp(0, UTC), None)
    stored = store.get(STATE)
    try:
        held = of_shape(clean.parse(stored.body), _Held) if stored else None
        begun_at = datetime.fromisoformat(held["begun_at"]) if held else None
    except ValueError:
        return never
    if held is None or begun_at is None or begun_at.tzinfo is None or begun_at > now:
        return never
    return _Round(begun_at, held["after"])


def _keys(warehouse: Warehouse, after: str, now: datetime) -> list[str]:
    rows = warehouse.run(
        f"select distinct r.OBJECT_KEY from {TABLES[PHOTOS].qualified} r, lateral flatten(input => r.SOLS) o, "
        "lateral flatten(input => o.value:set_aside) i where r.OBJECT_KEY > ? and r.LOADED_AT < ? "
        "and coalesce(i.value:what::varchar, 'photo') = 'photo' "
        f"order by r.OBJECT_KEY limit {OBJECTS}",
        (after, naive_utc(now - AT_REST)),
    )
    return [key for (key,) in rows]
