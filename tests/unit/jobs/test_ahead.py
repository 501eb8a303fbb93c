"""Working ahead changes when things are made, and nothing else."""

import threading
from collections.abc import Iterator

import pytest
from mm_jobs.common.ahead import work_ahead


def test_everything_comes_in_order() -> None:
    assert list(work_ahead(range(100), depth=3)) == list(range(100))
    assert list(work_ahead([])) == []


def test_the_next_item_is_made_while_the_present_one_is_worked_on() -> None:
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    taken = work_ahead(items())
    assert next(taken) == 1
    assert second.wait(10)


def test_what_the_making_raises_comes_after_what_was_made() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    taken = work_ahead(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="broken"):
        next(taken)


def test_a_taker_that_stops_stops_the_maker() -> None:
    made: list[int] = []
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            for number in range(1000):
                made.append(number)
                yield number
        finally:
            ended.set()

    for _ in work_ahead(items()):
        break
    assert ended.wait(10)
    assert len(made) < 10
