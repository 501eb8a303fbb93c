"""A session of the warehouse for one command, with errors in sentences."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mm_contracts.connections import SettingsError, check_key, warehouse_arguments

from mm_cli.errors import USAGE, CliError

SEARCH_PATH: Final = "$current, GOLD, SILVER"
"""Where the command line looks for a name without a schema, as Snowflake's parameter has it."""


class Session:
    """Runs statements with qmark binds. Raises CliError."""

    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()

    def rows(self, sql: str, binds: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one statement."""
        return self.answer(sql, binds)[1]

    def answer(self, sql: str, binds: Sequence[object] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and the rows of one statement."""
        from snowflake.connector.errors import Error

        try:
            self._cursor.execute(sql, tuple(binds) or None)
            names = [column[0] for column in self._cursor.description or []]
            return names, list(self._cursor.fetchall())
        except Error as error:
            raise CliError(f"the warehouse refused: {_said(error)}", USAGE) from None
        except OSError as error:
            raise CliError(f"the warehouse, or the store of its stages, did not answer: {_said(error)}") from None


def load_key(path: str, passphrase: bytes | None) -> None:
    """Read a private key as the client will; whatever is wrong with it is raised as it is."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # the client's own dependency

    load_pem_private_key(Path(path).expanduser().read_bytes(), passphrase)


@contextlib.contextmanager
def session(timeout: float, env: Mapping[str, str] | None = None) -> Iterator[Session]:
    """Log in for the block, or raise CliError within about ``timeout`` seconds.

    Args:
        timeout: seconds.
        env: the variables that say where and as whom; by default the process's own.
    """
    variables = os.environ if env is None else env
    try:
        arguments = warehouse_arguments(variables)
        check_key(variables, load_key)
    except SettingsError as error:
        raise CliError(f"{error}. See `mars --help` for how to reach the warehouse", USAGE) from None
    import snowflake.connector
    from snowflake.connector.errors import Error

    try:
        connection = snowflake.connector.connect(
            **arguments,
            paramstyle="qmark",
            login_timeout=max(1, int(timeout)),
            client_session_keep_alive=False,
            session_parameters={
                "QUERY_TAG": "martian-moments cli",
                "CLIENT_TELEMETRY_ENABLED": False,
                "SEARCH_PATH": SEARCH_PATH,
            },
        )
    except (Error, OSError) as error:
        where = f"{arguments.get('host', arguments['account'])}:{arguments.get('port', 443)}"
        raise CliError(
            f"cannot log in to the warehouse at {where}: {_said(error)}. Check that it runs, that a port-forward is "
            "open where one is needed, and user and password"
        ) from None
    try:
        yield Session(connection)
    finally:
        with contextlib.suppress(Exception):  # the answer is there already
            connection.close()


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "msg", None) or error).split())[:600]
