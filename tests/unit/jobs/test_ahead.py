"""Working ahead changes when things are made, and nothing else."""

import threading
from collections.abc import Generator
from contextlib import closing

import pytest
from mm_jobs.common.ahead import work_ahead


def _never(item: object) -> None:
    raise AssertionError(f"{item} was wanted")


def test_everything_comes_in_order() -> None:
    assert list(work_ahead((number for number in range(100)), _never, depth=3)) == list(range(100))
    assert list(work_ahead((number for number in ()), _never)) == []


def test_the_next_item_is_made_while_the_present_one_is_worked_on() -> None:
    second = threading.Event()

    def items() -> Generator[int, None, None]:
        yield 1
        second.set()
        yield 2

    with closing(work_ahead(items(), lambda _: None)) as taken:
        assert next(taken) == 1
        assert second.wait(10)


def test_only_one_item_exists_beside_the_present_one() -> None:
    begun = [threading.Event() for _ in range(5)]

    def items() -> Generator[int, None, None]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    for number in work_ahead(items(), _never):
        if number + 2 < len(begun):
            assert begun[number + 1].wait(10)
            assert not begun[number + 2].wait(0.05)


def test_what_the_making_raises_comes_after_what_was_made() -> None:
    def items() -> Generator[int, None, None]:
        yield 1
        raise ValueError("broken")

    taken = work_ahead(items(), _never)
    assert next(taken) == 1
    with pytest.raises(ValueError, match="broken"):
        next(taken)


def test_a_taker_that_stops_stops_the_maker_and_what_it_did_not_take_is_given_back() -> None:
    second = threading.Event()
    made: list[int] = []
    left: list[int] = []

    def items() -> Generator[int, None, None]:
        try:
            for number in range(1000):
                made.append(number)
                if number == 1:
                    second.set()
                yield number
        finally:
            made.append(-1)

    with closing(work_ahead(items(), left.append)) as taken:
        assert next(taken) == 0
        assert second.wait(10)
    assert made == [0, 1, -1]
    assert left == [1]
