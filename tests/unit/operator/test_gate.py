"""The source gate's arithmetic."""

import math

import pytest
from mm_operator.core.gate import CONCURRENCY, LONGEST_CLOSURE, Limits, SourceGate

ANY = Limits()


def test_an_open_source_grants_and_counts() -> None:
    gate = SourceGate("s")
    assert all(gate.permit(1000 + n, ANY).granted for n in range(10))
    assert gate.used(1010) == 10


def test_a_closed_source_says_when_to_come_back_and_to_each_another_time() -> None:
    gate = SourceGate("s")
    assert gate.close(1000, 100, "RateLimited")
    answers = [gate.permit(1000, ANY) for _ in range(50)]
    assert not any(answer.granted for answer in answers)
    assert {answer.reason for answer in answers} == {"RateLimited"}
    waits = {answer.retry_after for answer in answers}
    assert min(waits) >= 100
    assert max(waits) <= 111
    assert len(waits) > 5
    assert gate.permit(1100, ANY).granted


def test_the_longest_closure_counts() -> None:
    gate = SourceGate("s")
    gate.close(1000, 100, "RateLimited")
    assert not gate.close(1010, 5, "RateLimited")
    assert not gate.permit(1099, ANY).granted


def test_requests_per_hour_hold_for_any_hour() -> None:
    gate = SourceGate("s")
    granted = [at for at in range(0, 10_800, 5) if gate.permit(float(at), Limits(100)).granted]
    for start in granted:
        assert sum(start <= at < start + 3600 - 60 for at in granted) <= 100
    assert len(granted) >= 250
    refused = gate.permit(float(granted[-1] + 1), Limits(1))
    assert (refused.granted, refused.reason) == (False, "RequestsPerHour")
    assert 0 < refused.retry_after <= 3690


def test_a_restart_forgets_nothing() -> None:
    gate = SourceGate("s")
    for _ in range(7):
        gate.permit(5000, Limits(10))
    gate.close(5000, 60, "RateLimited")
    again = SourceGate.load("s", gate.dump(), 5010)
    assert not again.permit(5010, Limits(10)).granted
    assert again.used(5061) == 7


def test_a_damaged_memory_is_an_open_gate() -> None:
    for data in (None, [], {}, {"closedUntil": "x", "reason": "", "minutes": []}, {"closedUntil": 1, "minutes": [1]}):
        assert SourceGate.load("s", data, 10.0).permit(10.0, ANY).granted


@pytest.mark.parametrize("until", [1e18, math.inf, math.nan, -1])
def test_a_saved_time_is_not_believed_beyond_what_a_closure_may_be(until: float) -> None:
    data = {"closedUntil": until, "reason": "RateLimited", "minutes": [[10**9, 5], [16, 3]]}
    gate = SourceGate.load("s", data, 1000.0)
    assert gate.closed_until <= 1000 + LONGEST_CLOSURE
    assert gate.permit(1001 + LONGEST_CLOSURE, ANY).granted
    assert SourceGate.load("s", data, 1000.0).used(1000.0) == 3, "minutes that have not come yet do not count"


def test_permits_in_use_are_limited_and_end_when_given_back_or_over() -> None:
    gate, limits = SourceGate("s"), Limits(concurrency=2, lease_seconds=30)
    assert gate.permit(0, limits, "a").granted
    assert gate.permit(1, limits, "b").granted
    assert gate.permit(2, limits, "c").reason == CONCURRENCY
    assert gate.permit(2, limits).granted, "who asks for no lease is not counted"
    assert gate.give_back("a")
    assert not gate.give_back("a")
    assert gate.permit(3, limits, "c").granted
    assert not gate.permit(4, limits, "d").granted
    assert gate.permit(31, limits, "d").granted, "b's Job was killed"
