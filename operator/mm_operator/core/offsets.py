"""Which Kafka offsets may be committed: those before the first message whose effect does not exist yet."""

from typing import NamedTuple


class Mark(NamedTuple):
    """Where a message lies."""

    topic: str
    partition: int
    offset: int


class OffsetTracker:
    """Messages of one topic that were delivered, and which of them are done, in whatever order."""

    def __init__(self) -> None:
        self._open: dict[int, set[int]] = {}
        self._next: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    def delivered(self, partition: int, offset: int) -> None:
        """Note that a message was handed out. Its offset holds back the commit until it is done."""
        self._open.setdefault(partition, set()).add(offset)
        self._next[partition] = max(self._next.get(partition, 0), offset + 1)

    def done(self, partition: int, offset: int) -> None:
        """Note that a message's effect exists. Saying so twice changes nothing."""
        self._open.get(partition, set()).discard(offset)

    def committable(self) -> dict[int, int]:
        """Return, by partition, the offset to commit (the next to read) where it is ahead of the committed one."""
        ready = {}
        for partition, following in self._next.items():
            position = min(self._open.get(partition) or {following})
            if position > self._committed.get(partition, 0):
                ready[partition] = position
        return ready

    def committed(self, positions: dict[int, int]) -> None:
        """Note what has been committed."""
        self._committed.update(positions)

    @property
    def outstanding(self) -> int:
        """Messages that were handed out and are not done."""
        return sum(len(offsets) for offsets in self._open.values())
