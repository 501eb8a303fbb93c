"""A queue of names to look at: each is in it once, one is looked at a time, and errors come back later."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from mm_operator import metrics
from mm_operator.health import Health
from mm_operator.kube import ApiError

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 60.0
"""Seconds until a name is looked at again after an error: the first, doubling up to the longest."""
CONFLICT_PAUSE: Final = 0.2
PART: Final = "reconciliation"


class WorkQueue:
    """Calls ``look_at`` for names."""

    def __init__(self, look_at: Callable[[str], Awaitable[None]], health: Health) -> None:
        self._look_at, self._health = look_at, health
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._errors: dict[str, int] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be looked at."""
        return not self._queued

    def add(self, name: str) -> None:
        """Have a name looked at soon; asking twice before that is one look."""
        if name and name not in self._queued:
            self._queued.add(name)
            self._queue.put_nowait(name)

    def add_at(self, name: str, when: datetime | None) -> None:
        """Have a name looked at then (None: not by time). The last word counts."""
        self._forget_timer(name)
        if when is not None:
            pause = max(0.0, (when - datetime.now(UTC)).total_seconds()) + 0.05
            self._timers[name] = asyncio.get_running_loop().call_later(pause, self.add, name)

    def forget(self, name: str) -> None:
        """Drop timers and errors of a name that is gone."""
        self._forget_timer(name)
        self._errors.pop(name, None)

    def _forget_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()

    async def run(self) -> None:
        """Look at names for ever."""
        self._health.expect(PART, 120)
        while True:
            self._health.beat(PART)
            try:
                name = await asyncio.wait_for(self._queue.get(), 10)
            except TimeoutError:
                continue
            self._queued.discard(name)
            await self._guarded(name)

    async def _guarded(self, name: str) -> None:
        began = time.perf_counter()
        try:
            await self._look_at(name)
            self._errors.pop(name, None)
        except ApiError as error:
            if error.status == 409:
                # Somebody else wrote first; what they wrote has been read by now.
                self._later(name, CONFLICT_PAUSE)
            else:
                self._after_error(name, str(error))
        except Exception:
            log.exception("looking at plan %s failed", name, extra={"plan": name})
            self._after_error(name, "see the exception before")
        metrics.RECONCILES.observe(time.perf_counter() - began)

    def _after_error(self, name: str, sentence: str) -> None:
        errors = self._errors[name] = self._errors.get(name, 0) + 1
        pause = min(FIRST_PAUSE * 2.0 ** (errors - 1), LONGEST_PAUSE)
        metrics.RECONCILE_ERRORS.inc()
        log.warning("plan %s: %s; again in %.0f s", name, sentence, pause, extra={"plan": name})
        self._later(name, pause)

    def _later(self, name: str, pause: float) -> None:
        self._forget_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(pause, self.add, name)
