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


def test_a_source_s_word_takes_the_place_of_the_backoff() -> None:
    when = next_attempt(NOW, 1, 10, 600, "b", NOW + seconds(3600))
    assert NOW + seconds(3600) <= when <= NOW + seconds(3630)
    assert next_attempt(NOW, 9, 10, 600, "b", NOW - seconds(5)) <= NOW + seconds(1)
    assert next_attempt(NOW, 1, 10, 600, "b", NOW + seconds(10**7)) <= NOW + seconds(86_430)
