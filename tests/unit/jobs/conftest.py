"""Fixtures of the Jobs' tests."""

import io
from collections.abc import Iterator

import pytest
from mm_jobs.common.log import Log

from tests.unit.jobs.scripted_source import ScriptedSource, scripted_source


@pytest.fixture
def source() -> Iterator[ScriptedSource]:
    with scripted_source() as running:
        yield running


@pytest.fixture
def lines() -> io.StringIO:
    """What the Job under test logs."""
    return io.StringIO()


@pytest.fixture
def log(lines: io.StringIO) -> Log:
    return Log("test", stream=lines)
