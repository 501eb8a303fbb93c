"""What is tried again, and when: as data."""

from datetime import UTC, datetime

import pytest
from mm_contracts.reasons import Reason
from mm_jobs.ingest.failures import SourceFailure, exit_code
from mm_jobs.ingest.retrying import RetryRules, retry_after, wait_before_retry

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RULES = RetryRules(waits=(0.5, 1.0), longest_own_wait=2.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0", 1),
        ("-5", 1),
        ("1.5", 1.5),
        ("999999999", 86_400),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Fri, 02 Jan 2026 03:05:05 -0000", 60),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 1),
        ("soon", None),
        ("nan", None),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999999999", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, NOW) == seconds


@pytest.mark.parametrize(
    ("failure", "waits"),
    [
        (SourceFailure(Reason.SOURCE_ERROR, "", status=500), [0.5, 1.0, None]),
        (SourceFailure(Reason.SOURCE_ERROR, ""), [0.5, 1.0, None]),
        (SourceFailure(Reason.BAD_RESPONSE, "", status=200), [0.5, 1.0, None]),
        (SourceFailure(Reason.SOURCE_ERROR, "", status=503, retry_after=1.5), [1.5, 1.5, None]),
        (SourceFailure(Reason.SOURCE_ERROR, "", status=503, retry_after=60), [None]),
        (SourceFailure(Reason.SOURCE_ERROR, "", status=400), [None]),
        (SourceFailure(Reason.SOURCE_GONE, "", status=404), [None]),
        (SourceFailure(Reason.RATE_LIMITED, "", status=429, retry_after=1), [None]),
    ],
)
def test_waits(failure: SourceFailure, waits: list[float | None]) -> None:
    assert [wait_before_retry(RULES, failure, tries) for tries in range(1, len(waits) + 1)] == waits


@pytest.mark.parametrize(
    ("reasons", "code"),
    [
        ([Reason.SOURCE_GONE], 69),
        ([Reason.SOURCE_GONE, Reason.SOURCE_ERROR], 75),
        ([Reason.SOURCE_GONE, Reason.BAD_ARGUMENTS], 69),
        ([Reason.BAD_ARGUMENTS], 64),
        ([Reason.UNAUTHORIZED], 64),
        ([Reason.RATE_LIMITED], 75),
        ([Reason.GATE_UNREACHABLE], 75),
    ],
)
def test_the_exit_code_is_retryable_where_any_failure_is(reasons: list[Reason], code: int) -> None:
    assert exit_code(reasons) == code
