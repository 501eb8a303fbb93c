"""The rounds of a test run: what each selects, and what a whole run's exit code is."""

import pytest
from mm_hack import suite


def test_a_short_round_leaves_long_tests_out_and_nothing_else() -> None:
    assert suite._short(("-m", "cluster")) == ("-m", "(cluster) and not long")
    assert suite._short(suite.ALONE) == ("-m", "(not cluster) and not long", *suite.SPREAD)


@pytest.mark.parametrize(
    ("codes", "whole"),
    [([0, 0], 0), ([1, 0], 1), ([0, 1], 1), ([0, suite.NO_TESTS], 0), ([suite.NO_TESTS, 1], 1), ([2, 1], 2)],
)
def test_a_failure_of_any_round_fails_the_run(codes: list[int], whole: int) -> None:
    assert suite.exit_code(codes) == whole


def test_a_run_that_selects_nothing_has_not_passed() -> None:
    assert suite.exit_code([suite.NO_TESTS, suite.NO_TESTS]) == suite.NO_TESTS
