"""Offsets are committed only up to the first message that has no effect yet."""

import random

import pytest
from mm_operator.core.offsets import OffsetTracker


def test_a_hole_holds_back_what_comes_after_it() -> None:
    tracker = OffsetTracker()
    for offset in (5, 6, 7):
        tracker.delivered(0, offset)
    assert tracker.committable() == {0: 5}
    tracker.done(0, 6)
    tracker.done(0, 7)
    assert tracker.committable() == {0: 5}
    tracker.done(0, 5)
    assert tracker.committable() == {0: 8}
    tracker.committed({0: 8})
    assert tracker.committable() == {}


def test_nothing_delivered_nothing_committed() -> None:
    tracker = OffsetTracker()
    tracker.done(3, 9)
    assert tracker.committable() == {}
    assert tracker.outstanding == 0


@pytest.mark.parametrize("seed", range(10))
def test_whatever_the_order_no_open_message_is_ever_committed(seed: int) -> None:
    chance = random.Random(seed)
    tracker, opened = OffsetTracker(), set()
    pending = {partition: list(range(40)) for partition in range(3)}
    while any(pending.values()) or opened:
        partition = chance.randrange(3)
        if pending[partition] and chance.random() < 0.6:
            offset = pending[partition].pop(0)
            tracker.delivered(partition, offset)
            opened.add((partition, offset))
        elif opened:
            mark = chance.choice(sorted(opened))
            opened.discard(mark)
            tracker.done(*mark)
        for found, position in tracker.committable().items():
            assert not any(p == found and o < position for p, o in opened)
            tracker.committed({found: position})
    assert tracker.outstanding == 0
    assert tracker.committable() == {}
