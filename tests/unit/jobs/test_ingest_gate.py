"""The client side of the source gate."""

import json

import pytest
from mm_contracts.gate import PermitRequest
from mm_contracts.reasons import Reason
from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OperatorGate

from tests.unit.jobs.scripted_source import Reply, ScriptedSource, json_reply

GRANTED = json_reply({"granted": True})
PERMITS = "/v1/sources/nasa/permits"


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(source: ScriptedSource, log: Log, clock: Clock) -> OperatorGate:
    return OperatorGate(source.url, "nasa", log, pause=clock.pause, clock=clock)


def test_a_permit(gate: OperatorGate, source: ScriptedSource, clock: Clock) -> None:
    source.on(PERMITS, GRANTED)
    gate.wait()
    assert [(method, path) for method, path, _, _ in source.seen] == [("POST", PERMITS)]
    assert clock.pauses == []


def test_a_permit_is_given_back(gate: OperatorGate, source: ScriptedSource) -> None:
    source.on(PERMITS, json_reply({"granted": True, "lease": "ab-1"}))
    source.on(f"{PERMITS}/ab-1", Reply(204))
    permit = gate.wait()
    assert permit == "ab-1"
    gate.give_back(permit)
    assert [(method, path) for method, path, _, _ in source.seen] == [("POST", PERMITS), ("DELETE", f"{PERMITS}/ab-1")]
    assert PermitRequest.model_validate_json(source.seen[0][3]) == PermitRequest(lease=True)


def test_a_closed_gate_is_waited_for_with_jitter(gate: OperatorGate, source: ScriptedSource, clock: Clock) -> None:
    source.on(PERMITS, Reply(429, b"", {"Retry-After": "20"}), Reply(429, b"", {"Retry-After": "1"}), GRANTED)
    gate.wait()
    assert 20 < clock.pauses[0] < 23
    assert 1 < clock.pauses[1] < 1.5


def test_a_long_closure_gives_the_pod_back_with_the_time_to_come_again(
    gate: OperatorGate, source: ScriptedSource, clock: Clock
) -> None:
    source.on(PERMITS, Reply(429, b"", {"Retry-After": "2870"}))
    with pytest.raises(SourceFailure, match="closed for another 2870 s") as caught:
        gate.wait()
    assert (caught.value.reason, caught.value.retry_after, clock.pauses) == (Reason.RATE_LIMITED, 2870, [])


def test_waiting_again_and_again_ends(gate: OperatorGate, source: ScriptedSource, clock: Clock) -> None:
    source.on(PERMITS, Reply(429, b"", {"Retry-After": "10"}))
    with pytest.raises(SourceFailure):
        gate.wait()
    assert 40 < clock.now <= 60


def test_late_in_a_job_nothing_is_waited_for(gate: OperatorGate, source: ScriptedSource, clock: Clock) -> None:
    source.on(PERMITS, Reply(429, b"", {"Retry-After": "10"}))
    clock.now = 475
    with pytest.raises(SourceFailure):
        gate.wait()
    assert clock.pauses == []


def test_an_operator_that_restarts_is_waited_for(gate: OperatorGate, source: ScriptedSource) -> None:
    source.on(PERMITS, Reply(503), Reply(reset=True), Reply(502), GRANTED)
    gate.wait()
    assert len(source.seen) == 4


def test_an_operator_that_is_gone_is_temporary(log: Log, clock: Clock) -> None:
    gate = OperatorGate("http://127.0.0.1:1", "nasa", log, pause=clock.pause, clock=clock)
    with pytest.raises(SourceFailure, match="did not answer for 30 s") as caught:
        gate.wait()
    assert caught.value.reason is Reason.GATE_UNREACHABLE
    assert 25 < clock.now <= 30


def test_an_unknown_source_is_told_at_once(gate: OperatorGate, source: ScriptedSource) -> None:
    source.on(PERMITS, json_reply({"error": "unknown source"}, 404))
    with pytest.raises(SourceFailure, match="knows no source named 'nasa'") as caught:
        gate.wait()
    assert caught.value.reason is Reason.CONFIG_ERROR


def test_a_closure_has_the_contracts_form(gate: OperatorGate, source: ScriptedSource) -> None:
    from mm_contracts.gate import Closure, closure_path, permit_path

    source.on(closure_path("nasa"), Reply(204))
    gate.close(2870.0, "RateLimited")
    _, path, _, body = source.seen[0]
    assert path == closure_path("nasa")
    assert permit_path("nasa") == PERMITS
    assert Closure.model_validate(json.loads(body)) == Closure(retry_after_seconds=2870, reason="RateLimited")


def test_a_closure_that_cannot_be_told_is_no_failure(log: Log) -> None:
    OperatorGate("http://127.0.0.1:1", "nasa", log).close(10, "RateLimited")
