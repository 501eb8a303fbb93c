"""Which objects still have to be loaded, and how they are grouped into transactions. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from mm_contracts.batch import ObjectRef

from mm_jobs.load.documents import Loadable
from mm_jobs.load.ledger import Entry

MOST_BYTES: Final = 48 * 1024 * 1024
"""Bytes of documents in one transaction: they are held in memory at once, here and in part in the warehouse."""
FIRST_BYTES: Final = 12 * 1024 * 1024
"""Bytes in the first one: until it is staged, the warehouse waits."""
MOST_OBJECTS: Final = 200


def wanted(
    objects: Iterable[ObjectRef], ledger: Mapping[str, Entry], waiting: Collection[tuple[str, str]]
) -> list[ObjectRef]:
    """Return the objects whose content is neither in the ledger nor set aside; of a key named twice the last one.

    Args:
        objects: what the bucket holds, or what events named.
        ledger: its entries by key.
        waiting: (key, ETag) of what is set aside and not to be tried yet.
    """
    latest = {item.key: item for item in objects}
    return [
        item
        for item in latest.values()
        if not (item.key in ledger and ledger[item.key].etag == item.etag) and (item.key, item.etag) not in waiting
    ]


def grouped(
    loadables: Iterable[Loadable],
    most_bytes: int = MOST_BYTES,
    most_objects: int = MOST_OBJECTS,
    first_bytes: int = FIRST_BYTES,
) -> Iterator[list[Loadable]]:
    """Yield runs of objects that together stay below the limits; one that is larger by itself is a run of its own."""
    group: list[Loadable] = []
    size, room = 0, min(first_bytes, most_bytes)
    for loadable in loadables:
        if group and (size + len(loadable.document) > room or len(group) >= most_objects):
            yield group
            group, size, room = [], 0, most_bytes
        group.append(loadable)
        size += len(loadable.document)
    if group:
        yield group
