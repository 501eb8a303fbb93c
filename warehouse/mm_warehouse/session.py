"""Sessions: who is logged in, with which connection, and which have gone silent."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mm_warehouse.cursor import WarehouseConnection
from mm_warehouse.dialect.temporary import TemporaryRelations
from mm_warehouse.engine import Engine
from mm_warehouse.errors import SESSION_GONE, SqlError
from mm_warehouse.locks import TableLocks
from mm_warehouse.transaction import TransactionalConnection

_KEPT_RESULTS = 50
_LARGEST_KEPT_RESULT = 8 * 1024 * 1024


class RecentResults(OrderedDict[str, Any]):
    """The last results of a session, for RESULT_SCAN. Bounded in number and size: stock keeps all, forever."""

    def __setitem__(self, query_id: str, value: Any) -> None:
        if value[0] is not None and value[0].nbytes > _LARGEST_KEPT_RESULT:
            return
        super().__setitem__(query_id, value)
        while len(self) > _KEPT_RESULTS:
            self.popitem(last=False)


class Session:
    """One login. Statements of a session run one after the other."""

    def __init__(
        self,
        session_id: int,
        engine: Engine,
        locks: TableLocks,
        database: str | None,
        schema: str | None,
        read_only: bool = False,
    ):
        self.id = session_id
        self.read_only = read_only
        """Whether the user may only read."""
        self.search_path: tuple[str, ...] = ()
        """Schemas where unqualified names are looked up after the current one."""
        self.engine = engine
        self.locks = locks
        self.token = secrets.token_urlsafe(32)
        self.duck = TransactionalConnection(
            engine.connect(), on_end=lambda: locks.release(self), result_limit=engine.result_limit
        )
        self.connection = WarehouseConnection(
            self.duck, RecentResults(), database=database, schema=schema, db_path=engine.databases_directory
        )
        self.temporary = TemporaryRelations(session_id)
        self.last_used = time.monotonic()
        self.closed = False
        self._running = threading.RLock()

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Hold the session for one statement.

        Raises:
            SqlError: it was closed meanwhile.
        """
        with self._running:
            if self.closed:
                raise session_gone()
            try:
                yield
            finally:
                self.last_used = time.monotonic()

    def set_search_path(self, path: tuple[str, ...]) -> None:
        """Look unqualified names up in these schemas of the current database, too, those of them that are there."""
        self.search_path = path
        self.apply_search_path()

    def apply_search_path(self) -> None:
        """Tell the engine; after each change of the current schema, which resets it."""
        database, schema = self.connection.database, self.connection.schema
        if not (self.search_path and database):
            return
        rows = self.duck.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ?", [database]
        ).fetchall()
        there = {name for (name,) in rows}
        names = [name for name in dict.fromkeys((schema or "", *self.search_path)) if name in there]
        if names:
            quoted = ",".join(f'"{database}"."{name}"' for name in names)
            self.duck.execute(f"SET search_path = '{quoted}'")
            if not self.connection.schema_set:
                self.connection._schema, self.connection.schema_set = names[0], True

    def interrupt(self) -> None:
        """Cancel the statement that is running, if any."""
        self.duck.interrupt()

    def roll_back_if_idle(self, seconds: float) -> bool:
        """End an open transaction if nothing was said for `seconds`. Returns whether it did."""
        return self._if_idle(seconds, self.duck.abandon)

    def close_if_idle(self, seconds: float) -> bool:
        """Close the session if nothing was said for `seconds`. Returns whether it did."""
        return self._if_idle(seconds, self._close)

    def close(self) -> None:
        """Roll back, drop what is temporary, close; waits for a running statement."""
        with self._running:
            self._close()

    def _if_idle(self, seconds: float, action: Callable[[], bool]) -> bool:
        if not self._running.acquire(blocking=False):
            return False
        try:
            return time.monotonic() - self.last_used >= seconds and action()
        finally:
            self._running.release()

    def _close(self) -> bool:
        if self.closed:
            return False
        self.closed = True
        self.duck.rollback()
        for sql in self.temporary.cleanup():
            self.duck.execute(sql)
        self.duck.close()
        return True


def session_gone() -> SqlError:
    """The error of a request whose session does not exist (any more)."""
    return SqlError(SESSION_GONE, "08003", "The session does not exist any more. Connect again.")


class Sessions:
    """All sessions, by token. Thread-safe."""

    def __init__(self, engine: Engine, locks: TableLocks) -> None:
        self._engine = engine
        self._locks = locks
        self._sessions: dict[str, Session] = {}
        # Ids name private schemas, so they must differ from those of the process before: hence not from 1.
        self._ids = itertools.count(secrets.randbits(40))

    def open(self, database: str | None, schema: str | None, read_only: bool = False) -> Session:
        """Log in."""
        session = Session(next(self._ids), self._engine, self._locks, database, schema, read_only)
        self._sessions[session.token] = session
        return session

    def get(self, token: str | None) -> Session:
        """The session of `token`.

        Raises:
            SqlError: there is none.
        """
        session = self._sessions.get(token or "")
        if session is None:
            raise session_gone()
        session.last_used = time.monotonic()
        return session

    def close(self, session: Session) -> None:
        """Log out."""
        self._sessions.pop(session.token, None)
        session.close()

    def sweep(self, idle_transaction: float, idle_session: float) -> tuple[int, int]:
        """Roll back forgotten transactions and close forgotten sessions; returns how many of each."""
        rolled_back = closed = 0
        for session in list(self._sessions.values()):
            rolled_back += session.roll_back_if_idle(idle_transaction)
            if session.close_if_idle(idle_session):
                self._sessions.pop(session.token, None)
                closed += 1
        return rolled_back, closed

    def close_all(self) -> None:
        """End every session; statements in progress are cancelled."""
        for session in list(self._sessions.values()):
            session.interrupt()
        for session in list(self._sessions.values()):
            self.close(session)

    def __len__(self) -> int:
        return len(self._sessions)
