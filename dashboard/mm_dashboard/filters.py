"""The gallery's filters: read from an address, written into one, and turned into conditions. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from mm_contracts.rovers import canonical_rover

from mm_dashboard import queries

PAGE: Final = 60
PHASES: Final = ("before", "during", "after")


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show. None and empty mean: do not mind."""

    rover: str = ""
    camera: str = ""
    first_sol: int | None = None
    last_sol: int | None = None
    from_hour: float | None = None
    to_hour: float | None = None
    phase: str = ""
    thumbnails: bool = False
    order: str = "newest"
    page: int = 1

    def address(self, path: str = "/pictures", **changes: Any) -> str:
        """Return the address of this view, with changes."""
        other = replace(self, **changes)
        names = {
            "rover": other.rover.lower(),
            "camera": other.camera,
            "first": other.first_sol,
            "last": other.last_sol,
            "from": other.from_hour,
            "to": other.to_hour,
            "phase": other.phase,
            "thumbnails": "1" if other.thumbnails else "",
            "order": "" if other.order == "newest" else other.order,
            "page": "" if other.page == 1 else other.page,
        }
        kept = {name: f"{value:g}" if isinstance(value, float) else value for name, value in names.items()}
        query = urlencode({name: value for name, value in kept.items() if value not in (None, "")})
        return f"{path}?{query}" if query else path

    def question(self, limit: int, offset: int) -> tuple[str, tuple[object, ...]]:
        """Return the statement and its binds."""
        where: list[str] = []
        binds: list[object] = []

        def also(condition: str, *values: object) -> None:
            where.append(condition)
            binds.extend(values)

        if self.rover:
            also("photo.rover_name = ?", self.rover)
        if self.camera:
            also("photo.camera_name = ?", self.camera)
        if self.first_sol is not None:
            also("photo.sol >= ?", self.first_sol)
        if self.last_sol is not None:
            also("photo.sol <= ?", self.last_sol)
        low, high = self.from_hour, self.to_hour
        if low is not None and high is not None and low > high:  # over midnight
            also("(photo.lmst >= ? or photo.lmst <= ?)", low, high)
        else:
            if low is not None:
                also("photo.lmst >= ?", low)
            if high is not None:
                also("photo.lmst <= ?", high)
        if self.phase:
            also(queries.PHASE, self.phase)
        if not self.thumbnails:
            also("not photo.is_thumbnail")
        return queries.pictures(where, self.order, limit, offset), tuple(binds)


def read(query: Mapping[str, str]) -> Filters:
    """Return the filters in an address; what makes no sense is left out."""
    try:
        rover = canonical_rover(query["rover"]) if query.get("rover") else ""
    except ValueError:
        rover = ""
    order, phase = query.get("order", "newest"), query.get("phase", "")
    return Filters(
        rover=rover,
        camera=query.get("camera", "")[:60],
        first_sol=_whole(query.get("first"), 99_999),
        last_sol=_whole(query.get("last"), 99_999),
        from_hour=_hour(query.get("from")),
        to_hour=_hour(query.get("to")),
        phase=phase if phase in PHASES else "",
        thumbnails=query.get("thumbnails") == "1",
        order=order if order in queries.ORDERS else "newest",
        page=max(1, _whole(query.get("page"), 10_000) or 1),
    )


def _whole(text: str | None, most: int) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) <= most else None


def _hour(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= 24 else None
