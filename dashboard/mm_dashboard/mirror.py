"""Mirrored pictures and videos, as the mirror's Jobs left them in the bucket; a picture is checked when it is read."""

import asyncio
import hashlib
import json
import logging
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from mm_contracts.keys import VIDEOS, image_key, image_ledger_key
from mm_contracts.pictures import MEDIA

from mm_dashboard.bucket import Store
from mm_dashboard.pictures import Picture

log = logging.getLogger(__name__)

SIZES: Final = ("full", "large", "medium", "small")
"""Size classes, the best first."""
_GOOD_FOR: Final = 30.0
"""Seconds for which a sol's ledger is not read again."""
_LEDGERS: Final = 40
VIDEO: Final = re.compile(r"videos/([a-z]+)/([a-z0-9_-]{1,80})_sol_([0-9]{1,5})_to_([0-9]{1,5})\.mp4")


@dataclass(frozen=True, slots=True)
class Video:
    """A timelapse: its key below ``videos/``, and what its name tells."""

    name: str
    rover: str
    camera: str
    first_sol: int
    last_sol: int


class Mirror:
    """What the mirror has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledgers: OrderedDict[tuple[str, int], tuple[float, dict[str, dict[str, Any]]]] = OrderedDict()

    async def entry(self, rover: str, sol: int, image_id: str) -> tuple[str, dict[str, Any]] | None:
        """Return (file, entry of the ledger) of a picture, the largest that is here; None where nothing is known."""
        found = [
            (file, one) for file, one in (await self._ledger(rover, sol)).items() if one.get("image_id") == image_id
        ]
        return min(found, key=_order, default=None)

    async def picture(self, rover: str, sol: int, image_id: str) -> Picture | None:
        """Return a picture, None where it is not mirrored or is not what was mirrored."""
        found = await self.entry(rover, sol, image_id)
        if found is None or not found[1].get("sha256"):
            return None
        file, entry = found
        body = await self._store.read(image_key(rover, sol, file))
        if body is None:
            return None
        digest = await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
        if digest != entry["sha256"] or entry.get("content_type") not in MEDIA.values():
            log.warning("mirrored picture %s of sol %d is not what the ledger says: the source is asked", file, sol)
            return None
        return Picture(body, str(entry["content_type"]))

    async def videos(self) -> list[Video]:
        """Return all videos, by rover, camera and sols."""
        found = [(key, VIDEO.fullmatch(key)) for key in await self._store.keys(f"{VIDEOS}/")]
        return [
            Video(key.removeprefix(f"{VIDEOS}/"), match[1].capitalize(), match[2].upper(), int(match[3]), int(match[4]))
            for key, match in sorted(found, key=lambda one: one[0])
            if match
        ]

    async def _ledger(self, rover: str, sol: int) -> dict[str, dict[str, Any]]:
        key = (rover, sol)
        at, known = self._ledgers.get(key, (0.0, {}))
        if at and time.monotonic() - at < _GOOD_FOR:
            return known
        body = await self._store.read(image_ledger_key(rover, sol))
        try:
            read = json.loads(body)["images"] if body else {}
            known = {str(file): one for file, one in read.items() if isinstance(one, dict)}
        except (ValueError, KeyError, TypeError, AttributeError):
            known = {}
        self._ledgers[key] = (time.monotonic(), known)
        while len(self._ledgers) > _LEDGERS:
            self._ledgers.popitem(last=False)
        return known


def _order(one: tuple[str, dict[str, Any]]) -> tuple[bool, int]:
    size = one[1].get("size_class")
    return not one[1].get("sha256"), SIZES.index(size) if size in SIZES else len(SIZES)
