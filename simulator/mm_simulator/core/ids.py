"""Photo ids: one global serial, in the order in which the real archive was filled.

Blocks from id 727: Curiosity's first 108,161 photos by sol (A), Opportunity, Spirit, Curiosity's next 379,083 (B), then
Perseverance and the rest of Curiosity by Earth date. Inside a block ids go by camera, then sol, then index;
in the last one by date, then camera. A sol that straddles two blocks is cut in camera order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mm_simulator.core.facts import CAMERA_BY_ID, ROVERS
from mm_simulator.core.plan import SolPlan
from mm_simulator.core.timebase import sol_days

FIRST_ID = 727
BLOCK_A = 108_161
BLOCK_B = 379_083

# The landing day of each camera's rover, as a day number.
_DATES = {camera.id: rover.landing_date.toordinal() for rover in ROVERS.values() for camera in rover.cameras}


class Piece(NamedTuple):
    """Consecutive photos of one camera and sol: the first's index within that camera and sol, and how many."""

    camera: int
    sol: int
    offset: int
    size: int


class IdLedger:
    """Who owns which id; ids are positive, ascending and without holes from FIRST_ID."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._start = array("l")
        self._camera = array("B")
        self._sol = array("H")
        self._offset = array("H")
        self._count = array("H")
        self._of_sol: dict[int, list[int]] = {}
        next_id = FIRST_ID
        for index, piece in enumerate(pieces):
            self._start.append(next_id)
            self._camera.append(piece.camera)
            self._sol.append(piece.sol)
            self._offset.append(piece.offset)
            self._count.append(piece.size)
            rover_id = CAMERA_BY_ID[piece.camera].rover_id
            self._of_sol.setdefault(_key(rover_id, piece.sol), []).append(index)
            next_id += piece.size
        self.last_id = next_id - 1

    def cells(self, rover_id: int, sol: int) -> dict[int, list[int]]:
        """The ids of one sol by camera id, both ascending; empty if the sol has no photos."""
        found: dict[int, list[tuple[int, int, int]]] = {}
        for i in self._of_sol.get(_key(rover_id, sol), ()):
            found.setdefault(self._camera[i], []).append((self._offset[i], self._start[i], self._count[i]))
        return {
            camera: [photo_id for _, start, count in sorted(parts) for photo_id in range(start, start + count)]
            for camera, parts in sorted(found.items())
        }

    def owner(self, photo_id: int) -> tuple[int, int] | None:
        """(camera id, sol) of a photo, or None if nobody has that id."""
        if not FIRST_ID <= photo_id <= self.last_id:
            return None
        i = bisect_right(self._start, photo_id) - 1
        return self._camera[i], self._sol[i]


def _key(rover_id: int, sol: int) -> int:
    return rover_id * 100_000 + sol


def _pieces(plans: Iterable[SolPlan]) -> list[Piece]:
    return [Piece(camera, plan.sol, 0, count) for plan in plans for camera, count in plan.cells]


def _cut(pieces: Sequence[Piece], size: int) -> tuple[list[Piece], list[Piece]]:
    """The first ``size`` photos, and the rest."""
    head: list[Piece] = []
    left = size
    for i, piece in enumerate(pieces):
        if piece.size > left:
            tail = [piece._replace(offset=piece.offset + left, size=piece.size - left), *pieces[i + 1 :]]
            if left:
                head.append(piece._replace(size=left))
            return head, tail
        head.append(piece)
        left -= piece.size
    return head, []


def _by_camera(piece: Piece) -> tuple[int, int, int]:
    return piece.camera, piece.sol, piece.offset


def _by_date(piece: Piece) -> tuple[int, int, int, int]:
    return _DATES[piece.camera] + sol_days(piece.sol), piece.camera, piece.sol, piece.offset


def assign(plans: Mapping[str, Sequence[SolPlan]]) -> IdLedger:
    """Give every photo its id. A longer history keeps the ids of a shorter one (both active past sol 3156)."""
    block_a, rest = _cut(_pieces(plans["Curiosity"]), BLOCK_A)
    block_b, rest = _cut(rest, BLOCK_B)
    ordered = sorted(block_a, key=_by_camera)
    ordered += sorted(_pieces(plans["Opportunity"]), key=_by_camera)
    ordered += sorted(_pieces(plans["Spirit"]), key=_by_camera)
    ordered += sorted(block_b, key=_by_camera)
    ordered += sorted(rest + _pieces(plans["Perseverance"]), key=_by_date)
    return IdLedger(ordered)
