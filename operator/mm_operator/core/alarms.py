"""When time alone changes something: one moment for each plan, and the earliest of them all."""

import heapq
from collections.abc import Iterator
from datetime import datetime


class Alarms:
    """The next moment of each name. Setting one costs what it costs, however many there are."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []

    def set(self, name: str, moment: datetime | None) -> None:
        """Set a name's next moment in place of the one before; None is no more. One that has rung rings once only."""
        if self._at.get(name) == moment:
            return
        if moment is None:
            self._at.pop(name, None)
            return
        self._at[name] = moment
        heapq.heappush(self._heap, (moment, name))

    def get(self, name: str) -> datetime | None:
        """Return a name's moment, which may have rung already."""
        return self._at.get(name)

    def ring(self, now: datetime) -> Iterator[str]:
        """Yield the names whose moments have come."""
        while self._heap and self._heap[0][0] <= now:
            moment, name = heapq.heappop(self._heap)
            if self._at.get(name) == moment:
                yield name

    @property
    def next(self) -> datetime | None:
        """The earliest moment to come."""
        while self._heap:
            moment, name = self._heap[0]
            if self._at.get(name) == moment:
                return moment
            heapq.heappop(self._heap)
        return None
