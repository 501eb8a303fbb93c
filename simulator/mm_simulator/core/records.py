"""A photo as the raw feeds know it: NASA's image id, instrument, clock, place and kind of sample, from one record.

Every flavour of the simulator is a projection of these records, so that the same picture is the same in all of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mm_simulator.core.facts import CAMERA_BY_ID, Rover
from mm_simulator.core.frames import role
from mm_simulator.core.photos import Photo
from mm_simulator.core.rand import Rand
from mm_simulator.core.timebase import CLOCKS

_M20_SIZE = re.compile(r"(_320\.jpg|_800\.jpg|_1200\.jpg|\.png)$")
_MER_SIZE = re.compile(r"(-BR|-THM|)\.JPG$", re.IGNORECASE)
_VERSION = re.compile(r"(?<=[A-Z])\d\d$")
_M20_PLACE = re.compile(r"_[NT](\d{3})(\d{4})")
_MSL_PLACE = re.compile(r"(?:EDR|PRC)_([FSDTM])(\d{3})(\d{4})")
_MSSS = re.compile(r"^\d{4}M[LRHD].*([A-Z])\d{1,2}_DXXX")
_MSL_EYE = re.compile(r"^[FRN]([LR])([AB])_|^\d{4}M([LR])")
_MSL_SAMPLES = {"F": "full", "S": "subframe", "D": "downsampled", "T": "thumbnail", "M": "full"}
_MSSS_THUMBNAILS = "GHITU"
_MSL_INSTRUMENTS = {"FHAZ": "FHAZ", "RHAZ": "RHAZ", "NAVCAM": "NAV"}
# Seconds from the clock in an image's name to the feed's own reading of it: measured on real answers.
_LATER = {"NAVCAM": (0.03, 1.6), "FHAZ": (0.03, 1.6), "RHAZ": (0.03, 1.6), "SKYCAM": (2.99, 3.0)}


class Record(NamedTuple):
    """One photo. ``clock`` is the feed's spacecraft clock (s), ``utc`` and ``received`` are Unix seconds.

    ``site`` and ``drive`` are the rover motion counter; ``thumbnail`` marks the small sibling of another photo.
    """

    photo: Photo
    rover: Rover
    sol: int
    stem: str
    image_id: str
    instrument: str
    sample_type: str
    clock: float
    utc: float
    site: int | None
    drive: int | None
    received: float
    thumbnail: bool = False

    @property
    def lmst(self) -> str:
        """Local mean solar time as the feeds write it."""
        hours = CLOCKS[self.rover.name].lmst(self.utc)
        seconds = min(86_399.999, hours * 3600.0)
        return f"Sol-{self.sol:05d}M{int(hours):02d}:{int(seconds) // 60 % 60:02d}:{seconds % 60:06.3f}"


def stem(rover: str, img_src: str) -> str:
    """The name of an image without its size and file type: what all sizes of one picture share."""
    file = img_src.rpartition("/")[2]
    if rover == "Perseverance":
        return _M20_SIZE.sub("", file)
    if rover == "Curiosity":
        return file.rpartition(".")[0]
    return _MER_SIZE.sub("", file)


def image_id(rover: str, name: str) -> str:
    """NASA's image id of a stem: Perseverance's leaves the version out."""
    return _VERSION.sub("", name) if rover == "Perseverance" else name


def instrument(rover: str, camera: str, name: str) -> str:
    """The feed's name of a camera: Curiosity's tells eye and computer side, which v1 folded until 2025."""
    if rover != "Curiosity":
        return camera
    if camera == "CHEMCAM":
        return "CHEMCAM_RMI"
    match = _MSL_EYE.match(name)
    if match is None or "_" in camera:
        return camera
    eye = "LEFT" if (match[1] or match[3]) == "L" else "RIGHT"
    return f"{_MSL_INSTRUMENTS[camera]}_{eye}_{match[2]}" if match[1] else f"MAST_{eye}"


def sample_type(rover: str, name: str) -> str:
    """full, subframe, downsampled, thumbnail or chemcam prc, by the product's letter; Full for Perseverance."""
    if rover == "Perseverance":
        return "Full"
    if rover != "Curiosity":
        return "full"
    if "PRC_" in name:
        return "chemcam prc"
    if place := _MSL_PLACE.search(name):
        return _MSL_SAMPLES[place[1]]
    msss = _MSSS.match(name)
    return "thumbnail" if msss and msss[1] in _MSSS_THUMBNAILS else "full"


def _place(rover: str, name: str) -> tuple[int, int] | None:
    """The rover motion counter that a name tells; Curiosity's science cameras tell none."""
    if rover == "Perseverance":
        match = _M20_PLACE.search(name)
        return (int(match[1]), int(match[2])) if match else None
    match = _MSL_PLACE.search(name) if rover == "Curiosity" else None
    return (int(match[2]), int(match[3])) if match else None


def record(rand: Rand, rover: Rover, sol: int, photo: Photo, received: float) -> Record:
    """One photo's record."""
    camera = CAMERA_BY_ID[photo.camera_id].name
    name = stem(rover.name, photo.img_src)
    site, drive = _place(rover.name, name) or (None, None)
    clock = photo.sclk + photo.ms / 1000.0
    if rover.name == "Perseverance" and (window := _LATER.get(role(photo.camera_id)[0])):
        # By the frame: both eyes and all tiles of one show the same moment.
        clock += rand.between(rover.name, sol, "feed-clock", photo.sclk * 1000 + photo.ms, *window)
    utc = CLOCKS[rover.name].unix_of_sclk(clock)
    return Record(
        photo, rover, sol, name, image_id(rover.name, name), instrument(rover.name, camera, name),
        sample_type(rover.name, name), round(clock, 3), utc, site, drive, received,
    )  # fmt: skip


def thumbnail_name(rover: str, name: str) -> str | None:
    """The name (of a stem or a whole address) of a photo's thumbnail, or None for what is one, or has none."""
    if rover == "Perseverance":
        return re.sub(r"_N(\d{7})", r"_T\1", name, count=1)
    if rover != "Curiosity" or sample_type(rover, name.rpartition("/")[2]) == "thumbnail":
        return None
    if re.search(r"EDR_[FSDM]\d{7}", name):
        return re.sub(r"EDR_([FSDM])(\d{7})", r"EDR_T\2", name, count=1)
    return re.sub(r"[A-Z](\d{1,2})_DXXX", r"I\1_DXXX", name, count=1) if "_DXXX" in name else None


def thumbnail(full: Record) -> Record | None:
    """The record of a photo's thumbnail, or None if the feed has none of it. It keeps the photo's own id."""
    address = thumbnail_name(full.rover.name, full.photo.img_src)
    if address is None:
        return None
    name = stem(full.rover.name, address)
    return full._replace(
        photo=full.photo._replace(img_src=address),
        stem=name,
        image_id=image_id(full.rover.name, name),
        sample_type="Thumbnail" if full.rover.name == "Perseverance" else "thumbnail",
        thumbnail=True,
    )
