"""The four rovers and their cameras, as the Mars Photos API names and numbers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of one rover; ``id`` is the API's own and unique over all rovers."""

    id: int
    name: str
    rover_id: int
    full_name: str


@dataclass(frozen=True, slots=True)
class Rover:
    """A rover; ``cameras`` in the order in which the API lists them, ``first_sol`` the first sol with photos."""

    id: int
    name: str
    landing_date: date
    launch_date: date
    status: str
    first_sol: int
    cameras: tuple[Camera, ...]

    @property
    def active(self) -> bool:
        """Whether the rover still sends photos, so that its newest sols grow."""
        return self.status == "active"


_HAZ = "Hazard Avoidance Camera"


def _cameras(rover_id: int, *entries: tuple[int, str, str]) -> tuple[Camera, ...]:
    return tuple(Camera(cid, name, rover_id, full or name) for cid, name, full in entries)


def _mer(rover_id: int, first: int) -> tuple[Camera, ...]:
    fhaz, rhaz, nav, pan, mini, entry = range(first, first + 6)
    return _cameras(
        rover_id,
        (fhaz, "FHAZ", f"Front {_HAZ}"),
        (nav, "NAVCAM", "Navigation Camera"),
        (pan, "PANCAM", "Panoramic Camera"),
        (mini, "MINITES", "Miniature Thermal Emission Spectrometer (Mini-TES)"),
        (entry, "ENTRY", "Entry, Descent, and Landing Camera"),
        (rhaz, "RHAZ", f"Rear {_HAZ}"),
    )


# An empty full name means that the API repeats the name: cameras that its scraper added by itself in 2025.
_CURIOSITY = _cameras(
    5,
    (20, "FHAZ", f"Front {_HAZ}"),
    (26, "NAVCAM", "Navigation Camera"),
    (22, "MAST", "Mast Camera"),
    (23, "CHEMCAM", "Chemistry and Camera Complex"),
    (24, "MAHLI", "Mars Hand Lens Imager"),
    (25, "MARDI", "Mars Descent Imager"),
    (21, "RHAZ", f"Rear {_HAZ}"),
    (50, "MAST_LEFT", ""),
    (51, "CHEMCAM_RMI", ""),
    (52, "MAST_RIGHT", ""),
    (53, "FHAZ_LEFT_B", ""),
    (54, "FHAZ_RIGHT_B", ""),
    (55, "NAV_LEFT_B", ""),
    (56, "NAV_RIGHT_B", ""),
    (57, "RHAZ_LEFT_B", ""),
    (58, "RHAZ_RIGHT_B", ""),
)

_PERSEVERANCE = _cameras(
    8,
    (33, "EDL_RUCAM", "Rover Up-Look Camera"),
    (35, "EDL_DDCAM", "Descent Stage Down-Look Camera"),
    (36, "EDL_PUCAM1", "Parachute Up-Look Camera A"),
    (37, "EDL_PUCAM2", "Parachute Up-Look Camera B"),
    (38, "NAVCAM_LEFT", "Navigation Camera - Left"),
    (39, "NAVCAM_RIGHT", "Navigation Camera - Right"),
    (40, "MCZ_RIGHT", "Mast Camera Zoom - Right"),
    (41, "MCZ_LEFT", "Mast Camera Zoom - Left"),
    (42, "FRONT_HAZCAM_LEFT_A", f"Front {_HAZ} - Left"),
    (43, "FRONT_HAZCAM_RIGHT_A", f"Front {_HAZ} - Right"),
    (44, "REAR_HAZCAM_LEFT", f"Rear {_HAZ} - Left"),
    (45, "REAR_HAZCAM_RIGHT", f"Rear {_HAZ} - Right"),
    (34, "EDL_RDCAM", "Rover Down-Look Camera"),
    (46, "SKYCAM", "MEDA Skycam"),
    (47, "SHERLOC_WATSON", "SHERLOC WATSON Camera"),
    (48, "SUPERCAM_RMI", "SuperCam Remote Micro Imager"),
    (49, "LCAM", "Lander Vision System Camera"),
)

# In the order in which /rovers lists them.
ROVERS: dict[str, Rover] = {
    "Curiosity": Rover(5, "Curiosity", date(2012, 8, 6), date(2011, 11, 26), "active", 0, _CURIOSITY),
    "Spirit": Rover(7, "Spirit", date(2004, 1, 4), date(2003, 6, 10), "complete", 1, _mer(7, 27)),
    "Opportunity": Rover(6, "Opportunity", date(2004, 1, 25), date(2003, 7, 7), "complete", 1, _mer(6, 14)),
    "Perseverance": Rover(8, "Perseverance", date(2021, 2, 18), date(2020, 7, 30), "active", 0, _PERSEVERANCE),
}

ROVER_BY_ID: dict[int, Rover] = {rover.id: rover for rover in ROVERS.values()}
CAMERA_BY_ID: dict[int, Camera] = {camera.id: camera for rover in ROVERS.values() for camera in rover.cameras}
CAMERA_ID: dict[tuple[str, str], int] = {
    (rover.name, camera.name): camera.id for rover in ROVERS.values() for camera in rover.cameras
}


def find_rover(name: str) -> Rover | None:
    """The rover of that name in any case, or None."""
    return ROVERS.get(name.capitalize())
