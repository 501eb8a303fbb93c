"""A warehouse that answers from a script, a store in memory, and rows as the archive has them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mm_dashboard.warehouse import Away, NotBuilt, Row

AT = datetime.datetime(2025, 10, 7, 12, 0)


def rover(name: str = "Curiosity", **changes: Any) -> Row:
    """A row of the rovers' question."""
    row: Row = {
        "rover_name": name, "source": "simulator", "rover_status": "active", "landing_date": datetime.date(2012, 8, 6),
        "max_sol": 1004, "max_date": datetime.date(2015, 6, 3), "sols_promised": 66, "sols_archived": 52,
        "photos_promised": 22_153, "photos_archived": 19_271, "newest_archived_sol": 1004, "newest_photo_at": AT,
        "gaps": 15, "gaps_due": 15, "gaps_waiting": 0, "drives": 13, "distance_m": 656.14, "manifest_ingested_at": AT,
        "midnight0_unix": 1344174599.0, "has_traverse": True,
    }  # fmt: skip
    return row | changes


def frame(name: str = "NRA_486265257EDR_F0481570NCAM00323M_.JPG", sol: int = 1000, **changes: Any) -> Row:
    """A row of a picture."""
    row: Row = {
        "image_id": name.partition(".")[0],
        "rover_name": "Curiosity", "sol": sol, "camera_name": "NAVCAM", "file_name": name, "utc": AT, "lmst": 14.5,
        "sclk": 486265257, "eye": "R", "is_thumbnail": False, "is_listed": True, "source": "simulator",
        "img_src": f"https://mars.nasa.gov/msl/{name}",
    }  # fmt: skip
    return row | changes


def source_health(**changes: Any) -> Row:
    """A row of the sources' question."""
    row: Row = {
        "source": "simulator", "in_charge_of": "Curiosity", "last_answer_at": AT, "last_failure_at": None,
        "last_failure_reason": None, "failed": 3, "asked": 231, "budget_remaining": None, "budget_limit": None,
    }  # fmt: skip
    return row | changes


def picture(**changes: Any) -> Row:
    """A row of one picture with all that is known of it."""
    row: Row = frame("B.JPG") | {
        "photo_id": 7, "camera_title": "Navigation Camera", "camera_category": "science", "sclk_ms": 42, "filter": None,
        "site": 48, "drive": 1570, "product_version": "E01", "tile": 3, "object_key": "photos/x.json", "width": None,
        "height": None, "mast_azimuth": None, "mast_elevation": None, "title": None, "caption": None, "credit": None,
        "disagreements": None,
    }  # fmt: skip
    return row | changes


@dataclass
class ScriptedWarehouse:
    """Answers by the statement's text; what is not scripted has no rows."""

    answers: dict[str, list[Row] | Callable[[Sequence[object]], list[Row]]] = field(default_factory=dict)
    away: bool = False
    not_built: bool = False
    asked: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    async def rows(self, sql: str, binds: Sequence[object] = ()) -> list[Row]:
        """Answer."""
        self.asked.append((sql, tuple(binds)))
        if self.away:
            raise Away("The warehouse does not answer.")
        if self.not_built:
            raise NotBuilt("The warehouse lacks the tables that this page shows.")
        answer = self.answers.get(sql, [])
        return answer(binds) if callable(answer) else answer


class MemoryStore:
    """Keeps thumbnails in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def read(self, key: str) -> bytes | None:
        """Read."""
        return self.objects.get(key)

    async def write(self, key: str, body: bytes, _media: str) -> None:
        """Write."""
        self.objects[key] = body

    async def keys(self, prefix: str) -> list[str]:
        """List."""
        return sorted(key for key in self.objects if key.startswith(prefix))

    async def part(self, key: str, first: int, last: int) -> tuple[bytes, int] | None:
        """Read some of it."""
        body = self.objects.get(key, b"")
        return (body[first : last + 1], len(body)) if first < len(body) else None
