"""Lets the tests of this room share their makers."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def work_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of loads and dbt runs is the test's own."""
    from mm_operator import job_line, loads, transforms
    from work_world import Clock

    Clock.current = datetime(2026, 1, 1, tzinfo=UTC)
    for module in (loads, transforms, job_line):
        monkeypatch.setattr(module, "datetime", Clock)
