"""When pictures were taken: frames of an instrument, their clock readings, and how a camera's photos share them.

Both eyes of a stereo instrument share a frame's clock reading. Perseverance's navigation cameras send some
frames as four tiles, and some frames come twice, the second time as a new version.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from mm_simulator.core.facts import CAMERA_BY_ID, ROVER_BY_ID
from mm_simulator.core.rand import Rand, probit
from mm_simulator.core.tables import Drive
from mm_simulator.core.timebase import CLOCKS

_TILES = ((1, 4, 7, 10), (2, 3, 12, 13))  # the numbers of a frame's four tiles, of either way to cut it
_TILED_SHARE = 0.20
_COPIED_SHARE = 0.03
_HOURS = {
    "MCZ": (11.0, 15.0), "MAST": (11.0, 15.0), "SUPERCAM_RMI": (10.0, 14.0), "CHEMCAM": (10.0, 14.0),
    "CHEMCAM_RMI": (10.0, 14.0), "SKYCAM": (7.0, 18.0), "PANCAM": (10.0, 15.0), "MAHLI": (11.0, 16.0),
    "SHERLOC_WATSON": (11.0, 16.0), "MINITES": (10.0, 15.0), "MARDI": (14.0, 16.0), "EDL": (10.0, 12.0),
    "LCAM": (10.0, 12.0), "ENTRY": (10.0, 12.0),
}  # fmt: skip
# Local hour of each landing, on the rover's first sol: nothing was taken before, but by the landing cameras.
_LANDING_HOUR = {"Perseverance": 15.9, "Curiosity": 15.05, "Spirit": 14.45, "Opportunity": 13.3}
_LANDING_CAMERAS = {"EDL", "LCAM", "ENTRY"}
# Names of cameras with one eye; the plain names FHAZ, RHAZ and NAVCAM stand for both.
_PREFIXES = {
    "FRONT_HAZ": "FHAZ", "FHAZ_": "FHAZ", "REAR_HAZ": "RHAZ", "RHAZ_": "RHAZ", "NAVCAM_": "NAVCAM",
    "NAV_": "NAVCAM", "MCZ_": "MCZ", "MAST_": "MAST",
}  # fmt: skip

Reading = tuple[int, int]  # spacecraft clock: whole seconds and milliseconds


class Slot(NamedTuple):
    """One photo's place: the frame it shows, which tile of it (1 if whole), whether tiled, and its version."""

    frame: int
    tile: int
    tiled: bool
    version: int


@cache
def role(camera_id: int) -> tuple[str, str]:
    """(instrument, eye) of a camera; eye is L, R, LR for a camera that has both, or empty."""
    name = CAMERA_BY_ID[camera_id].name
    if name.startswith("EDL_"):
        return "EDL", ""
    for words, instrument in _PREFIXES.items():
        if name.startswith(words):
            return instrument, "L" if "_LEFT" in name else "R"
    return name, "LR" if name in ("FHAZ", "RHAZ", "NAVCAM") else ""


def slots(rand: Rand, rover: str, sol: int, camera_id: int, count: int, whole: int) -> list[Slot]:
    """Lay out a camera's photos over frames; the first ``whole`` frames are neither tiled nor copied."""
    instrument, eye = role(camera_id)
    if eye == "LR":
        return [Slot(i // 2, 1, False, 1) for i in range(count)]
    if rover != "Perseverance":
        return [Slot(i, 1, False, 1) for i in range(count)]
    laid: list[Slot] = []
    frame = 0
    while len(laid) < count:
        free = count - len(laid)
        plain = frame < whole
        tiled = (
            not plain and instrument == "NAVCAM" and free >= len(_TILES[0])
            and rand.u(rover, sol, f"tiles-{instrument}", frame) < _TILED_SHARE
        )  # fmt: skip
        tiles = _TILES[frame % 2] if tiled else (1,)
        laid.extend(Slot(frame, tile, tiled, 1) for tile in tiles)
        copied = not plain and len(laid) < count
        if copied and rand.u(rover, sol, f"copy-{instrument}", frame) < _COPIED_SHARE:
            laid.append(Slot(frame, tiles[0], tiled, 2))
        frame += 1
    return laid


class SolClock:
    """Clock readings of one rover's sol, by instrument and frame; a drive's own frames come first."""

    def __init__(self, rand: Rand, rover: str, sol: int, drive: Drive | None) -> None:
        self._rand, self._rover, self._sol, self._drive = rand, rover, sol, drive
        self._clock = CLOCKS[rover]
        first_sol = next(r.first_sol for r in ROVER_BY_ID.values() if r.name == rover)
        self._landing = _LANDING_HOUR[rover] if sol == first_sol else None
        self.placed: dict[tuple[str, int], Reading] = {}

    def reading(self, instrument: str, frame: int, attempt: int = 0) -> Reading:
        """Spacecraft clock of a frame; another attempt gives another reading, except to a drive's own frames."""
        fixed = self.placed.get((instrument, frame))
        if fixed is not None and attempt == 0:
            return fixed
        index = frame + 1_000_000 * attempt
        if instrument == "MARDI" and self._drive is not None and self._rover == "Curiosity":
            u = self._rand.u(self._rover, self._sol, "t-MARDI", index)
            return _split(self._drive.sclk_end + 30.0 + 900.0 * u)
        return _split(self._clock.sclk(self._clock.unix(self._sol, self._hour(instrument, index))))

    def _hour(self, instrument: str, index: int) -> float:
        u = self._rand.u(self._rover, self._sol, f"t-{instrument}", index)
        if self._landing is not None:
            if instrument in _LANDING_CAMERAS or (instrument == "MARDI" and self._rover == "Curiosity"):
                return self._landing - 0.1 + 0.1 * u
            return self._landing + 0.05 + 1.5 * u
        hours = _HOURS.get(instrument)
        if hours is not None:
            return hours[0] + (hours[1] - hours[0]) * u
        return min(17.0, max(8.0, 12.8 + 1.6 * probit(u)))  # navigation and hazard cameras


def _split(sclk: float) -> Reading:
    whole = int(sclk)
    return whole, int((sclk - whole) * 1000.0)
