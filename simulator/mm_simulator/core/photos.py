"""The photos of one sol, made on demand from the sol's plan and ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mm_simulator.core.drive_frames import drive_readings
from mm_simulator.core.drives import Track
from mm_simulator.core.frames import SolClock, role, slots
from mm_simulator.core.names import img_src
from mm_simulator.core.plan import SolPlan
from mm_simulator.core.rand import Rand


class Photo(NamedTuple):
    """One photo: global id, camera id, spacecraft clock (s, ms), and the address of its image."""

    id: int
    camera_id: int
    sclk: int
    ms: int
    img_src: str


def sol_photos(
    rand: Rand, rover: str, plan: SolPlan, ids: Mapping[int, Sequence[int]], track: Track | None
) -> list[Photo]:
    """All photos of a sol, by camera id and then id, with addresses that differ from one another."""
    sol = plan.sol
    drive = track.drive(sol) if track else None
    clock = SolClock(rand, rover, sol, drive)
    whole: dict[str, int] = {}
    if rover == "Perseverance" and drive is not None:
        whole = _place_drive(clock, plan, drive_readings(rand, drive))
    photos: list[Photo] = []
    seen: set[str] = set()
    for camera_id, count in plan.cells:
        instrument = role(camera_id)[0]
        laid = slots(rand, rover, sol, camera_id, count, whole.get(instrument, 0))
        for index, (slot, photo_id) in enumerate(zip(laid, ids[camera_id], strict=True)):
            attempt = 0
            while True:
                at = clock.reading(instrument, slot.frame, attempt)
                rmc = track.rmc(sol, at[0]) if track else (0, 0)
                driving = drive is not None and drive.sclk_start <= at[0] <= drive.sclk_end
                address = img_src(rand, rover, sol, camera_id, slot, index, at, rmc, driving)
                if address not in seen:
                    break
                attempt += 1
            seen.add(address)
            photos.append(Photo(photo_id, camera_id, at[0], at[1], address))
    return photos


def _place_drive(clock: SolClock, plan: SolPlan, readings: Sequence[tuple[int, int]]) -> dict[str, int]:
    """Give a drive's readings to frames of the hazard and navigation cameras in turn; returns frames used of each."""
    room = {"FHAZ": 0, "NAVCAM": 0}
    for camera_id, count in plan.cells:
        instrument = role(camera_id)[0]
        if instrument in room:
            room[instrument] = max(room[instrument], count)
    used = dict.fromkeys(room, 0)
    for turn, reading in enumerate(readings):
        free = [instrument for instrument in room if used[instrument] < room[instrument]]
        if not free:
            break
        instrument = free[turn % len(free)]
        clock.placed[instrument, used[instrument]] = reading
        used[instrument] += 1
    return used
