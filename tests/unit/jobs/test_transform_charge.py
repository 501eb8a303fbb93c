"""Who is in charge of a rover's promise: hand-over, return with hysteresis, and which manifests are asked for."""

from datetime import datetime, timedelta

import pytest
from mm_jobs.transform.charge import Charge, HandOver, hand_over, next_look, to_ask

NOW = datetime(2026, 1, 10, 12)
DAY = timedelta(days=1)
ORDER = ("first", "second")


def ago(*hours: float) -> list[datetime]:
    return [NOW - timedelta(hours=hour) for hour in hours]


def decide(
    manifests: dict[str, list[datetime]], charge: Charge | None = None, order: tuple[str, ...] = ORDER
) -> HandOver | None:
    return hand_over("Curiosity", order, manifests, charge, NOW, DAY)


@pytest.mark.parametrize(
    "manifests",
    [
        {},
        {"first": ago(1)},
        {"first": ago(100)},  # stale, and nobody is better
        {"first": ago(5), "second": ago(1)},  # another source's newer manifest changes nothing
        {"first": ago(23.9), "second": ago(0)},
        {"first": ago(50), "second": ago(30)},  # neither is well
    ],
)
def test_while_the_first_is_well_or_nobody_is_better_nothing_changes(manifests: dict[str, list[datetime]]) -> None:
    assert decide(manifests) is None


def test_a_stale_source_hands_over_to_the_next_that_is_well_and_it_is_told_why() -> None:
    change = decide({"first": ago(25), "second": ago(30), "third": ago(1)}, order=("first", "second", "third"))
    assert change is not None
    assert (change.former, change.source, change.reason) == ("first", "third", "SourceStale")
    assert change.message == "the newest manifest of source first is 25 hours old; third has one of 60 minutes"


def test_it_takes_back_after_two_manifests_and_not_after_one() -> None:
    charge = Charge("second", NOW - timedelta(hours=3))
    assert decide({"first": ago(1, 25, 31), "second": ago(1)}, charge) is None
    change = decide({"first": ago(1, 2, 25), "second": ago(1)}, charge)
    assert change is not None
    assert (change.former, change.source, change.reason) == ("second", "first", "SourceWell")
    # What it gave before it failed does not count.
    assert decide({"first": ago(4, 5, 6), "second": ago(1)}, charge) is None


def test_a_source_that_left_the_list_is_in_charge_no_more() -> None:
    change = decide({"old": ago(1), "second": ago(1)}, Charge("old", NOW - DAY))
    assert change is not None
    assert (change.source, change.reason) == ("second", "NotConfigured")
    assert decide({"old": ago(1)}, Charge("old", NOW - DAY)) is None, "nobody else has a manifest yet"


def test_the_same_state_never_flips() -> None:
    manifests = {"first": ago(25), "second": ago(1)}
    change = decide(manifests)
    assert change is not None
    assert decide(manifests, Charge(change.source, NOW)) is None


def test_manifests_are_asked_for_only_where_a_hand_over_may_come() -> None:
    ask = [to_ask(ORDER, manifests, charge, NOW, DAY) for manifests, charge in (
        ({"first": ago(1)}, None),
        ({"first": ago(13)}, None),
        ({"first": ago(30), "second": ago(1)}, Charge("second", NOW)),
        ({"first": ago(1), "second": ago(1)}, Charge("second", NOW)),
        ({}, None),
    )]  # fmt: skip
    assert ask == [[], ["first", "second"], ["first"], [], ["first", "second"]]
    assert to_ask(("only",), {"only": ago(99)}, None, NOW, DAY) == []


def test_it_is_looked_at_again_when_the_newest_manifest_grows_stale() -> None:
    assert next_look(("only",), {"only": ago(1)}, NOW, DAY) is None
    assert next_look(ORDER, {"first": ago(11)}, NOW, DAY) == NOW + timedelta(hours=1)
    assert next_look(ORDER, {"first": ago(22)}, NOW, DAY) == NOW + timedelta(hours=2)
    assert next_look(ORDER, {"first": ago(99)}, NOW, DAY) == NOW + timedelta(hours=6)
