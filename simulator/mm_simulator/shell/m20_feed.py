"""The raw image feed of Perseverance, as mars.nasa.gov/rss/api answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from mm_simulator.archive import Archive
from mm_simulator.core.captions import M20
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.rand import Rand
from mm_simulator.core.records import Record
from mm_simulator.core.timebase import CLOCKS, format_instant, format_millis, spoken_day
from mm_simulator.render import dump, rebased
from mm_simulator.shell.feeds import page
from mm_simulator.shell.shapes import NEW_CAMERA, Shapes
from mm_simulator.shell.target import Target, to_integer

_MOST = 100  # images a page, whatever ``num`` asks for
_ROVER = ROVERS["Perseverance"]
_MASTED = ("NAVCAM", "MCZ", "SUPERCAM")
_SITE = "https://mars.nasa.gov"


class M20Feed:
    """Answers from an archive at the simulated time that ``now`` tells (Unix seconds)."""

    def __init__(self, archive: Callable[[], Archive], now: Callable[[], float], seed: str, base: str) -> None:
        self._archive, self._now, self._rand, self._base = archive, now, Rand(seed), base

    def answer(self, target: Target, shapes: Shapes) -> Response:
        """The response to a request; ``shapes`` deform it if faults ask for that."""
        query, archive, now = target.query, self._archive(), shapes.at(self._now())
        if target.kind == "feed_latest":
            return Response(dump(self._latest(archive, now)), media_type="application/json")
        size = min(_MOST, max(1, to_integer(query.get("num", "")) or _MOST))
        number = max(0, to_integer(query.get("page", "")) or 0)
        category = query.get("category", "mars2020")
        if "id" in query:
            found = [r for r in self._by_id(archive, query["id"], now)]
            total = len(found)
        elif "mars2020" in category.split(","):
            result = page(archive, _ROVER, query, now, number * size, size)
            found, total = result.records, result.total
        else:
            found, total = [], 0
        if not found and shapes.fallback and target.sol is not None:
            # The feed was seen to answer an empty sol with images of others.
            result = page(archive, _ROVER, {}, now, 0, size)
            found, total = result.records, result.total
        images = [self.item(record, category) for record in found]
        if shapes.renamed_camera:
            images = [_renamed(image, shapes.renamed_camera) for image in images]
        if shapes.unk_fields:
            images = [_unknown(image) for image in images]
        body = _envelope(images, size, total, query.get("page", "0") if shapes.string_page else number, category)
        if images or category != "mars2020":  # the older type's end page tells neither
            body |= {"mission": category, "total_images": archive.feed_total(_ROVER, now)}
        return Response(dump(body), media_type="application/json")

    def _latest(self, archive: Archive, now: float) -> dict[str, Any]:
        sols = [entry.sol for entry in archive.manifest(_ROVER, now).entries]
        newest = sols[-1] if sols else 0
        here = archive.feed(_ROVER, newest, now)
        last = max((record.received for record in here), default=now)
        recent = [sol for sol in sols[-3:] if any(r.received == last for r in archive.feed(_ROVER, sol, now))]
        return {
            "latest": format_instant(last),
            "new_count": sum(r.received == last for sol in recent for r in archive.feed(_ROVER, sol, now)),
            "sol_count": len(here),
            "latest_sols": recent or [newest],
            "total": archive.feed_total(_ROVER, now),
            "type": "mars2020-latest-images-1.1",
            "latest_sol": newest,
        }

    def _by_id(self, archive: Archive, image_id: str, now: float) -> list[Record]:
        parts = image_id.split("_")
        sol = to_integer(parts[1]) if len(parts) > 1 else None
        return [] if sol is None else [r for r in archive.feed(_ROVER, sol, now) if r.image_id == image_id]

    def item(self, record: Record, category: str) -> Mapping[str, Any]:
        """One image as the feed writes it, or as it was recorded."""
        recorded = self._archive().recorded(record, "m20-raw")
        if recorded is not None:
            return recorded
        look = M20[record.instrument]
        large = rebased(record.photo.img_src, self._base) if self._base else record.photo.img_src
        root = large.removesuffix("_1200.jpg")
        masted = record.instrument.startswith(_MASTED)
        known = record.instrument != "SKYCAM"
        link = f"{_SITE}/rss/api/?feed=raw_images&category={category}&feedtype=json&id={record.image_id}"
        hour = CLOCKS["Perseverance"].lmst(record.utc)
        return {
            "extended": {
                "mastAz": f"{self._draw(record, 'az', 0, 360):.4f}" if masted else "UNK",
                "mastEl": f"{self._draw(record, 'el', -60, 90):.4f}" if masted else "UNK",
                "sclk": f"{record.clock:.3f}",
                "scaleFactor": "1" if known else "UNK",
                "xyz": "(0.0,0.0,0.0)",
                "subframeRect": f"(1,1,{look.width},{look.height})",
                "dimension": "(160,120)" if record.thumbnail else f"({look.width},{look.height})",
            },
            "sol": record.sol,
            "attitude": self._vector(record, "attitude", 4, 8),
            "image_files": {
                "medium": f"{root}_800.jpg",
                "small": f"{root}_320.jpg",
                "full_res": f"{root}.png",
                "large": large,
            },
            "imageid": record.image_id,
            "camera": {
                "filter_name": "UNK",
                "camera_vector": self._vector(record, "vector", 3, 18) if known else "UNK",
                "camera_model_component_list": self._model(record) if known else "UNK",
                "camera_position": self._vector(record, "position", 3, 6) if known else "UNK",
                "instrument": record.instrument,
                "camera_model_type": "CAHVORE" if known else "UNK",
            },
            "caption": (
                f"NASA's Mars Perseverance rover acquired this image using its {look.caption}. \n\nThis image was "
                f"acquired on {spoken_day(record.utc)} (Sol {record.sol}) at the local mean solar time of "
                f"{int(hour):02d}:{int(hour * 60) % 60:02d}:{int(hour * 3600) % 60:02d}."
            ),
            "sample_type": record.sample_type,
            "date_taken_mars": record.lmst,
            "credit": "NASA/JPL-Caltech",
            "date_taken_utc": format_millis(record.utc),
            "json_link": link,
            "link": f"{_SITE}/mars2020/multimedia/raw-images/{record.image_id}",
            "drive": str(record.drive or 0),
            "title": f"Mars Perseverance Sol {record.sol}: {look.title}",
            "site": record.site,
            "date_received": format_instant(record.received),
        }

    def _draw(self, record: Record, what: str, low: float, high: float) -> float:
        return self._rand.between("Perseverance", record.sol, f"feed-{what}", record.photo.id, low, high)

    def _vector(self, record: Record, what: str, size: int, digits: int) -> str:
        return "(" + ",".join(f"{self._draw(record, f'{what}{i}', -1, 1):.{digits}g}" for i in range(size)) + ")"

    def _model(self, record: Record) -> str:
        return ";".join([*(self._vector(record, f"model{i}", 3, 6) for i in range(7)), "2.0", "0.0"])


def _envelope(images: list[Any], size: int, total: int, number: int | str, category: str) -> dict[str, Any]:
    name = category.replace(",", "_")
    body: dict[str, Any] = {"images": images, "per_page": str(size)}
    if not images:
        body |= {"error_message": "No more images."}
    version = "1.2" if "," in category else "1.1"
    return body | {"total_results": total if images else 0, "type": f"{name}-images-list-{version}", "page": number}


def _renamed(image: Mapping[str, Any], camera: str) -> Mapping[str, Any]:
    if image["camera"]["instrument"] != camera:
        return image
    return {**image, "camera": image["camera"] | {"instrument": NEW_CAMERA}}


def _unknown(image: Mapping[str, Any]) -> dict[str, Any]:
    """An image whose numbers the feed does not know, as they come now and then."""
    extended = dict.fromkeys(image["extended"], "UNK") | {"sclk": image["extended"]["sclk"]}
    return {**image, "extended": extended, "attitude": "UNK", "date_taken_mars": "UNK"}
