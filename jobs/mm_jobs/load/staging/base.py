"""What every way of staging has in common: what it is given, what it does, and how it says that an object changed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mm_contracts.bronze import BronzeTable

from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load.documents import Loadable


@dataclass(frozen=True, slots=True)
class Part:
    """The objects of one group that belong to one table, and what their rows say of the load."""

    load_id: str
    loaded_at: str
    table: BronzeTable
    items: tuple[Loadable, ...]

    @property
    def keys(self) -> list[str]:
        """The objects' keys."""
        return [item.key for item in self.items]


class Changed(Exception):
    """Objects are no longer what was checked: they are for a later load, and nothing of this try may stay."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = frozenset(keys)
        super().__init__(f"overwritten or removed since it was checked: {', '.join(sorted(self.keys))}")


class Staged(Protocol):
    """Parts whose documents the warehouse can read."""

    def copy(self, warehouse: Warehouse, part: Part) -> None:
        """Copy a part into its table, inside the transaction.

        Raises:
            DataError: values do not fit.
            Changed: an object is no longer what was checked.
            JobError: anything else.
        """

    def discard(self, warehouse: Warehouse) -> None:
        """Take back what is not copied yet, outside of any transaction; nothing if the warehouse does not answer."""


class Staging(Protocol):
    """A way for documents to get into their tables."""

    as_is: bool
    """Whether the warehouse reads the bucket's own bytes, so that a document cannot be mended on its way."""

    def stage(self, session: Callable[[], Warehouse], parts: Sequence[Part]) -> Staged:
        """Make the parts' documents readable for the warehouse, outside of any transaction.

        Args:
            session: gives the session for what has to be said, if anything has.
            parts: one or more, of one load.

        Raises:
            JobError: nothing of the parts is left behind.
        """

    def tidy(self, warehouse: Warehouse) -> list[str]:
        """Remove what loads that were killed have left staged, and return its names. Raises JobError."""


def parts_of(group: Iterable[Loadable], load_id: str, loaded_at: str) -> list[Part]:
    """Return a group's objects by table."""
    tables: dict[str, list[Loadable]] = {}
    for item in group:
        tables.setdefault(item.table.name, []).append(item)
    return [Part(load_id, loaded_at, items[0].table, tuple(items)) for items in tables.values()]
