"""What one element of a batch's ``photos`` list looks like, whatever kind of source it came from. No I/O, no pydantic.

Sources that speak the Mars Photos API v1 (kinds ``nasa-v1`` and ``marsvista-v1``) are kept as they came: their elements
are v1 photo objects. Every other kind yields a ``Photo``: it has v1's keys (``id``, ``sol``, ``camera.name``,
``img_src``, ``earth_date``) with v1's meaning, so that one reader takes both, and beside them the canonical fields
that v1 has not, and ``raw``, the item as the source served it.

A picture's identity is ``image_id``: for every kind the stem of its file's name without the suffix that tells a size.
"""

import re
from datetime import date, timedelta
from typing import Any, Final, TypedDict

from mm_contracts.rovers import canonical_rover

V1_KINDS: Final = ("nasa-v1", "marsvista-v1")
"""Kinds whose photos are kept as they came."""

SIZE_SUFFIX: Final = "(_(320|800|1200)|-(BR|THM))$"
"""End of a file name's stem that tells only the size: Perseverance's JPEGs, and Spirit's and Opportunity's.

The same expression works in SQL: ``regexp_replace(<stem>, SIZE_SUFFIX, '')``, the stem being the text between the last
``/`` of ``img_src`` (without a query) and the first ``.`` after it.
"""
_SIZE: Final = re.compile(SIZE_SUFFIX)

SOL_SECONDS: Final = 88775.244
"""Length of a sol in SI seconds."""

LANDING_DATES: Final = {
    "Curiosity": date(2012, 8, 6),
    "Opportunity": date(2004, 1, 25),
    "Perseverance": date(2021, 2, 18),
    "Spirit": date(2004, 1, 4),
}
LAUNCH_DATES: Final = {
    "Curiosity": date(2011, 11, 26),
    "Opportunity": date(2003, 7, 7),
    "Perseverance": date(2020, 7, 30),
    "Spirit": date(2003, 6, 10),
}


class Camera(TypedDict):
    """The camera by NASA's name of the instrument, as the source serves it (``NAVCAM_LEFT``, ``NAV_LEFT_B``)."""

    name: str
    full_name: str | None


class RoverName(TypedDict):
    """The rover, in v1's form."""

    name: str


class Photo(TypedDict):
    """A photo of a source of any kind that is not v1. A field that the source lacks or that cannot be used is null."""

    id: int | None
    """The source's own number, where it has one; another source has another."""
    image_id: str
    """Identity of the picture over all sources: ``image_id(img_src)``."""
    source: str
    source_kind: str
    sol: int
    camera: Camera
    rover: RoverName
    earth_date: str
    """By v1's rule (``earth_date``), ``YYYY-MM-DD``; the moment itself is ``taken_at``."""
    img_src: str
    """URL of the largest JPEG, else of the only file."""
    files: dict[str, str]
    """URLs by size: ``small``, ``medium``, ``large``, ``full``; only those that the source gives."""
    nasa_id: str | None
    """The image id as the source spells it; Perseverance's feed leaves the product's version out."""
    taken_at: str | None
    """UTC, RFC 3339 with milliseconds."""
    received_at: str | None
    """When Earth had it; UTC, RFC 3339 with milliseconds."""
    local_time: str | None
    """Local mean solar time of the rover, ``HH:MM:SS.sss``."""
    sclk: float | None
    """Spacecraft clock in seconds, as the source says it; the file name's can differ by some seconds."""
    site: int | None
    drive: int | None
    sample_type: str | None
    """Lower case: ``full``, ``subframe``, ``downsampled``, ``thumbnail``, ``chemcam prc``."""
    is_thumbnail: bool | None
    filter: str | None
    mast_azimuth: float | None
    """Degrees."""
    mast_elevation: float | None
    """Degrees."""
    width: int | None
    """Pixels."""
    height: int | None
    """Pixels."""
    title: str | None
    caption: str | None
    credit: str | None
    raw: dict[str, Any]
    """The item as the source served it (clean JSON: see ``SetAside``)."""


class SetAside(TypedDict):
    """Something that an answer held and that could not be used, kept beside what could.

    A photo's are in its sol's outcome, a manifest's and a layer's in the document's own ``set_aside``. They are no
    part of any count of what came.
    """

    what: str
    """The grain: ``photo``, ``sol``, ``feature``; or ``field``, of one that came and in which the field is null."""
    reason: str
    """A word that does not change: ``NotAnObject``, ``NoIdentity``, ``OtherSol``, ``NoSol``, ``NoCount``,
    ``NoGeometry``, ``ListedTwice``, ``TooDeep``, ``BadField``."""
    message: str
    raw: Any
    """The item as served; null where it is larger than 8 KiB, which ``message`` then says."""


def image_id(url: str) -> str | None:
    """Return the identity of the picture behind an image's URL or file name; None where it names no file."""
    stem = url.partition("?")[0].partition("#")[0].rpartition("/")[2].partition(".")[0]
    return _SIZE.sub("", stem) or None


def earth_date(rover: str, sol: int) -> str:
    """Return the Earth date that v1 gives a sol, ``YYYY-MM-DD``: one for each sol.

    ``landing date + floor(sol * 88775.244 s / 86400 s)`` days, true of all 2,868 sols of Curiosity's manifest. It is
    not the UTC date of the photos, which can be a day off.

    Raises:
        ValueError: an unknown rover.
        OverflowError: a sol beyond the year 9999.
    """
    return (LANDING_DATES[canonical_rover(rover)] + timedelta(days=int(sol * SOL_SECONDS // 86400))).isoformat()
