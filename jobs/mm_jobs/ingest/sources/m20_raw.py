"""NASA's raw image feed of Mars 2020: Perseverance's photos, in pages that count from 0.

The feed has no manifest; it tells its newest sol, and of a query how many images it has. It answers a sol that has none
with images of others, so each image's sol is looked at. Beyond the last page it says "No more images." with status 200.
"""

from typing import Any

from mm_contracts.photos import image_id
from mm_contracts.source_kinds import KINDS

from mm_jobs.ingest import fields
from mm_jobs.ingest.manifests import bad
from mm_jobs.ingest.model import Page, PhotoDict, Unusable
from mm_jobs.ingest.paging import Pulled
from mm_jobs.ingest.sources.base import Feed, check_object, check_sol, photo_of, urls, wanted
from mm_jobs.ingest.spec import SourceSettings


class M20Raw(Feed):
    """One source of kind ``m20-raw``; ``baseUrl`` is the feed's address without a query."""

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:  # noqa: ARG002
        """Return a page of a sol's photos, or raise SourceFailure."""
        return read_page(self._ask("images", sol=sol, page=number, num=size, order="sol desc"))

    def read(self, item: Any, rover: str, sol: int) -> PhotoDict | None:
        """Return the canonical photo in an image of the feed, or raise Unusable."""
        return read_photo(item, rover, sol, self._settings)

    def newest(self, rover: str) -> int:  # noqa: ARG002
        """Return the newest sol, or raise SourceFailure."""
        sol = fields.whole(self._ask("latest_sol", latest="true")["latest_sol"])
        if sol is None:
            raise bad("the feed does not say which sol is its newest")
        return sol

    def count(self, rover: str, sol: int, so_far: Pulled | None = None) -> int:  # noqa: ARG002 (one request tells)
        """Return how many photos a sol has, or raise SourceFailure."""
        page = read_page(self._ask("images", sol=sol, page=0, num=1, order="sol desc"))
        try:
            for item in page.items:
                read_photo(item, rover, sol, self._settings)
        except Unusable as problem:
            if problem.reason == "OtherSol":
                return 0
        if page.total is None:
            raise bad(f"the feed does not say how many images sol {sol} has")
        return page.total

    def _ask(self, root: str, **query: object) -> dict[str, Any]:
        types = {"extended": "sample_type::full,"} if self._settings.sample_types in ((), ("full",)) else {}
        fixed = {"feed": "raw_images", "category": "mars2020", "feedtype": "json", "ver": "1.2"}
        return self._client.get(self._settings.base_url, root, {**fixed, **query, **types})


def read_page(answer: dict[str, Any]) -> Page:
    """Return the page in an answer, or raise SourceFailure."""
    items = answer.get("images")
    if not isinstance(items, list):
        raise bad(f"images is not a list but {str(items)[:60]!r}")
    return Page(items, fields.whole(answer.get("total_results")))


def read_photo(item: Any, rover: str, sol: int, settings: SourceSettings) -> PhotoDict | None:
    """Return the canonical photo in an image; None for a sample type that is not wanted. Raises Unusable."""
    raw = check_object(item, sol)
    check_sol(raw.get("sol"), sol)
    camera, more = fields.mapping(raw.get("camera")), fields.mapping(raw.get("extended"))
    named = fields.mapping(raw.get("image_files"))
    files = urls(
        small=named.get("small"), medium=named.get("medium"), large=named.get("large"), full=named.get("full_res")
    )
    source = files.get("large") or next(reversed(files.values()), None)
    identity = image_id(files.get("full") or source or "")
    if source is None or identity is None:
        raise Unusable("NoIdentity", f"an image of sol {sol} names no file")
    sample_type = (fields.text(raw.get("sample_type")) or "").lower() or None
    if not wanted(sample_type, settings.sample_types or KINDS["m20-raw"].sample_types):
        return None
    width, height = fields.pair(more.get("dimension"))
    return photo_of(
        settings,
        rover,
        sol,
        raw,
        image_id=identity,
        img_src=source,
        files=files,
        nasa_id=fields.text(raw.get("imageid")),
        camera=fields.text(camera.get("instrument")),
        taken_at=fields.moment(raw.get("date_taken_utc")),
        received_at=fields.moment(raw.get("date_received")),
        local_time=fields.local_time(raw.get("date_taken_mars")),
        sclk=fields.number(more.get("sclk")),
        site=fields.whole(raw.get("site")),
        drive=fields.whole(raw.get("drive")),
        sample_type=sample_type,
        is_thumbnail=None if sample_type is None else sample_type == "thumbnail",
        filter=fields.text(camera.get("filter_name")),
        mast_azimuth=fields.number(more.get("mastAz")),
        mast_elevation=fields.number(more.get("mastEl")),
        width=width,
        height=height,
        title=fields.text(raw.get("title")),
        caption=fields.text(raw.get("caption")),
        credit=fields.text(raw.get("credit")),
    )
