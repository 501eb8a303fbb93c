"""One connection to the warehouse, made from the environment. Whether a Snowflake account or the embedded server
answers is a matter of these settings alone."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from mm_contracts.bronze import SCHEMA
from mm_contracts.connections import check_key, warehouse_arguments
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ending import JobError
from mm_jobs.common.env import redact

_LOGIN_SECONDS: Final = 30
_ANSWER_SECONDS: Final = 600
"""A server that restarts is waited for."""
_DATA_EXCEPTION: Final = "22"
_UNSPECIFIC: Final = "22000"
"""SQLSTATE class of values that do not fit: the same statement with the same values fails for ever. Its general member
is used for other things too (no current schema), so that it proves nothing about the values."""


class DataError(Exception):
    """A statement failed because of the values it was given."""


class Unreachable(JobError):
    """The warehouse did not answer, for as long as a statement waits."""


class Warehouse:
    """A session. Statements take qmark binds; errors become ``JobError`` WarehouseError with a sentence."""

    def __init__(self, query_tag: str) -> None:
        """Log in. Raises SettingsError where a setting or the key is unusable, JobError where the warehouse failed."""
        import snowflake.connector

        self._query_tag = query_tag
        self._lost: Unreachable | None = None
        arguments = warehouse_arguments(os.environ)
        check_key(os.environ, _load_key)
        with _errors("log in to the warehouse"):
            self._connection = snowflake.connector.connect(
                **arguments,
                schema=SCHEMA,
                paramstyle="qmark",
                login_timeout=_LOGIN_SECONDS,
                network_timeout=_ANSWER_SECONDS,
                client_session_keep_alive=False,
                session_parameters={"QUERY_TAG": query_tag, "CLIENT_TELEMETRY_ENABLED": False},
            )
        self._cursor = self._connection.cursor()

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):  # the work is committed or lost already
            self._connection.close()

    def another(self) -> "Warehouse":
        """Open a second session, for what must not wait for this one's statements. Raises JobError."""
        return Warehouse(self._query_tag)

    def run(self, sql: str, binds: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises:
            DataError: the values do not fit.
            JobError: anything else. Unreachable is final: what is run after it (a rollback, say) does not wait again.
        """
        if self._lost is not None:
            raise self._lost
        try:
            return self._run(sql, binds)
        except Unreachable as error:
            self._lost = error
            raise

    def table(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one statement and return its columns' names, in lower case, and its rows. Raises as ``run`` does."""
        rows = self.run(sql)
        return [str(column[0]).lower() for column in self._cursor.description or []], rows

    def _run(self, sql: str, binds: Sequence[object]) -> list[tuple[Any, ...]]:
        with _errors(f"run {' '.join(sql.split())[:80]!r} in the warehouse"):
            self._cursor.execute(sql, tuple(binds) or None)
            return list(self._cursor.fetchall())

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end of the block, or roll back where it raises."""
        self.run("begin")
        try:
            yield
            self.run("commit")
        except BaseException:
            with contextlib.suppress(Exception):  # a lost session is rolled back by the server
                self.run("rollback")
            raise


def _load_key(path: str, passphrase: bytes | None) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # the client's own dependency

    load_pem_private_key(Path(path).expanduser().read_bytes(), passphrase)


@contextlib.contextmanager
def _errors(doing: str) -> Iterator[None]:
    from snowflake.connector import errors

    try:
        yield
    except (errors.Error, OSError) as error:
        state = str(getattr(error, "sqlstate", None) or "")
        said = redact(" ".join(str(getattr(error, "msg", None) or error).split()))[:500]
        if state.startswith(_DATA_EXCEPTION) and state != _UNSPECIFIC:
            raise DataError(said) from None
        message = f"could not {doing}: {said}"
        if isinstance(error, errors.OperationalError | OSError):
            message += "; check that it runs and the SNOWFLAKE_ settings are right"
            raise Unreachable(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, message) from None
        raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, message) from None


def placeholders(count: int) -> str:
    """Return ``(?, ?, ...)`` for so many values."""
    return f"({', '.join('?' * count)})"
