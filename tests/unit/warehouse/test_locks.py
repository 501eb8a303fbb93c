"""Table locks: one owner at a time, waiting, giving up."""

from __future__ import annotations

import threading

import pytest
from mm_warehouse.errors import LOCK_TIMEOUT, SqlError
from mm_warehouse.locks import TableLocks

A, B = ("MARS", "S", "A"), ("MARS", "S", "B")


def test_owner_may_take_again_and_more() -> None:
    locks, owner = TableLocks(1), object()
    locks.acquire(owner, [A])
    locks.acquire(owner, [B, A])
    assert locks.held(owner) == {A, B}


def test_release_gives_back_only_ones_own() -> None:
    locks, one, other = TableLocks(1), object(), object()
    locks.acquire(one, [A])
    locks.acquire(other, [B])
    locks.release(one)
    assert (locks.held(one), locks.held(other)) == (frozenset(), {B})


def test_waiting_ends_with_an_error_that_names_the_table() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 30
        return now[0]

    locks = TableLocks(10, clock)
    locks.acquire(object(), [A])
    with pytest.raises(SqlError, match=r"has locked MARS\.S\.A") as refusal:
        locks.acquire(object(), [A])
    assert refusal.value.code == LOCK_TIMEOUT


def test_waiter_gets_it_when_it_is_given_back() -> None:
    locks, first, second = TableLocks(30), object(), object()
    locks.acquire(first, [A])
    waiter = threading.Thread(target=locks.acquire, args=(second, [A]))
    waiter.start()
    locks.release(first)
    waiter.join(10)
    assert locks.held(second) == {A}
