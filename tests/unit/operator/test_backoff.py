"""When to try again."""

import pytest
from factories import NOW, seconds
from mm_operator.core.backoff import delay_seconds, fraction, next_attempt


@pytest.mark.parametrize(("failures", "delay"), [(0, 0), (1, 10), (2, 20), (3, 40), (7, 600), (5000, 600)])
def test_the_delay_doubles_up_to_the_longest(failures: int, delay: float) -> None:
    assert delay_seconds(failures, 10, 600) == delay


def test_jitter_is_a_function_of_the_cause() -> None:
    times = {next_attempt(NOW, 3, 10, 600, f"batch-{n}") for n in range(50)}
    assert len(times) > 40
    assert min(times) >= NOW + seconds(40)
    assert max(times) <= NOW + seconds(48)
    assert next_attempt(NOW, 3, 10, 600, "b") == next_attempt(NOW, 3, 10, 600, "b")
    assert 0 <= fraction("x") < 1


def test_a_source_s_word_holds_where_it_is_longer_than_the_backoff() -> None:
    when = next_attempt(NOW, 1, 10, 600, "b", 3600)
    assert NOW + seconds(3600) <= when <= NOW + seconds(3630)
    assert next_attempt(NOW, 1, 10, 600, "b", 10**7) <= NOW + seconds(86_430)


def test_a_source_that_says_one_second_each_time_is_not_asked_each_second() -> None:
    waits = [next_attempt(NOW, failures, 10, 600, "b", 1) - NOW for failures in range(1, 8)]
    assert waits[0] >= seconds(10)
    assert waits == sorted(waits)
    assert waits[-1] >= seconds(600)


def test_no_backoff_is_too_long_for_a_date() -> None:
    assert next_attempt(NOW, 1, 99_999_999 * 3600, 99_999_999 * 3600, "b") <= NOW + seconds(2 * 86_400)
