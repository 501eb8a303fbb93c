"""Table locks, because Snowflake makes writers wait and DuckDB makes them fail.

In Snowflake UPDATE, DELETE and MERGE hold their table until the transaction ends, and others queue. DuckDB is
optimistic: the second writer of a row is refused, and two transactions that both saw "not there yet" both insert.
Since DuckDB takes its snapshot at a transaction's first access, waiting before the statement gives Snowflake's result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from mm_warehouse.errors import LOCK_TIMEOUT, SqlError

TableName = tuple[str, str, str]


class TableLocks:
    """Which session holds which table. Thread-safe."""

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`timeout`: seconds to wait for a lock before giving up."""
        self._timeout = timeout
        self._clock = clock
        self._owners: dict[TableName, object] = {}
        self._changed = threading.Condition()

    def acquire(self, owner: object, tables: Iterable[TableName]) -> None:
        """Take every table of `tables` for `owner` (those it already holds are kept), waiting where needed.

        Taken in sorted order; two transactions that lock in opposite orders over several statements can still wait for
        each other, and then the one whose time runs out first fails.

        Raises:
            SqlError: another transaction held a table for the whole time-out.
        """
        deadline = self._clock() + self._timeout
        with self._changed:
            for table in sorted(set(tables)):
                while self._owners.get(table, owner) is not owner:
                    left = deadline - self._clock()
                    if left <= 0:
                        raise SqlError(
                            LOCK_TIMEOUT,
                            "57014",
                            f"Another transaction has locked {'.'.join(table)} for {self._timeout:.0f} s. "
                            "Roll back and try again.",
                        )
                    self._changed.wait(left)
                self._owners[table] = owner

    def release(self, owner: object) -> None:
        """Give back all that `owner` holds."""
        with self._changed:
            for table in [t for t, holder in self._owners.items() if holder is owner]:
                del self._owners[table]
            self._changed.notify_all()

    def held(self, owner: object) -> frozenset[TableName]:
        """The tables that `owner` holds."""
        with self._changed:
            return frozenset(t for t, holder in self._owners.items() if holder is owner)
