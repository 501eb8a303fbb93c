"""A warehouse that takes statements as the client does, keeps them, and holds a Snowflake account's rules over them.

There, DDL commits an open transaction, a statement's text has at most a megabyte and a list at most 16,384 expressions;
and PUT belongs outside the transaction, so that nothing waits for an upload under locks.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mm_contracts.bronze import TABLES, all_tables
from mm_jobs.load.documents import Loadable

DDL = re.compile(r"(?i)^(create|drop|alter|truncate|grant)\b")


class Recorder:
    """Takes statements as the warehouse's client does; keeps what was staged."""

    def __init__(self, present: Sequence[str] = ()) -> None:
        self.said: list[tuple[str, tuple[object, ...]]] = []
        self.staged: dict[str, bytes] = {}
        self._present = present
        self._open = False

    def run(self, sql: str, binds: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.said.append((sql, tuple(binds)))
        assert len(sql) < 1_000_000
        assert sql.count("?") == len(binds) < 16_384
        assert not (self._open and (DDL.match(sql) or sql.lower().startswith("put")))
        if match := re.match(r"put file://(\S+) @(\S+)", sql):
            path = Path(match[1])
            self.staged[f"{match[2]}/{path.name}"] = path.read_bytes()
        if "INFORMATION_SCHEMA.COLUMNS" in sql:
            tables = all_tables()
            return [(name, column) for name in self._present for column, _ in tables[name]]
        return []

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self.run("begin")
        self._open = True
        try:
            yield
        except BaseException:
            self._open = False
            self.run("rollback")
            raise
        self._open = False
        self.run("commit")

    def texts(self) -> list[str]:
        return [sql for sql, _ in self.said]


def loadable(number: int, dataset: str = "photos") -> Loadable:
    """A checked object; what is in it does not matter."""
    return Loadable(f"{dataset}/key-{number}", f"e{number}", TABLES[dataset], b'{"a":"it\'s"}')
