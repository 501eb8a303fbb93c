"""The load ledger: one row per object key with its current content, written with the rows it speaks of."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from mm_contracts.bronze import LEDGER, LOST

from mm_jobs.common.warehouse import Warehouse, placeholders

_MOST_BINDS = 500
_Item = TypeVar("_Item")


class Entry(NamedTuple):
    """What the ledger says of a key; ``published`` is whether its load's event was delivered."""

    etag: str
    table: str
    rows: int
    published: bool


def chunks(items: Sequence[_Item], size: int = _MOST_BINDS) -> Iterator[Sequence[_Item]]:
    """Yield the items in runs of at most ``size``, so that no statement has too many binds."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Ledger:
    """Reads and writes of the ledger."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def entries(self, keys: Sequence[str] | None = None) -> dict[str, Entry]:
        """Return the entries of the keys, or of all keys, without those whose rows are lost. Raises JobError."""
        select = f"select OBJECT_KEY, ETAG, TABLE_NAME, ROW_COUNT, PUBLISHED_AT is not null from {LEDGER}"
        rows = self._by_key(select, keys)
        return {
            key: Entry(etag, table, int(count), bool(published)) for key, etag, table, count, published in rows if etag
        }

    def lost(self) -> int:
        """Return of how many objects the rows went away with their table and are not loaded again. Raises JobError."""
        return int(self._warehouse.run(f"select count(*) from {LEDGER} where ETAG = {LOST}")[0][0])

    def give_up_lost(self) -> None:
        """Forget the lost objects that a whole sweep has not loaded: the bucket has them no more. Raises JobError."""
        self._warehouse.run(f"delete from {LEDGER} where ETAG = {LOST}")

    def mark_published(self, objects: Iterable[tuple[str, str]], at: str) -> None:
        """Note that the event of these (key, ETag) was delivered; content that changed meanwhile is left unmarked."""
        for part in chunks(list(objects)):
            # One bind each: hundreds of pairs take longer to parse than to run. No ETag has a blank in it.
            self._warehouse.run(
                f"update {LEDGER} set PUBLISHED_AT = ? where OBJECT_KEY || ' ' || ETAG in {placeholders(len(part))}",
                (at, *(f"{key} {etag}" for key, etag in part)),
            )

    def _by_key(self, select: str, keys: Sequence[str] | None) -> list[tuple[Any, ...]]:
        if keys is None:
            return self._warehouse.run(select)
        rows: list[tuple[Any, ...]] = []
        for part in chunks(keys):
            rows += self._warehouse.run(f"{select} where OBJECT_KEY in {placeholders(len(part))}", part)
        return rows
