"""The source client against a real server that fails in every way that a source was seen to fail."""

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from mm_contracts.reasons import Reason
from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.retrying import RetryRules

from tests.unit.jobs.scripted_source import Reply, ScriptedSource, json_reply

GOOD = json_reply({"photos": []})
HEROKU_GONE = Reply(404, b"<!DOCTYPE html><html><title>No such app</title></html>", {"Content-Type": "text/html"})


class FakeGate:
    def __init__(self) -> None:
        self.waited = 0
        self.given_back: list[str] = []
        self.closures: list[tuple[float, str]] = []

    def wait(self) -> str:
        self.waited += 1
        return f"permit-{self.waited}"

    def give_back(self, permit: str) -> None:
        self.given_back.append(permit)

    def close(self, seconds: float, reason: str) -> None:
        self.closures.append((seconds, reason))


@pytest.fixture
def gate() -> FakeGate:
    return FakeGate()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(gate: FakeGate, log: Log, pauses: list[float], source: ScriptedSource) -> SourceClient:
    return SourceClient(
        gate, log, timeout=5, api_key="k" * 40, base_url=source.url, trace_id="a" * 32, pause=pauses.append
    )


def _failure(client: SourceClient, source: ScriptedSource) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        client.get(f"{source.url}/photos", "photos", {"sol": 1})
    return caught.value


def test_a_good_answer_costs_one_permit_and_one_request(
    client: SourceClient, source: ScriptedSource, gate: FakeGate
) -> None:
    source.on("/photos", GOOD)
    assert client.get(f"{source.url}/photos", "photos", {"sol": 1}) == {"photos": []}
    assert (client.requests, gate.waited, source.paths()) == (1, 1, ["/photos?sol=1"])
    assert gate.given_back == ["permit-1"]
    assert client.bytes == len(GOOD.body)


def test_the_key_and_the_trace_travel_in_headers_and_never_in_the_url_or_a_log_line(
    client: SourceClient, source: ScriptedSource, lines: io.StringIO
) -> None:
    source.on("/photos", json_reply({"error": {"code": "API_KEY_INVALID", "message": "An invalid api_key"}}, 403))
    assert _failure(client, source).reason is Reason.UNAUTHORIZED
    _, path, headers, _ = source.seen[0]
    assert headers["X-Api-Key"] == "k" * 40
    assert headers["traceparent"].split("-")[1] == "a" * 32
    assert "kkkk" not in path + lines.getvalue()


def test_gzip_is_understood(client: SourceClient, source: ScriptedSource) -> None:
    source.on("/photos", Reply(200, gzip.compress(b'{"photos":[1]}'), {"Content-Encoding": "gzip"}))
    assert client.get(f"{source.url}/photos", "photos") == {"photos": [1]}


@pytest.mark.parametrize(
    "fault",
    [
        Reply(500, b"<html>We're sorry</html>"),
        Reply(500),
        Reply(503, b"<html>Application error</html>"),
        Reply(reset=True),
        Reply(200, b'{"photos":[{"id":1},{"id":2}]}', cut=12),
        Reply(200, b'{"photos":[{"id":1},'),
        Reply(200, b"<html>maintenance</html>"),
    ],
    ids=["500-html", "500-empty", "503", "reset", "truncated", "half-json", "html"],
)
def test_what_can_pass_is_tried_again(
    client: SourceClient, source: ScriptedSource, gate: FakeGate, pauses: list[float], fault: Reply
) -> None:
    # A body that is no JSON came whole with status 200, and yet a second try is worth one second.
    source.on("/photos", fault, fault, GOOD)
    assert client.get(f"{source.url}/photos", "photos") == {"photos": []}
    assert client.requests == gate.waited == 3
    assert gate.given_back == ["permit-1", "permit-2", "permit-3"], "also where the request fails"
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Reply(500), Reason.SOURCE_ERROR),
        (Reply(reset=True), Reason.SOURCE_ERROR),
        (Reply(200, b'{"photos":[{"id":1}]}', cut=12), Reason.BAD_RESPONSE),
        (Reply(200, b"[]"), Reason.BAD_RESPONSE),
        (json_reply({"rovers": []}), Reason.BAD_RESPONSE),
    ],
    ids=["500", "reset", "truncated", "not-an-object", "wrong-root"],
)
def test_what_does_not_pass_fails_after_three_tries(
    client: SourceClient, source: ScriptedSource, fault: Reply, reason: Reason
) -> None:
    source.on("/photos", fault)
    assert _failure(client, source).reason is reason
    assert client.requests == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HEROKU_GONE, Reason.SOURCE_GONE),
        (Reply(404), Reason.SOURCE_GONE),
        (Reply(410, b"gone"), Reason.SOURCE_GONE),
        (json_reply({"status": 404, "error": "Not Found"}, 404), Reason.SOURCE_GONE),
        (json_reply({"error": "Rover 'x' not found"}, 404), Reason.BAD_ARGUMENTS),
        (json_reply({"errors": "Invalid Rover Name"}, 400), Reason.BAD_ARGUMENTS),
        (Reply(400, b"<html>"), Reason.SOURCE_ERROR),
        (Reply(302, b"", {"Location": "ftp://elsewhere/"}), Reason.CONFIG_ERROR),
        (Reply(301), Reason.CONFIG_ERROR),
        (json_reply({"error": {"code": "API_KEY_MISSING"}}, 403), Reason.UNAUTHORIZED),
    ],
)
def test_what_a_repetition_cannot_mend_is_asked_once(
    client: SourceClient, source: ScriptedSource, answer: Reply, reason: Reason
) -> None:
    source.on("/photos", answer)
    assert _failure(client, source).reason is reason
    assert client.requests == 1


def test_a_rate_limit_closes_the_source_and_stops_everything_else(
    client: SourceClient, source: ScriptedSource, gate: FakeGate
) -> None:
    source.on("/photos", json_reply({"error": {"code": "OVER_RATE_LIMIT"}}, 429, **{"Retry-After": "2870"}))
    failure = _failure(client, source)
    assert (failure.reason, failure.retry_after) == (Reason.RATE_LIMITED, 2870)
    assert gate.closures == [(2870, "RateLimited")]
    assert _failure(client, source) is failure
    assert client.requests == 1


def test_a_rate_limit_until_a_date(client: SourceClient, source: ScriptedSource, gate: FakeGate) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    source.on("/photos", Reply(429, b"", {"Retry-After": date}))
    after = _failure(client, source).retry_after
    assert after is not None
    assert 290 < after <= 300
    assert gate.closures[0][0] == after


def test_an_endless_body_is_cut_off(gate: FakeGate, log: Log, source: ScriptedSource) -> None:
    client = SourceClient(gate, log, timeout=5, largest_body=1000, pause=lambda _: None)
    source.on("/photos", Reply(200, json.dumps({"photos": ["x" * 2000]}).encode()))
    failure = _failure(client, source)
    assert failure.reason is Reason.BAD_RESPONSE
    assert "larger than 1000 bytes" in str(failure)


def test_nobody_listens(gate: FakeGate, log: Log) -> None:
    client = SourceClient(gate, log, timeout=1, rules=RetryRules(waits=()))
    with pytest.raises(SourceFailure, match="the request failed") as caught:
        client.get("http://127.0.0.1:1/photos", "photos")
    assert caught.value.reason is Reason.SOURCE_ERROR


def test_connections_are_used_again_after_errors(client: SourceClient, source: ScriptedSource) -> None:
    source.on("/photos", Reply(200, b'{"photos":[]}', cut=5), GOOD)
    for _ in range(3):
        client.get(f"{source.url}/photos", "photos")
    assert client.requests == 4
