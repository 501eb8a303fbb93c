"""A session's DuckDB connection with Snowflake's rules about transactions.

* A DuckDB transaction that met an error is dead, and its COMMIT "succeeds" by rolling back. Here COMMIT then fails,
  so nobody takes lost rows for stored ones.
* Snowflake commits an open transaction before DDL; DuckDB would take DDL into it.
* A write-write conflict of a single statement is tried again: Snowflake would have made it wait.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from mm_warehouse.errors import RESULT_TOO_LARGE, TRANSACTION_ABORTED, SqlError, is_write_conflict

_TRIES = 200
_LONGEST_PAUSE = 0.2
_BATCH_ROWS = 100_000


class TransactionalConnection:
    """A DuckDB connection that knows whether a transaction is open. One thread at a time.

    Handed to fakesnow in the place of the real connection, hence the pass-through of all other attributes.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, on_end: Callable[[], None], result_limit: int = 1 << 30
    ) -> None:
        """`on_end` is called after each transaction's end, to release what it held; `result_limit` is in bytes."""
        self._result_limit = result_limit
        self._connection = connection
        self._on_end = on_end
        self._pause = threading.Event()
        self.active = False
        self.aborted = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: Any, parameters: Any = None) -> Any:
        """Run one DuckDB statement.

        Raises:
            duckdb.Error: it failed. Inside a transaction that is the transaction's end, whatever comes.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return self._connection.execute(query, parameters)
            except duckdb.Error as error:
                if self.active:
                    self.aborted = True
                    raise
                if attempt == _TRIES or not is_write_conflict(error):
                    raise
                # Waiting on an event that nobody sets is the pause that `close` can cut short.
                self._pause.wait(random.uniform(0.2, 1.0) * min(0.002 * attempt, _LONGEST_PAUSE))
        raise AssertionError("unreachable")

    def to_arrow_table(self) -> pa.Table:
        """The last statement's result.

        Raises:
            SqlError: it is larger than the limit. The transaction goes on.
        """
        reader: Any = self._connection.to_arrow_reader(_BATCH_ROWS)
        batches, size = [], 0
        for batch in reader:
            batches.append(batch)
            size += batch.nbytes
            if size > self._result_limit:
                # DuckDB runs nothing else on a connection with an unread result.
                reader.close()
                raise SqlError(
                    RESULT_TOO_LARGE,
                    "54000",
                    f"The result is larger than {self._result_limit >> 20} MB. Select fewer columns or rows, or create "
                    "a table from it.",
                )
        return pa.Table.from_batches(batches, schema=reader.schema)

    def begin(self, read_only: bool = False) -> None:
        """Open a transaction; nothing if one is open, as in Snowflake."""
        if not self.active:
            self._connection.execute(f"BEGIN TRANSACTION{' READ ONLY' if read_only else ''}")
            self.active, self.aborted = True, False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let nothing be written in the block, not even by a statement that looks harmless."""
        if self.active:
            yield
            return
        self._connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield
        finally:
            try:
                self._connection.execute("ROLLBACK")
            except duckdb.TransactionException:
                pass  # an error had ended it

    def commit(self) -> None:
        """Commit the open transaction; nothing if there is none.

        Raises:
            SqlError: an earlier statement of it had failed, so it was rolled back.
            duckdb.Error: DuckDB refused the commit; nothing of it was stored.
        """
        if not self.active:
            return
        if self.aborted:
            self.rollback()
            raise SqlError(
                TRANSACTION_ABORTED,
                "25000",
                "An earlier statement of this transaction failed, so it was rolled back: nothing of it is stored. "
                "Run it again from BEGIN.",
            )
        try:
            self._connection.execute("COMMIT")
        except duckdb.Error:
            self.rollback()
            raise
        self._ended()

    def rollback(self) -> None:
        """Roll the open transaction back; nothing if there is none."""
        if not self.active:
            return
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.TransactionException:
            pass  # DuckDB had already ended it
        finally:
            self._ended()

    def abandon(self) -> bool:
        """Roll an open transaction back without its client's word; its next COMMIT or statement fails.

        Returns whether there was one that was still of use.
        """
        if not self.active or self.aborted:
            return False
        self.rollback()
        self.active = self.aborted = True
        return True

    def check_usable(self) -> None:
        """Refuse further work in a transaction that can only be rolled back.

        Raises:
            SqlError: the open transaction is aborted.
        """
        if self.aborted:
            raise SqlError(
                TRANSACTION_ABORTED,
                "25000",
                "An earlier statement of this transaction failed: send ROLLBACK first.",
            )

    def close(self) -> None:
        """Roll back and close."""
        self._pause.set()
        try:
            self.rollback()
        finally:
            self._connection.close()

    def _ended(self) -> None:
        self.active = self.aborted = False
        self._on_end()
