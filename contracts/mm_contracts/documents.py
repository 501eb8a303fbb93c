"""Shapes of the objects in the bucket. TypedDicts, so that a Job that only writes them imports nothing heavy."""

from typing import Any, Literal, TypedDict

SolStatus = Literal["complete", "mismatch", "not_promised", "failed"]
"""What came of one sol.

``complete``: photo count and cameras agree with the manifest. ``mismatch``: the answer is whole and valid but disagrees
with the manifest. ``not_promised``: the manifest has no such sol (it has no photos, or lies beyond ``max_sol``).
``failed``: no usable answer; ``reason`` says why. A failed sol is never an empty one.
"""


class Attempt(TypedDict):
    """One attempt at a sol: what the manifest promised then, and what came."""

    attempt: int
    """The batch's attempt that asked, from 1."""
    status: SolStatus
    reason: str | None
    message: str
    promised_photos: int | None
    promised_cameras: list[str] | None
    received_photos: int
    received_cameras: list[str]
    requested_at: str


class SolOutcome(Attempt):
    """What is true of a sol now, and the batch's attempts at it that this one took the place of."""

    sol: int
    earlier: list[Attempt]
    """Oldest first. Their photos, if there were any, are not in the object."""


class Provenance(TypedDict):
    """What made an object: common to all three kinds."""

    filename: str
    rover_name: str
    source: str
    plan: str
    batch: int
    attempt: int
    trace_id: str
    ingestion_date: str


class PhotosDocument(Provenance):
    """A batch of sols. ``photos`` holds NASA v1 photo objects of all its sols, as the source served them."""

    sol_start: int
    sol_end: int
    photo_count: int
    photos: list[dict[str, Any]]
    sols: list[SolOutcome]


class ManifestsDocument(Provenance):
    """One rover's manifest, NASA v1's ``photo_manifest`` object, in a list of one."""

    manifests: list[dict[str, Any]]


class CoordinatesDocument(Provenance):
    """One rover's drives: the features of an MMGIS traverse layer, each with ``rover_name`` added."""

    coordinate_count: int
    coordinates: list[dict[str, Any]]
