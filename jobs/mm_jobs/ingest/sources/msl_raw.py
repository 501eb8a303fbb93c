"""NASA's raw_image_items of the Mars Science Laboratory: Curiosity's photos and thumbnails, in pages from 0.

There is no manifest, and the total of a sol counts thumbnails, which are about half: a sol is counted from its items.
"""

from typing import Any

from mm_contracts.photos import image_id
from mm_contracts.source_kinds import KINDS

from mm_jobs.ingest import fields
from mm_jobs.ingest.manifests import bad
from mm_jobs.ingest.model import Page, PhotoDict, Unusable
from mm_jobs.ingest.paging import Pulled, begin, pull
from mm_jobs.ingest.sources.base import Feed, check_object, check_sol, photo_of, urls, wanted
from mm_jobs.ingest.spec import SourceSettings

_ORDER = "sol desc,instrument_sort asc,sample_type_sort asc, date_taken desc"


class MslRaw(Feed):
    """One source of kind ``msl-raw``; ``baseUrl`` ends in ``/raw_image_items``."""

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:  # noqa: ARG002
        """Return a page of a sol's items, or raise SourceFailure."""
        answer = self._client.get(
            f"{self._settings.base_url}/",
            "items",
            {
                "order": _ORDER,
                "per_page": size,
                "page": number,
                "condition_1": "msl:mission",
                "condition_2": f"{sol}:sol:in",
            },
        )
        return read_page(answer)

    def read(self, item: Any, rover: str, sol: int) -> PhotoDict | None:
        """Return the canonical photo in an item, or raise Unusable."""
        return read_photo(item, rover, sol, self._settings)

    def newest(self, rover: str) -> int:  # noqa: ARG002
        """Return the newest sol, or raise SourceFailure."""
        data = self._client.get(f"{self._settings.base_url}/msl/latest/", "latest_data")["latest_data"]
        sol = fields.whole(fields.mapping(data).get("latest_sol"))
        if sol is None:
            raise bad("the source does not say which sol is its newest")
        return sol

    def count(self, rover: str, sol: int, so_far: Pulled | None = None) -> int:
        """Return how many photos a sol has, or raise Interrupted."""
        return len(pull(self, rover, sol, None, so_far or begin(self)).photos)


def read_page(answer: dict[str, Any]) -> Page:
    """Return the page in an answer, or raise SourceFailure."""
    items, more = answer.get("items"), answer.get("more")
    if not isinstance(items, list):
        raise bad(f"items is not a list but {str(items)[:60]!r}")
    return Page(items, fields.whole(answer.get("total")), more if isinstance(more, bool) else None)


def read_photo(item: Any, rover: str, sol: int, settings: SourceSettings) -> PhotoDict | None:
    """Return the canonical photo in an item; None for a sample type that is not wanted. Raises Unusable."""
    raw = check_object(item, sol)
    check_sol(raw.get("sol"), sol)
    more = fields.mapping(raw.get("extended"))
    files = urls(full=raw.get("https_url") or raw.get("url"))
    source = files.get("full")
    identity = image_id(source or "")
    if source is None or identity is None:
        raise Unusable("NoIdentity", f"an item of sol {sol} names no file")
    sample_type = (fields.text(more.get("sample_type")) or "").lower() or None
    thumbnail = raw.get("is_thumbnail") if isinstance(raw.get("is_thumbnail"), bool) else sample_type == "thumbnail"
    if not wanted(sample_type, settings.sample_types or KINDS["msl-raw"].sample_types):
        return None
    if sample_type is None and thumbnail and "thumbnail" not in settings.sample_types:
        return None
    return photo_of(
        settings,
        rover,
        sol,
        raw,
        id=fields.whole(raw.get("id")),
        image_id=identity,
        img_src=source,
        files=files,
        nasa_id=fields.text(raw.get("imageid")),
        camera=fields.text(raw.get("instrument")),
        taken_at=fields.moment(raw.get("date_taken")),
        received_at=fields.moment(raw.get("date_received")),
        local_time=fields.local_time(more.get("lmst")),
        sclk=fields.number(raw.get("spacecraft_clock")),
        site=fields.whole(raw.get("site")),
        drive=fields.whole(raw.get("drive")),
        sample_type=sample_type,
        is_thumbnail=thumbnail,
        filter=fields.text(more.get("filter_name")),
        mast_azimuth=fields.number(more.get("mast_az")),
        mast_elevation=fields.number(more.get("mast_el")),
        title=fields.text(raw.get("title")),
        caption=fields.text(raw.get("description")),
        credit=fields.text(raw.get("image_credit")),
    )
