"""What a scraper finds at the first look."""

from mm_contracts.reasons import DeadLetterReason, Reason
from mm_contracts.topics import TOPICS
from mm_operator.metrics import REGISTRY, expect_topic


def test_ends_are_counted_from_zero_so_that_an_increase_shows_the_first_one() -> None:
    for kind in ("ingest", "load", "sweep", "transform"):
        for reason in ("Success", *map(str, Reason)):
            assert REGISTRY.get_sample_value("mars_jobs_ended_total", {"kind": kind, "reason": reason}) is not None


def test_dead_letters_are_counted_from_zero_too() -> None:
    for topic in TOPICS:
        expect_topic(topic)
        for reason in map(str, DeadLetterReason):
            assert REGISTRY.get_sample_value("mars_dead_letters_total", {"topic": topic, "reason": reason}) is not None
