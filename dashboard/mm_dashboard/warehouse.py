"""The warehouse for pages: a few connections in threads, and a quick, plain answer while it is away."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from mm_contracts.connections import SettingsError, warehouse_arguments

log = logging.getLogger(__name__)

Row = dict[str, Any]
_THREADS: Final = 3
_LOGIN_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 5.0
"""After a failure nobody asks again for so long: a page must not wait for a server that is known to be away."""


class Away(Exception):
    """The warehouse did not answer. The message is for people, and names no address."""


class NotBuilt(Exception):
    """The warehouse answers, but lacks what was asked for: dbt has not run yet, or its models are older."""


class Warehouse(Protocol):
    """What the pages need of it."""

    async def rows(self, sql: str, binds: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a statement by lower-case column name.

        Raises:
            Away: it did not answer.
            NotBuilt: a table or column is not there.
        """


class Snowflake:
    """The one client path: Snowflake's connector, for an account and for the embedded server alike."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        self._env = env
        self._local = threading.local()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="warehouse")
        self._away_until = 0.0

    async def rows(self, sql: str, binds: Sequence[object] = ()) -> list[Row]:
        """Run a statement in a thread."""
        if time.monotonic() < self._away_until:
            raise Away("The warehouse does not answer.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._rows, sql, tuple(binds))

    def close(self) -> None:
        """Let go of the threads; connections end with the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _rows(self, sql: str, binds: tuple[object, ...]) -> list[Row]:
        from snowflake.connector.errors import Error, ProgrammingError

        for attempt in (1, 2):
            fresh = getattr(self._local, "connection", None) is None
            try:
                cursor = self._connection().cursor()
                try:
                    cursor.execute(sql, binds or None)
                    names = [str(column[0]).lower() for column in cursor.description or []]
                    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
                finally:
                    cursor.close()
            except ProgrammingError as error:
                if getattr(error, "errno", 0) in (2003, 904, 2043) or "does not exist" in str(error).lower():
                    raise NotBuilt("The warehouse lacks the tables that this page shows.") from None
                self._forget()
                if fresh or attempt == 2:
                    log.warning("a statement was refused: %s", _said(error))
                    raise Away("The warehouse refused a question.") from None
            except (Error, OSError, SettingsError) as error:
                self._forget()
                # A connection that had gone stale says nothing about the server: try once more with a new one.
                if fresh or attempt == 2:
                    self._away_until = time.monotonic() + _PAUSE_SECONDS
                    log.warning("the warehouse is away: %s", _said(error))
                    raise Away("The warehouse does not answer.") from None
        raise AssertionError("unreachable")

    def _connection(self) -> Any:
        if getattr(self._local, "connection", None) is None:
            import snowflake.connector

            self._local.connection = snowflake.connector.connect(
                **warehouse_arguments(self._env),
                paramstyle="qmark",
                login_timeout=_LOGIN_SECONDS,
                network_timeout=_ANSWER_SECONDS,
                client_session_keep_alive=False,
                session_parameters={"QUERY_TAG": "martian-moments dashboard", "CLIENT_TELEMETRY_ENABLED": False},
            )
        return self._local.connection

    def _forget(self) -> None:
        connection, self._local.connection = getattr(self._local, "connection", None), None
        if connection is not None:
            try:
                connection.close()
            except Exception as error:
                log.debug("a broken connection did not close: %s", error)


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "msg", None) or error).split())[:400]
