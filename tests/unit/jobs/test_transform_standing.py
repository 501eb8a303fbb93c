"""How the archive stands, as a run's last word tells it."""

import io
import json
from datetime import UTC, datetime
from typing import Any

from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError, termination
from mm_jobs.common.log import Log
from mm_jobs.transform.standing import MOST_GAPS, MOST_SOURCES, sources, sources_told, standing, told

AT = datetime(2025, 10, 7, 12)
NOW = AT.replace(tzinfo=UTC)


def test_counts_times_and_gaps_are_told_by_rover() -> None:
    rovers = [("Curiosity", 10, 9, AT, AT), ("Spirit", 0, None, None, None)]
    gaps = [("Curiosity", "MISSING_SOL", None, 2), ("Curiosity", "PHOTO_COUNT_MISMATCH", "StableMismatch", 3)]
    assert told(rovers, gaps) == {
        "Curiosity": {
            "promised": 10,
            "archived": 9,
            "newest": "2025-10-07T12:00:00Z",
            "manifest": "2025-10-07T12:00:00Z",
            "gaps": [["PHOTO_COUNT_MISMATCH", "StableMismatch", 3], ["MISSING_SOL", "NeverTried", 2]],
        },
        "Spirit": {"promised": 0, "archived": 0, "gaps": []},
    }


def test_the_last_word_holds_it_whatever_went_wrong() -> None:
    rovers = [(rover, 10**6, 10**6, AT, AT) for rover in ("Perseverance", "Curiosity", "Opportunity", "Spirit")]
    reasons = [f"AReasonOfThirtyCharacters{number:05}" for number in range(40)]
    gaps = [(row[0], "CAMERA_COUNT_MISMATCH", reason, 1000) for row in rovers for reason in reasons]
    state = told(rovers, gaps)
    for about in state.values():
        assert len(about["gaps"]) == MOST_GAPS + 1
        assert sum(gap[2] for gap in about["gaps"]) == 40_000
    details = json.loads(termination("success", details={"archive": state, "failed": ["a_model_of_some_length"] * 20}))
    assert details["details"]["archive"] == state


def test_a_last_word_that_is_too_long_keeps_what_decides_about_the_next_run() -> None:
    health = sources_told([("Perseverance", "a-source" * 8, True, AT, 0.123, 10**6, 1646, 30.5)] * MOST_SOURCES, NOW)
    told_all = {"archive": {"x": "y" * 3000}, "sources": health, "next_due_at": "2025-10-07T12:00:00Z", "gaps": 3}
    kept = json.loads(termination("success", details=told_all))["details"]
    assert kept == {name: told_all[name] for name in ("sources", "next_due_at", "gaps")}


def test_how_well_sources_are_is_told_without_what_nobody_knows() -> None:
    rows = [("Curiosity", "nasa", True, AT, 0.25, 900, 4683, 36.0), ("Curiosity", "spare", False, *[None] * 5)]
    assert sources_told(rows, NOW) == [
        {
            "rover": "Curiosity", "source": "nasa", "in_charge": True, "success": "2025-10-07T12:00:00Z",
            "errors": 0.25, "budget": 900, "newest": 4683, "newest_end": "2025-10-06T00:00:00Z",
        },
        {"rover": "Curiosity", "source": "spare"},
    ]  # fmt: skip


class Away:
    def run(self, *_: object) -> list[Any]:
        raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, "it is away")


def test_what_cannot_be_read_stops_no_run() -> None:
    lines = io.StringIO()
    assert standing(Away(), Log("transform", stream=lines)) == {}  # type: ignore[arg-type]
    assert sources(Away(), NOW, Log("transform", stream=lines)) == []  # type: ignore[arg-type]
    assert lines.getvalue().count("it is away") == 2
