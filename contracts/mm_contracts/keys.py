"""Object keys in the bucket: functions of the plan and the batch, so that a retry overwrites its own object."""

import re
from typing import Final, NamedTuple

BUCKET: Final = "mars"
PHOTOS: Final = "photos"
COORDINATES: Final = "coordinates"
MANIFESTS: Final = "manifests"
DATASETS: Final = (PHOTOS, COORDINATES, MANIFESTS)
"""What is loaded into the warehouse."""
IMAGES: Final = "images"
"""The pictures themselves: the dataset of plans that mirror them, and what their keys begin with."""
TIMELAPSE: Final = "timelapse"
"""The dataset of plans that make a video of mirrored pictures."""
VIDEOS: Final = "videos"
PLAN_DATASETS: Final = (*DATASETS, IMAGES, TIMELAPSE)
"""What plans can be about."""
WITH_SOLS: Final = (PHOTOS, IMAGES, TIMELAPSE)
"""Datasets whose plans name sols; those of pictures may leave them out, and are then about the newest ones."""
THUMBNAILS: Final = "thumbnails"
BACKED_UP: Final = (f"{PHOTOS}/", f"{COORDINATES}/", "images/", f"{MANIFESTS}/")
"""Prefixes of what a backup has, in the order of its return: promises last, or they would be gaps till then."""
DOCS_PAGE: Final = "docs/index.html"
"""The page that describes the models: written by transform Jobs, read by its server, no data of the archive."""
LINEAGE: Final = "docs/lineage.json"
"""Each table and what it came from, written with that page: a list of {name, layer, description, from}."""
WORK_PREFIX: Final = "work/"
"""What Jobs keep for each other, pages of unfinished sols and manifests: no data of the archive, and without events."""
COUNTS_PREFIX: Final = "work/counts/"
"""What derived manifests have counted: the one thing under ``work/`` that is never old."""

_STAMP = r"[0-9]{8}T[0-9]{6}Z(?:-[0-9a-z]+)?"
_PHOTOS = re.compile(rf"photos/([a-z]+)/mars_rover_photos_batch_sol_([0-9]{{1,5}})_to_([0-9]{{1,5}})_({_STAMP})\.json")
_OTHER = re.compile(rf"(coordinates|manifests)/([a-z]+)/mars_rover_(coordinates|manifests)_batch_({_STAMP})\.json")


class ObjectKey(NamedTuple):
    """What an object's key says. ``rover`` is lower-case; ``sols`` is None but for photos."""

    dataset: str
    rover: str
    stamp: str
    sols: tuple[int, int] | None = None


def plan_stamp(creation_timestamp: str, uid: str) -> str:
    """Return the time part of a plan's keys: ``20251123T125950Z-1a2b3c4d``.

    Args:
        creation_timestamp: the plan's ``metadata.creationTimestamp``, RFC 3339 in UTC, one-second resolution.
        uid: the plan's ``metadata.uid``; its first eight digits keep two plans of one second apart.
    """
    digits = re.sub(r"[-:]", "", creation_timestamp.removesuffix("Z").partition(".")[0])
    return f"{digits}Z-{uid.replace('-', '')[:8]}"


def photos_key(rover: str, first_sol: int, last_sol: int, stamp: str) -> str:
    """Return the key of a photo batch of sols ``first_sol``..``last_sol`` (its smallest and largest sol)."""
    return f"photos/{rover.lower()}/mars_rover_photos_batch_sol_{first_sol}_to_{last_sol}_{stamp}.json"


def image_key(rover: str, sol: int, file: str) -> str:
    """Return the key of a mirrored picture, whose file is called as at its source."""
    return f"{IMAGES}/{rover.lower()}/{sol}/{file}"


def image_ledger_key(rover: str, sol: int) -> str:
    """Return the key of what is known of a sol's mirrored pictures: {rover, sol, images: {file: {...}}}."""
    return f"{IMAGES}/{rover.lower()}/{sol}/ledger.json"


def thumbnail_key(rover: str, sol: int, image_id: str, size: str) -> str:
    """Return the key of a picture's thumbnail; ``size`` is one of ``pictures.SIZES``."""
    return f"{THUMBNAILS}/{rover.lower()}/{sol}/{image_id}-{size}.webp"


def video_key(rover: str, camera: str, first_sol: int, last_sol: int) -> str:
    """Return the key of a camera's video over sols."""
    name = "".join(char if char.isalnum() or char in "-_" else "_" for char in camera.lower())
    return f"{VIDEOS}/{rover.lower()}/{name}_sol_{first_sol}_to_{last_sol}.mp4"


def work_key(*parts: str) -> str:
    """Return the key of something that Jobs keep for each other: ``work_key("parts", key)`` of a batch's pages."""
    return WORK_PREFIX + "/".join(parts)


def dataset_key(dataset: str, rover: str, stamp: str) -> str:
    """Return the key of a rover's manifest or coordinates object."""
    return f"{dataset}/{rover.lower()}/mars_rover_{dataset}_batch_{stamp}.json"


def parse_key(key: str) -> ObjectKey:
    """Return what an (unescaped) object key says.

    Raises:
        ValueError: the key is not one of this product's.
    """
    if match := _PHOTOS.fullmatch(key):
        return ObjectKey(PHOTOS, match[1], match[4], (int(match[2]), int(match[3])))
    if (match := _OTHER.fullmatch(key)) and match[1] == match[3]:
        return ObjectKey(match[1], match[2], match[4])
    raise ValueError(f"{key!r} is not the key of a photos, coordinates or manifests object")
