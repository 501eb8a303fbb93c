"""Shapes of the objects in the bucket. TypedDicts, so that a Job that only writes them imports nothing heavy.

Every object that is written now has all fields; those that are NotRequired are missing from objects of older versions.
"""

from typing import Any, Literal, NotRequired, TypedDict

from mm_contracts.photos import SetAside

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
    set_aside: NotRequired[list[SetAside]]
    """Items of the answer that could not be used; they are not counted as received."""


class Budget(TypedDict):
    """What the source itself said of its limits in the last answer that said anything; null where it said nothing."""

    limit: int | None
    remaining: int | None
    reset_at: str | None
    """RFC 3339, UTC."""


class Provenance(TypedDict):
    """What made an object: common to all three kinds."""

    filename: str
    rover_name: str
    source: str
    source_kind: NotRequired[str]
    plan: str
    batch: int
    attempt: int
    trace_id: str
    ingestion_date: str
    requests: NotRequired[int]
    """Requests that this attempt made of the source, tries again included."""
    budget: NotRequired[Budget]


class PhotosDocument(Provenance):
    """A batch of sols. ``photos`` holds the photos of all its sols: see ``mm_contracts.photos`` for their form."""

    sol_start: int
    sol_end: int
    photo_count: int
    photos: list[dict[str, Any]]
    sols: list[SolOutcome]


class ManifestsDocument(Provenance):
    """One rover's manifest, in the form of NASA v1's ``photo_manifest`` object, in a list of one.

    Each sol is there once, its ``sol`` and ``total_photos`` whole numbers. A manifest that the source does not have and
    that was counted has ``"derived": true``, and its sols have no ``cameras``.
    """

    manifests: list[dict[str, Any]]
    set_aside: NotRequired[list[SetAside]]


class Layer(TypedDict):
    """What came of one MMGIS layer."""

    name: str
    """``traverse``, ``waypoints``, ``waypoints_current``, ``helicopter_waypoints`` or ``helicopter_path``."""
    status: Literal["complete", "failed"]
    reason: str | None
    message: str
    features: int


class Place(TypedDict):
    """A feature of a layer of waypoints or of the helicopter, typed. What the layer lacks or spoils is null."""

    layer: str
    rover_name: str
    sol: int | None
    flight: int | None
    site: int | None
    drive: int | None
    rmc: str | None
    lon: float | None
    """Degrees east, planetocentric; from the properties, else from the geometry where that is in degrees."""
    lat: float | None
    """Degrees north, planetocentric."""
    elevation_m: float | None
    easting_m: float | None
    northing_m: float | None
    distance_m: float | None
    """Of this drive or flight."""
    total_distance_m: float | None
    """The odometer, as served: it has gone back to 0."""
    roll: float | None
    pitch: float | None
    yaw: float | None
    tilt: float | None
    sclk_start: float | None
    sclk_end: float | None
    final: str | None
    """``y`` the end of a drive, ``m`` mid-drive; lower case."""
    raw: dict[str, Any]
    """The feature as served."""


class CoordinatesDocument(Provenance):
    """One rover's drives and places."""

    coordinate_count: int
    coordinates: list[dict[str, Any]]
    """Features of the traverse layer as served, each with ``rover_name`` added."""
    places: NotRequired[list[Place]]
    """Waypoints (the full history and the current one) and the helicopter's, by ``layer``."""
    layers: NotRequired[list[Layer]]
    set_aside: NotRequired[list[SetAside]]
