"""What the raw feeds say of instruments in words, and the size of their pictures."""

from __future__ import annotations

from typing import NamedTuple

_MASTCAM = "Mastcam-Z Camera"


class Look(NamedTuple):
    """How a feed describes an instrument: its title, its place in a caption, and width and height in pixels."""

    title: str
    caption: str
    width: int
    height: int


def _haz(front: str, eye: str) -> Look:
    name = f"{front} {eye} Hazard Avoidance Camera (Hazcam)"
    return Look(name, f"onboard {front} {eye} Hazard Avoidance Camera (Hazcam)", 1280, 960)


M20: dict[str, Look] = {
    "NAVCAM_LEFT": Look("Left Navigation Camera (Navcam)", "onboard Left Navigation Camera (Navcam)", 1280, 960),
    "NAVCAM_RIGHT": Look("Right Navigation Camera (Navcam)", "onboard Right Navigation Camera (Navcam)", 1280, 960),
    "FRONT_HAZCAM_LEFT_A": _haz("Front", "Left"),
    "FRONT_HAZCAM_RIGHT_A": _haz("Front", "Right"),
    "REAR_HAZCAM_LEFT": _haz("Rear", "Left"),
    "REAR_HAZCAM_RIGHT": _haz("Rear", "Right"),
    "MCZ_LEFT": Look(f"Left {_MASTCAM}", f"Left {_MASTCAM}", 1648, 1200),
    "MCZ_RIGHT": Look(f"Right {_MASTCAM}", f"Right {_MASTCAM}", 1648, 1200),
    "SKYCAM": Look("SkyCam Camera ", "SkyCam", 1056, 1024),  # the real title ends in a blank
    "SHERLOC_WATSON": Look("WATSON Camera", "SHERLOC WATSON camera", 1648, 1200),
    "SUPERCAM_RMI": Look("SuperCam Camera", "SuperCam instrument", 2048, 2048),
    "LCAM": Look("Lander Vision System Camera", "Lander Vision System Camera", 1024, 1024),
    "EDL_RUCAM": Look("Rover Up-Look Camera", "Rover Up-Look Camera", 1280, 1024),
    "EDL_RDCAM": Look("Rover Down-Look Camera", "Rover Down-Look Camera", 1280, 1024),
    "EDL_DDCAM": Look("Descent Stage Down-Look Camera", "Descent Stage Down-Look Camera", 2048, 1536),
    "EDL_PUCAM1": Look("Parachute Up-Look Camera A", "Parachute Up-Look Camera A", 1280, 1024),
    "EDL_PUCAM2": Look("Parachute Up-Look Camera B", "Parachute Up-Look Camera B", 1280, 1024),
}

# Curiosity: title, and the feed's own order of instruments.
MSL: dict[str, tuple[str, int]] = {
    "FHAZ_LEFT": ("Front Hazard Avoidance Camera", 1),
    "FHAZ_RIGHT": ("Front Hazard Avoidance Camera", 2),
    "RHAZ_LEFT": ("Rear Hazard Avoidance Camera", 3),
    "RHAZ_RIGHT": ("Rear Hazard Avoidance Camera", 4),
    "CHEMCAM_RMI": ("Chemistry & Camera", 5),
    "MARDI": ("Mars Descent Imager", 6),
    "NAV_LEFT": ("Left Navigation Camera", 7),
    "NAV_RIGHT": ("Right Navigation Camera", 8),
    "MAST_LEFT": ("Mast Camera", 9),
    "MAST_RIGHT": ("Mast Camera", 10),
    "MAHLI": ("Mars Hand Lens Imager", 11),
}
MSL_SAMPLE_SORT = {"full": 1, "subframe": 2, "downsampled": 3, "thumbnail": 4, "chemcam prc": 5}


def msl_look(instrument: str) -> tuple[str, int]:
    """Title and sort number of an instrument, whichever computer side its name tells."""
    return MSL[instrument.removesuffix("_A").removesuffix("_B")]
