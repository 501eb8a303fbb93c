"""Which Kafka offsets may be committed: those before the first message whose effect does not exist yet."""

from collections import OrderedDict
from typing import NamedTuple


class Mark(NamedTuple):
    """Where a message lies."""

    topic: str
    partition: int
    offset: int


class Start(NamedTuple):
    """Where reading a partition begins."""

    offset: int
    lost: int = 0
    """Messages that were never read and are not there any more."""
    anew: bool = False
    """The partition ends before what was committed: its topic was made anew, and counts from 0 again."""


def start_of(committed: int | None, low: int, high: int) -> Start:
    """Return where to begin in a partition that holds the offsets from ``low`` up to, without, ``high``.

    Args:
        committed: the next offset to read by the group's own word, None where it never committed.
        low: first offset that is still there.
        high: the next message's offset.
    """
    if committed is None:
        return Start(low)
    if committed > high:
        return Start(low, anew=True)
    return Start(max(committed, low), lost=max(0, low - committed))


class OffsetTracker:
    """Messages of one topic that were delivered, and which of them are done, in whatever order."""

    def __init__(self) -> None:
        # In the order of delivery, which in a partition is that of the offsets.
        self._open: dict[int, OrderedDict[int, int]] = {}
        self._next: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self.outstanding_bytes = 0
        """Their sizes together, of those that are not done."""

    def begin(self, partition: int, offset: int) -> None:
        """Note that reading a partition begins here, and forget what was before."""
        self.outstanding_bytes -= sum(self._open.pop(partition, {}).values())
        self._next[partition] = self._committed[partition] = offset

    def delivered(self, partition: int, offset: int, size: int = 0) -> None:
        """Note that a message of so many bytes was handed out. Its offset holds back the commit until it is done."""
        known = self._open.setdefault(partition, OrderedDict())
        self.outstanding_bytes += size - known.pop(offset, 0)
        known[offset] = size
        self._next[partition] = max(self._next.get(partition, 0), offset + 1)

    def done(self, partition: int, offset: int) -> None:
        """Note that a message's effect exists. Saying so twice changes nothing."""
        self.outstanding_bytes -= self._open.get(partition, OrderedDict()).pop(offset, 0)

    def position(self, partition: int) -> int:
        """Return the first offset whose message has no effect yet."""
        return next(iter(self._open.get(partition, ())), self._next.get(partition, 0))

    def committable(self) -> dict[int, int]:
        """Return, by partition, the offset to commit (the next to read) where it is ahead of the committed one."""
        ready = {}
        for partition in self._next:
            position = self.position(partition)
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
