"""Every failure of a statement becomes an SQL error with a code, as Snowflake would answer it.

fakesnow lets unforeseen exceptions end as HTTP 500, which clients take for an outage and repeat for minutes.
"""

from __future__ import annotations

import duckdb
from snowflake.connector.errors import Error as ConnectorError

SESSION_GONE = "390104"
RESULT_TOO_LARGE = "000630"
LOCK_TIMEOUT = "000625"
TRANSACTION_ABORTED = "090232"


class SqlError(Exception):
    """A statement's failure: Snowflake's numeric code (six digits), SQLSTATE and a sentence."""

    def __init__(self, code: str, sqlstate: str, message: str) -> None:
        super().__init__(f"{code} ({sqlstate}): {message}")
        self.code = code
        self.sqlstate = sqlstate
        self.message = message


# First match wins, so subclasses stand before their parents.
_DUCKDB: tuple[tuple[type[BaseException], str, str], ...] = (
    (duckdb.ParserException, "001003", "42000"),
    (duckdb.CatalogException, "002003", "42S02"),
    (duckdb.BinderException, "000904", "42000"),
    (duckdb.ConstraintException, "100072", "23000"),
    (duckdb.ConversionException, "100038", "22018"),
    (duckdb.OutOfRangeException, "100046", "22003"),
    (duckdb.InvalidInputException, "100069", "22000"),
    (duckdb.OutOfMemoryException, "300005", "53200"),
    (duckdb.InterruptException, "000604", "57014"),
    (duckdb.TransactionException, "000625", "57014"),
    (duckdb.HTTPException, "091016", "22000"),
    (duckdb.IOException, "300010", "58030"),
)


def as_sql_error(error: BaseException) -> SqlError:
    """Translate whatever a statement raised. Never raises."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, ConnectorError):
        code = f"{error.errno:06d}" if isinstance(error.errno, int) and error.errno > 0 else "002140"
        return SqlError(code, error.sqlstate or "XX000", str(error.raw_msg or error.msg or error))
    for kind, code, sqlstate in _DUCKDB:
        if isinstance(error, kind):
            return SqlError(code, sqlstate, str(error))
    if isinstance(error, MemoryError):
        return SqlError("300005", "53200", "The statement needs more memory than the warehouse has.")
    if isinstance(error, NotImplementedError):
        return SqlError("009999", "0A000", f"The embedded warehouse does not support this: {error}")
    return SqlError("002140", "XX000", f"{type(error).__name__}: {error}")


def is_write_conflict(error: BaseException) -> bool:
    """True if DuckDB refused a write because another transaction wrote first; running it again can succeed."""
    return isinstance(error, duckdb.TransactionException) and "onflict" in str(error)
