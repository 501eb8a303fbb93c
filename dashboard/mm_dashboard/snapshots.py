"""What was read from the warehouse, kept until the next dbt run: pages answer from memory.

The archive changes when a dbt run ends and at no other time: a reading is good for as long as the same run is the last.
While a newer one is being read the old one is shown, so that no visitor waits for it.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from mm_dashboard.warehouse import Away, NotBuilt

log = logging.getLogger(__name__)
Value = TypeVar("Value")

KEPT: Final = 200
"""Readings in memory at most; the ones asked for least recently go."""
PATIENCE: Final = 2.0
"""Seconds that a page waits for a reading before it is sent without, to be filled in later."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[Value]):
    """A value, or why there is none: a problem in a sentence, else it is still being read."""

    value: Value | None = None
    problem: str = ""
    not_built: bool = False
    at: float = 0.0
    """Unix time of the reading."""

    @property
    def is_loading(self) -> bool:
        """Whether neither a value nor a problem is known yet."""
        return self.value is None and not self.problem


@dataclass(slots=True)
class _Entry:
    version: str = ""
    reading: Reading[Any] = Reading()
    task: asyncio.Task[None] | None = None
    failed_at: float = 0.0


class Snapshots:
    """Readings by key. ``version`` names the dbt run that was the last to end."""

    def __init__(self, version: Callable[[], str], retry_seconds: float = 5.0) -> None:
        self._version, self._retry = version, retry_seconds
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    async def get(
        self, key: Hashable, load: Callable[[], Awaitable[Value]], patience: float = PATIENCE
    ) -> Reading[Value]:
        """Return the reading of this key, read anew by ``load`` where a dbt run has ended since.

        Args:
            key: what is read, with its parameters.
            load: reads it; may raise Away or NotBuilt.
            patience: seconds to wait where nothing is known yet.
        """
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        while len(self._entries) > KEPT:
            self._entries.popitem(last=False)
        rested = time.monotonic() - entry.failed_at >= self._retry
        wanted = entry.version != self._version() or bool(entry.reading.problem)
        if wanted and entry.task is None and (rested or not entry.reading.problem):
            entry.task = asyncio.create_task(self._read(entry, load, self._version()))
        if entry.task is not None and entry.reading.value is None:
            await asyncio.wait([entry.task], timeout=patience)
        return entry.reading

    async def _read(self, entry: _Entry, load: Callable[[], Awaitable[Value]], version: str) -> None:
        try:
            entry.reading = Reading(await load(), at=time.time())
            entry.version = version
        except (Away, NotBuilt) as problem:
            old = entry.reading
            entry.failed_at = time.monotonic()
            entry.reading = Reading(old.value, str(problem), isinstance(problem, NotBuilt), old.at)
        except Exception:
            log.exception("reading failed")
            entry.failed_at = time.monotonic()
            entry.reading = Reading(entry.reading.value, "This part could not be read.", at=entry.reading.at)
        finally:
            entry.task = None
