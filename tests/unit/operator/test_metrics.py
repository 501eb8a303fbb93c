"""What the metrics show, and that their names keep to Prometheus' conventions."""

import json
import time
from typing import Any

import pytest
from mm_contracts.reasons import DeadLetterReason, Reason
from mm_contracts.terminations import RoverStanding, read_termination
from mm_contracts.topics import TOPICS
from mm_operator import metrics
from mm_operator.metrics import (
    REGISTRY,
    expect_topic,
    job_ended,
    job_made,
    show_archive,
    show_plans,
    show_set_aside,
)
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families


def _value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_an_end_is_counted_and_a_success_has_its_time() -> None:
    before = _value("mars_jobs_ended_total", kind="load", reason="Success") or 0
    # Others of the process may have seen one before.
    metrics.LAST_SUCCESS.labels("load").set(0)
    job_ended("load", "OOMKilled")
    assert _value("mars_last_success_timestamp_seconds", kind="load") == 0
    job_ended("load", "Success")
    assert _value("mars_jobs_ended_total", kind="load", reason="Success") == before + 1
    assert (_value("mars_last_success_timestamp_seconds", kind="load") or 0) > 1_700_000_000


def test_the_archive_is_shown_as_the_run_tells_it() -> None:
    about = {"promised": 10, "archived": 9, "newest": "2025-10-07T12:00:00Z", "manifest": "2025-10-07T13:00:00Z"}
    show_archive({"Curiosity": RoverStanding.model_validate({**about, "gaps": [["MISSING_SOL", "RateLimited", 2]]})})
    assert _value("mars_archive_photos", rover="Curiosity", state="promised") == 10
    assert _value("mars_archive_photos", rover="Curiosity", state="archived") == 9
    assert _value("mars_archive_gaps", rover="Curiosity", status="MISSING_SOL", reason="RateLimited") == 2
    assert _value("mars_archive_newest_photo_timestamp_seconds", rover="Curiosity") == 1_759_838_400
    show_archive({"Curiosity": RoverStanding.model_validate({**about, "gaps": []})})
    assert _value("mars_archive_gaps", rover="Curiosity", status="MISSING_SOL", reason="RateLimited") is None
    assert _value("mars_archive_gaps", rover="Curiosity", status="", reason="") == 0


def test_the_first_job_of_a_plan_that_was_asked_for_tells_how_long_that_took() -> None:
    def count() -> float:
        return _value("mars_schedule_to_job_seconds_count") or 0

    before, total = count(), _value("mars_schedule_to_job_seconds_sum") or 0
    metrics.plan_asked("asked", time.monotonic() - 7)
    job_made("ingest", "by-hand")
    job_made("load")
    assert count() == before
    job_made("ingest", "asked")
    job_made("ingest", "asked")
    assert count() == before + 1
    assert (_value("mars_schedule_to_job_seconds_sum") or 0) - total >= 7


def test_live_plans_are_shown_by_phase_and_reason_and_those_that_ended_no_more() -> None:
    show_plans({("Running", ""): 2, ("Queued", "NoSlot"): 1})
    assert _value("mars_plans", phase="Running", reason="") == 2
    show_plans({("Running", ""): 1})
    assert _value("mars_plans", phase="Queued", reason="NoSlot") is None


@pytest.mark.parametrize("about", [{}, {"newest": "soon"}, {"gaps": [("x", "y", 1)]}])
def test_a_last_word_that_says_little_breaks_nothing(about: dict[str, Any]) -> None:
    show_archive({"A": RoverStanding.model_validate(about)})
    show_archive({})


def test_what_was_set_aside_is_counted_by_grain_and_objects_as_the_last_sweep_found_them() -> None:
    def grown(kind: str, details: dict[str, Any]) -> dict[str, float]:
        before = {
            g: _value("mars_set_aside_total", grain=g) or 0 for g in ("photo", "sol", "feature", "field", "object")
        }
        end = read_termination(json.dumps({"status": "success", "details": details}), kind)
        assert end is not None
        show_set_aside(kind, end.details)
        return {g: (_value("mars_set_aside_total", grain=g) or 0) - n for g, n in before.items() if
                _value("mars_set_aside_total", grain=g) != n}  # fmt: skip

    assert grown("ingest", {"set_aside": {"photo": 2, "field": 3, "made-up": 9}}) == {"photo": 2, "field": 3}
    assert grown("sweep", {"set_aside": 1, "still_set_aside": 2}) == {"object": 1}
    assert _value("mars_set_aside_objects") == 3
    # A load of a few objects knows nothing of the others.
    assert grown("load", {"set_aside": 1, "still_set_aside": 0}) == {"object": 1}
    assert _value("mars_set_aside_objects") == 3
    for odd in ({}, {"set_aside": None}, {"set_aside": {"photo": "x"}}, {"set_aside": -1}, {"set_aside": True}):
        for kind in ("ingest", "load", "sweep"):
            assert grown(kind, odd) == {}
    assert grown("sweep", {"set_aside": 0, "still_set_aside": 0}) == {}
    assert _value("mars_set_aside_objects") == 0


def test_names_keep_to_the_conventions() -> None:
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(REGISTRY).decode())}
    assert not [name for name in families if name.endswith("_created")]
    for name, family in families.items():
        assert name.startswith(("mars_", "process_")), name
        assert family.documentation, name
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), name
        # Base units: time is in seconds, sizes are in bytes, and nothing is a rate or a percentage.
        assert not name.endswith(("_ms", "_milliseconds", "_minutes", "_kb", "_percent", "_ratio_percent")), name
    assert metrics.BUILD is not None


def test_ends_are_counted_from_zero_so_that_an_increase_shows_the_first_one() -> None:
    for kind in ("ingest", "load", "sweep", "transform"):
        for reason in ("Success", *map(str, Reason)):
            assert REGISTRY.get_sample_value("mars_jobs_ended_total", {"kind": kind, "reason": reason}) is not None


def test_dead_letters_are_counted_from_zero_too() -> None:
    for topic in TOPICS:
        expect_topic(topic)
        for reason in map(str, DeadLetterReason):
            assert REGISTRY.get_sample_value("mars_dead_letters_total", {"topic": topic, "reason": reason}) is not None
