"""Which source's manifest is a rover's promise: the first of its list that is well. Pure.

A source is well while its newest manifest is not stale. One that is not hands over to the next in the list that is; one
that stands before the source in charge takes charge again after two manifests since then, so that a source which comes
and goes does not carry the promise with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_TO_RETURN: Final = 2
"""Manifests that a source has to give before it takes charge again."""

Manifests = Mapping[str, Sequence[datetime]]
"""Times of a rover's latest manifests by source, newest first. All times are UTC, without a zone."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Who is in charge of a rover's promise, since when, and why."""

    source: str
    since: datetime
    former: str = ""
    reason: str = ""
    message: str = ""
    id: int = 0
    """Of its row in the ledger."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """A change of who is in charge."""

    rover: str
    source: str
    former: str
    reason: str
    """SourceStale, SourceWell or NotConfigured."""
    message: str


def ranked(order: Sequence[str], manifests: Manifests) -> list[str]:
    """Return the sources that have a manifest: those of the list in its order, then the others by their name."""
    return [name for name in order if manifests.get(name)] + sorted(name for name in manifests if name not in order)


def hand_over(
    rover: str,
    order: Sequence[str],
    manifests: Manifests,
    charge: Charge | None,
    now: datetime,
    stale_after: timedelta,
) -> HandOver | None:
    """Return the change that is due, or None.

    Args:
        rover: its name.
        order: names of its sources, best first.
        manifests: see ``Manifests``.
        charge: the latest decision; None where there was none, and the first that has a manifest is in charge.
        now: the time.
        stale_after: age of a newest manifest beyond which its source is not well.
    """
    known = ranked(order, manifests)
    if len(known) < 2:
        return None
    well = [name for name in known if now - manifests[name][0] <= stale_after]
    present = charge.source if charge and charge.source in known else known[0]
    if order and present not in order and (chosen := next((name for name in known if name in order), None)):
        message = f"source {present} is not among the rover's sources any more"
        return HandOver(
            rover, next((name for name in well if name in order), chosen), present, "NotConfigured", message
        )
    if present not in well:
        if not well:
            return None  # nobody is better
        old, new = (_told(now - manifests[name][0]) for name in (present, well[0]))
        message = f"the newest manifest of source {present} is {old} old; {well[0]} has one of {new}"
        return HandOver(rover, well[0], present, "SourceStale", message)
    for better in known[: known.index(present)]:
        lately = [at for at in manifests[better] if charge is None or at > charge.since]
        if better in well and len(lately) >= _TO_RETURN:
            message = f"source {better} stands before {present} and has given {len(lately)} manifests since it was out"
            return HandOver(rover, better, present, "SourceWell", message)
    return None


def to_ask(
    order: Sequence[str], manifests: Manifests, charge: Charge | None, now: datetime, stale_after: timedelta
) -> list[str]:
    """Return the sources whose manifest is to be asked for besides the usual schedule.

    While all is well, one manifest is enough: none is asked for. When the source in charge is not the first of the
    list, or is about to be stale, every source of the list that has no fresh manifest is asked, so that there is one to
    hand over to, and the first can come back.
    """
    if len(order) < 2:
        return []
    known = ranked(order, manifests)
    present = charge.source if charge and charge.source in known else next(iter(known), order[0])
    newest = next(iter(manifests.get(present, ())), None)
    at_risk = newest is None or now - newest > stale_after / 2
    if present == order[0] and not at_risk:
        return []
    return [
        name
        for name in order
        if not manifests.get(name) or now - manifests[name][0] > stale_after / (4 if name == order[0] else 2)
    ]


def next_look(order: Sequence[str], manifests: Manifests, now: datetime, stale_after: timedelta) -> datetime | None:
    """Return when to look at this again, if nothing else calls for it; None where there is nothing to choose."""
    if len(order) < 2:
        return None
    ages = [manifests[name][0] + stale_after * share for name in order if manifests.get(name) for share in (0.5, 1.0)]
    coming = [at for at in ages if at > now]
    return min([*coming, now + stale_after / 4])


def _told(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{age.total_seconds() / 60:.0f} minutes"
