"""The raw image items of Curiosity, as mars.nasa.gov/api/v1/raw_image_items answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from mm_simulator.archive import Archive
from mm_simulator.core.captions import MSL_SAMPLE_SORT, msl_look
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.rand import Rand
from mm_simulator.core.records import Record
from mm_simulator.core.timebase import format_instant, format_millis
from mm_simulator.render import dump, rebased
from mm_simulator.shell.feeds import conditions, page
from mm_simulator.shell.shapes import Shapes
from mm_simulator.shell.target import Target, to_integer

_PER_PAGE = 100
_ROVER = ROVERS["Curiosity"]
_MASTED = ("NAV_", "MAST_", "CHEMCAM")
_ENGINEERING = ("NAV_", "FHAZ_", "RHAZ_")


class MslFeed:
    """Answers from an archive at the simulated time that ``now`` tells (Unix seconds)."""

    def __init__(self, archive: Callable[[], Archive], now: Callable[[], float], seed: str, base: str) -> None:
        self._archive, self._now, self._rand, self._base = archive, now, Rand(seed), base

    def answer(self, target: Target, shapes: Shapes) -> Response:
        """The response to a request; ``shapes`` deform it if faults ask for that."""
        query, archive, now = target.query, self._archive(), shapes.at(self._now())
        if target.kind == "feed_latest":
            return Response(dump(self._latest(archive, now)), media_type="application/json; charset=utf-8")
        size = max(1, to_integer(query.get("per_page", "")) or _PER_PAGE)
        number = max(0, to_integer(query.get("page", "")) or 0)
        missions = [value for value, field, _ in conditions(query) if field == "mission"]
        records, total = [], 0
        if all(mission == "msl" for mission in missions):
            result = page(archive, _ROVER, query, now, number * size, size)
            records, total = result.records, result.total
        body = {
            "items": [self.item(record) for record in records],
            "more": (number + 1) * size < total,
            "total": total,
            "page": number,
            "per_page": size,
        }
        return Response(dump(body), media_type="application/json; charset=utf-8")

    def _latest(self, archive: Archive, now: float) -> dict[str, Any]:
        sols = [entry.sol for entry in archive.manifest(_ROVER, now).entries]
        newest = sols[-1] if sols else 0
        here = archive.feed(_ROVER, newest, now)
        last = max((record.received for record in here), default=now)
        data = {
            "latest": format_instant(last),
            "latest_sol": newest,
            "latest_sols": [newest],
            "new_count": sum(record.received == last for record in here),
            "sol_count": len(here),
            "total": archive.feed_total(_ROVER, now),
        }
        return {"success": True, "latest_data": data}

    def item(self, record: Record) -> Mapping[str, Any]:
        """One image as the feed writes it, or as it was recorded."""
        recorded = self._archive().recorded(record, "msl-raw")
        if recorded is not None:
            return recorded
        title, sort = msl_look(record.instrument)
        url = rebased(record.photo.img_src, self._base) if self._base else record.photo.img_src
        # Two numbers a photo, so that its thumbnail has one of its own.
        number = 2 * record.photo.id + record.thumbnail
        masted = record.instrument.startswith(_MASTED)
        engineering = record.instrument.startswith(_ENGINEERING)
        side = 64 if record.thumbnail else 1024
        when = format_instant(record.utc)
        return {
            "id": number,
            "camera_vector": self._vector(record, "vector", 3, 17) if engineering else None,
            "site": record.site,
            "imageid": record.image_id,
            "subframe_rect": f"(1,1,{side},{side})",
            "sol": record.sol,
            "scale_factor": 2 if record.sample_type == "downsampled" else 1,
            "camera_model_component_list": self._model(record) if engineering else None,
            "instrument": record.instrument,
            "url": url,
            "spacecraft_clock": record.clock,
            "attitude": self._vector(record, "attitude", 4, 6) if engineering else None,
            "camera_position": self._vector(record, "position", 3, 6) if engineering else None,
            "camera_model_type": "CAHVOR" if engineering else None,
            "drive": record.drive,
            "xyz": self._vector(record, "xyz", 3, 6) if engineering else None,
            "created_at": format_millis(record.received) + "Z",
            "updated_at": format_millis(record.received) + "Z",
            "mission": "msl",
            "extended": {
                "lmst": record.lmst,
                "bucket": "msl-raws",
                "mast_az": f"{self._draw(record, 'az', 0, 360):.6g}" if masted else None,
                "mast_el": f"{self._draw(record, 'el', -60, 90):.6g}" if masted else None,
                "url_list": url,
                "contributor": "Team MSLICE",
                "filter_name": None,
                "sample_type": record.sample_type,
            },
            "date_taken": when.removesuffix("Z") + ".000Z",
            "date_received": format_instant(record.received).removesuffix("Z") + ".000Z",
            "instrument_sort": sort,
            "sample_type_sort": MSL_SAMPLE_SORT[record.sample_type],
            "is_thumbnail": record.sample_type == "thumbnail",
            "title": f"Sol {record.sol}: {title}",
            "description": (
                f"This image was taken by {title} onboard NASA's Mars rover Curiosity on Sol {record.sol} "
                f"({when.replace('T', ' ').removesuffix('Z')} UTC)."
            ),
            "link": f"/raw_images/{number}",
            "image_credit": "NASA/JPL-Caltech",
            "https_url": url if self._base else url.replace("http://", "https://", 1),
        }

    def _draw(self, record: Record, what: str, low: float, high: float) -> float:
        return self._rand.between("Curiosity", record.sol, f"feed-{what}", record.photo.id, low, high)

    def _vector(self, record: Record, what: str, size: int, digits: int) -> str:
        return "(" + ",".join(f"{self._draw(record, f'{what}{i}', -1, 1):.{digits}g}" for i in range(size)) + ")"

    def _model(self, record: Record) -> str:
        return ";".join(self._vector(record, f"model{i}", 3, 6) for i in range(6))
