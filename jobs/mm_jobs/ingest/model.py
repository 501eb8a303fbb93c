"""What sources of every kind give: pages of photos, manifests, and what of them could not be used."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from mm_contracts.photos import SetAside

from mm_jobs.ingest import clean

LARGEST_ASIDE: Final = 8192
"""Bytes of an item that is kept although nobody can use it."""

PhotoDict = dict[str, Any]
"""A v1 photo object, or a ``contracts.photos.Photo``."""


class Unusable(Exception):
    """An item that cannot be used: a word that does not change (``contracts.photos.SetAside``) and a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def aside(what: str, problem: Unusable, raw: Any) -> SetAside:
    """Return the record of something that was set aside, small enough to be kept."""
    message = str(problem)[:300]
    size = len(clean.dumps(raw))
    if size > LARGEST_ASIDE:
        raw, message = None, f"{message} (of {size} bytes, not kept)"
    return SetAside(what=what, reason=problem.reason, message=message, raw=raw)


def lost_field(name: str, value: Any, whose: str) -> SetAside:
    """Return the record of a field's value that could not be used, and is null in what came."""
    said = "" if isinstance(value, dict | list) else f" {str(value)[:60]!r}"
    return aside(
        "field", Unusable("BadField", f"{name} of {whose} cannot be used:{said or ' it is of another type'}"), value
    )


class Promise(NamedTuple):
    """What a manifest promises for one sol."""

    photos: int
    cameras: list[str] | None
    """Camera names, alphabetical; None where the manifest does not list them."""


@dataclass(slots=True)
class Manifest:
    """A rover's manifest, read."""

    promises: dict[int, Promise]
    unusable: dict[int, str]
    """Sols that it lists without saying how many photos they have, and what it says instead."""
    max_sol: int | None
    body: dict[str, Any]
    """In the form of v1's ``photo_manifest``, each sol once: what goes into the object."""
    set_aside: list[SetAside] = field(default_factory=list)


class Page(NamedTuple):
    """One page of a sol's photos, as the answer has it."""

    items: list[Any]
    total: int | None = None
    """How many items the source says that the sol has, over all pages."""
    more: bool | None = None
    """Whether the source says that another page follows; None where it says nothing."""


def counted(asides: Iterable[SetAside]) -> dict[str, int]:
    """Return how many things of each grain were set aside."""
    found: dict[str, int] = {}
    for one in asides:
        found[one["what"]] = found.get(one["what"], 0) + 1
    return found
