"""Settings of the embedded warehouse, read once from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IDENTIFIER = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")
_SIZE = re.compile(r"^\d+(\.\d+)?\s*(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$", re.IGNORECASE)


class SettingsError(ValueError):
    """A setting is missing or unusable; the message says which one and what to set."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured; each field names its environment variable."""

    user: str
    """WAREHOUSE_USER: the account that owns all. Compared without regard to case, as Snowflake does."""
    password: str
    """WAREHOUSE_PASSWORD: never logged."""
    reader_user: str = ""
    """WAREHOUSE_READER_USER: an account that may only read; empty is none. Compared without regard to case."""
    reader_password: str = ""
    """WAREHOUSE_READER_PASSWORD: its password, never logged."""
    directory: Path = Path("/data")
    """WAREHOUSE_DIR: database files, stages and spill. Must be on a volume that outlives the process."""
    host: str = "0.0.0.0"
    """WAREHOUSE_HOST: address to listen on."""
    port: int = 8080
    """WAREHOUSE_PORT: port to listen on; 0 lets the system choose."""
    database: str = "MARS"
    """WAREHOUSE_DATABASE: created at start, with `schemas`."""
    schemas: tuple[str, ...] = ("BRONZE", "SILVER", "GOLD")
    """WAREHOUSE_SCHEMAS: comma-separated; created at start in `database`."""
    memory_limit: str = "1GB"
    """WAREHOUSE_MEMORY_LIMIT: DuckDB's buffer limit; past it operators spill to disk. The process needs some
    300 MB beyond it (Python, Arrow results, allocations that DuckDB does not count)."""
    threads: int = 2
    """WAREHOUSE_THREADS: DuckDB's worker threads."""
    spill_limit: str = "4GB"
    """WAREHOUSE_SPILL_LIMIT: most that spilling may take of the volume, so that it cannot starve the data."""
    checkpoint_size: str = "256MB"
    """WAREHOUSE_CHECKPOINT_SIZE: how much the write-ahead log may hold before it is worked into the database file.
    More makes loading cheaper and the start after a crash slower (some seconds for 256 MB)."""
    result_limit: str = "96MB"
    """WAREHOUSE_RESULT_LIMIT: largest result that a statement may return. An answer is one message here, and takes
    some eight times its size while it is written; a careless SELECT * must not end the server."""
    statement_wait: float = 20.0
    """WAREHOUSE_STATEMENT_WAIT: seconds a request is held before the client is told to poll for the result.
    Below the 60 s after which clients and proxies give a request up."""
    lock_timeout: float = 600.0
    """WAREHOUSE_LOCK_TIMEOUT: seconds a writer waits for another transaction's table lock."""
    idle_transaction: float = 120.0
    """WAREHOUSE_IDLE_TRANSACTION: seconds after which the open transaction of a silent session is rolled back,
    so that a client that died in the middle holds nothing for long."""
    idle_session: float = 4 * 3600.0
    """WAREHOUSE_IDLE_SESSION: seconds after which a silent session is closed (Snowflake: four hours)."""


_UNITS = {"k": 10, "m": 20, "g": 30, "t": 40}


def size_bytes(text: str) -> int:
    """Bytes in a size such as 96MB; as a limit, decimal and binary units are the same."""
    number = re.match(r"[\d.]+", text)
    assert number is not None, "checked when read"
    unit = text[number.end() :].strip()[:1].lower()
    return int(float(number[0]) * 2 ** _UNITS[unit])


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}: set it to a number of seconds.") from None
    if value <= 0:
        raise SettingsError(f"{name} is {text!r}: set it to a number above 0.")
    return value


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{name} is {text!r}: set it to a whole number from {low} to {high}.")
    return int(text)


def _size(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name, "") or default
    if not _SIZE.match(text):
        raise SettingsError(f"{name} is {text!r}: set it to a size such as 800MB or 2GB.")
    return text


def _identifier(name: str, text: str) -> str:
    if not _IDENTIFIER.match(text):
        raise SettingsError(
            f"{name} contains {text!r}: use letters, digits and underscores, not starting with a digit."
        )
    return text.upper()


def _secret(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set: the warehouse refuses to run without an account.")
    return value


def _reader(env: Mapping[str, str], owner: str) -> tuple[str, str]:
    user, password = env.get("WAREHOUSE_READER_USER", ""), env.get("WAREHOUSE_READER_PASSWORD", "")
    if bool(user) != bool(password):
        raise SettingsError("Set both WAREHOUSE_READER_USER and WAREHOUSE_READER_PASSWORD, or neither.")
    if user and user.lower() == owner.lower():
        raise SettingsError("WAREHOUSE_READER_USER is the owner's name: give the read-only account another one.")
    return user, password


def read_settings(env: Mapping[str, str]) -> Settings:
    """Read settings from `env`.

    Raises:
        SettingsError: a variable is missing or cannot be used; the message never contains the password.
    """
    defaults = Settings(user="", password="")
    schemas = env.get("WAREHOUSE_SCHEMAS", "")
    owner = _secret(env, "WAREHOUSE_USER")
    reader_user, reader_password = _reader(env, owner)
    return Settings(
        user=owner,
        reader_user=reader_user,
        reader_password=reader_password,
        password=_secret(env, "WAREHOUSE_PASSWORD"),
        directory=Path(env.get("WAREHOUSE_DIR", "") or defaults.directory),
        host=env.get("WAREHOUSE_HOST", "") or defaults.host,
        port=_whole(env, "WAREHOUSE_PORT", defaults.port, 0, 65535),
        database=_identifier("WAREHOUSE_DATABASE", env.get("WAREHOUSE_DATABASE", "") or defaults.database),
        schemas=tuple(_identifier("WAREHOUSE_SCHEMAS", s.strip()) for s in schemas.split(","))
        if schemas
        else defaults.schemas,
        memory_limit=_size(env, "WAREHOUSE_MEMORY_LIMIT", defaults.memory_limit),
        threads=_whole(env, "WAREHOUSE_THREADS", defaults.threads, 1, 256),
        spill_limit=_size(env, "WAREHOUSE_SPILL_LIMIT", defaults.spill_limit),
        checkpoint_size=_size(env, "WAREHOUSE_CHECKPOINT_SIZE", defaults.checkpoint_size),
        result_limit=_size(env, "WAREHOUSE_RESULT_LIMIT", defaults.result_limit),
        statement_wait=_number(env, "WAREHOUSE_STATEMENT_WAIT", defaults.statement_wait),
        lock_timeout=_number(env, "WAREHOUSE_LOCK_TIMEOUT", defaults.lock_timeout),
        idle_transaction=_number(env, "WAREHOUSE_IDLE_TRANSACTION", defaults.idle_transaction),
        idle_session=_number(env, "WAREHOUSE_IDLE_SESSION", defaults.idle_session),
    )
