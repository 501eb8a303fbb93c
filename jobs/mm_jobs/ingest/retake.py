"""What was set aside of an answer, read again without asking for it: what reads it changes with an upgrade. Pure."""

from typing import NamedTuple, cast

from mm_contracts.documents import SolOutcome
from mm_contracts.photos import SetAside

from mm_jobs.ingest import clean, outcomes
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.kept import of_shape
from mm_jobs.ingest.model import PhotoDict, Unusable
from mm_jobs.ingest.paging import identity
from mm_jobs.ingest.sources import PHOTO_KINDS
from mm_jobs.ingest.sources.base import PhotoSource
from mm_jobs.ingest.spec import SourceSettings

_NOBODY = cast(SourceClient, None)
"""Whom a reader asks: it asks nobody."""


class Retaken(NamedTuple):
    """A batch's object with what can be read now, and how many photos that is."""

    body: bytes
    photos: int


def retaken(body: bytes) -> Retaken | None:
    """Return a batch's object with the photos that its sols set aside and that can be used now.

    Everything else stays as it is: the time of the answer, the attempts, and what still cannot be used.

    Args:
        body: the object's bytes, any.

    Returns:
        None where nothing more can be used, or it is no batch's object.
    """
    try:
        document = clean.parse(body)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("sols"), list):
        return None
    kind, photos, rover = document.get("source_kind"), document.get("photos"), document.get("rover_name")
    if not isinstance(photos, list) or not isinstance(rover, str) or kind not in PHOTO_KINDS:
        return None
    if not all(isinstance(photo, dict) and type(photo.get("sol")) is int for photo in photos):
        return None
    source = PHOTO_KINDS[kind](SourceSettings(str(document.get("source")), kind, ""), _NOBODY)
    sols, more = [], 0
    for entry in document["sols"]:
        outcome = of_shape({"earlier": [], **entry}, SolOutcome) if isinstance(entry, dict) else None
        had = [photo for photo in photos if outcome is not None and photo["sol"] == outcome["sol"]]
        if outcome is None or not outcome.get("set_aside") or len(had) != outcome["received_photos"]:
            sols.append(entry)
            continue
        new, left = _read_again(source, rover, outcome, had)
        photos, more = photos + new, more + len(new)
        sols.append({**entry, **outcomes.taken_in(outcome, had + new, left)} if new else entry)
    if not more:
        return None
    photos.sort(key=lambda photo: photo["sol"])  # stable: of one sol they stay as they came
    return Retaken(clean.dumps({**document, "photos": photos, "photo_count": len(photos), "sols": sols}), more)


def _read_again(
    source: PhotoSource, rover: str, outcome: SolOutcome, had: list[PhotoDict]
) -> tuple[list[PhotoDict], list[SetAside]]:
    """Return the photos that can be used now and were not there, and what still cannot be used."""
    known, new, left = {identity(photo) for photo in had}, [], []
    for one in outcome["set_aside"]:
        try:
            photo = source.read(one["raw"], rover, outcome["sol"]) if one["what"] == "photo" else None
        except Unusable:
            photo = None
        if photo is None:  # or it is of a sample type that nobody asked for then: who reads it here cannot know
            left.append(one)
        elif identity(photo) not in known:
            known.add(identity(photo))
            new.append(photo)
    return new, left
