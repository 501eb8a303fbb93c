"""The source gate's arithmetic."""

from mm_operator.core.gate import SourceGate


def test_an_open_source_grants_and_counts() -> None:
    gate = SourceGate("s")
    assert all(gate.permit(1000 + n, None).granted for n in range(10))
    assert gate.used(1010) == 10


def test_a_closed_source_says_when_to_come_back_and_to_each_another_time() -> None:
    gate = SourceGate("s")
    assert gate.close(1000, 100, "RateLimited")
    answers = [gate.permit(1000, None) for _ in range(50)]
    assert not any(answer.granted for answer in answers)
    assert {answer.reason for answer in answers} == {"RateLimited"}
    waits = {answer.retry_after for answer in answers}
    assert min(waits) >= 100
    assert max(waits) <= 111
    assert len(waits) > 5
    assert gate.permit(1100, None).granted


def test_the_longest_closure_counts() -> None:
    gate = SourceGate("s")
    gate.close(1000, 100, "RateLimited")
    assert not gate.close(1010, 5, "RateLimited")
    assert not gate.permit(1099, None).granted


def test_requests_per_hour_hold_for_any_hour() -> None:
    gate = SourceGate("s")
    granted = [at for at in range(0, 10_800, 5) if gate.permit(float(at), 100).granted]
    for start in granted:
        assert sum(start <= at < start + 3600 - 60 for at in granted) <= 100
    assert len(granted) >= 250
    refused = gate.permit(float(granted[-1] + 1), len(granted) and 1)
    assert (refused.granted, refused.reason) == (False, "RequestsPerHour")
    assert 0 < refused.retry_after <= 3690


def test_a_restart_forgets_nothing() -> None:
    gate = SourceGate("s")
    for _ in range(7):
        gate.permit(5000, 10)
    gate.close(5000, 60, "RateLimited")
    again = SourceGate.load("s", gate.dump())
    assert not again.permit(5010, 10).granted
    assert again.used(5061) == 7


def test_a_damaged_memory_is_an_open_gate() -> None:
    for data in (None, [], {}, {"closedUntil": "x", "reason": "", "minutes": []}, {"closedUntil": 1, "minutes": [1]}):
        assert SourceGate.load("s", data).permit(10.0, None).granted
