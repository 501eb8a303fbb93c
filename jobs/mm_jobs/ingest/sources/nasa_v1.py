"""The Mars Photos API, version 1: manifests and the photos of a sol, kept as they come.

Without ``page`` NASA's own server gives the whole sol and says nothing about pages; where a page size is configured,
pages are asked for.
"""

from typing import Any, TypeGuard

from mm_contracts.photos import image_id

from mm_jobs.ingest import fields
from mm_jobs.ingest.manifests import bad, read_manifest
from mm_jobs.ingest.model import Manifest, Page, PhotoDict, Unusable
from mm_jobs.ingest.sources.base import Listing, check_object, check_sol


class NasaV1(Listing):
    """One source of kind ``nasa-v1``."""

    def manifest(self, rover: str) -> Manifest:
        """Return the rover's manifest, or raise SourceFailure."""
        answer = self._client.get(f"{self._settings.base_url}/manifests/{rover}", "photo_manifest", remember=True)
        return read_manifest(answer["photo_manifest"], rover)

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:
        """Return a page of a sol's photos; without a size the first is the whole sol. Raises SourceFailure."""
        paging = {"page": number, "per_page": size} if size else ({"page": number} if number > 1 else {})
        url = f"{self._settings.base_url}/rovers/{rover}/photos"
        return read_page(self._client.get(url, "photos", {"sol": sol, **paging}))

    def read(self, item: Any, rover: str, sol: int) -> PhotoDict | None:  # noqa: ARG002 (one interface for all kinds)
        """Return the photo as served; fields of another type than v1's become v1's, or null. Raises Unusable."""
        return read_photo(item, sol)


def read_page(answer: dict[str, Any]) -> Page:
    """Return the page in an answer, or raise SourceFailure. ``pagination`` is marsvista's, and of others like it."""
    items = answer.get("photos")
    if not isinstance(items, list):
        raise bad(f"photos is not a list but {str(items)[:60]!r}")
    pagination = fields.mapping(answer.get("pagination"))
    number, pages = fields.whole(pagination.get("page")), fields.whole(pagination.get("total_pages"))
    more = None if number is None or pages is None else number < pages
    return Page(items, fields.whole(pagination.get("total_count")), more)


def read_photo(item: Any, sol: int) -> PhotoDict:
    """Return a v1 photo, or raise Unusable."""
    if _as_it_should_be(item, sol):
        return item  # most are, and pass as they are
    photo = check_object(item, sol)
    number, source = fields.whole(photo.get("id")), photo.get("img_src")
    if number is None and not (isinstance(source, str) and image_id(source)):
        raise Unusable("NoIdentity", f"a photo of sol {sol} has neither a number nor an image")
    check_sol(photo.get("sol"), sol)
    fixed: dict[str, Any] = {}
    if type(photo.get("id")) is not int:
        fixed["id"] = number
    if type(photo["sol"]) is not int:
        fixed["sol"] = sol
    camera = photo.get("camera")
    if not isinstance(camera, dict) or not isinstance(camera.get("name"), str):
        name = camera if isinstance(camera, str) else None
        fixed["camera"] = {**fields.mapping(camera), "name": name}
    if "img_src" in photo and not isinstance(source, str):
        fixed["img_src"] = None
    if "earth_date" in photo and fields.day(photo["earth_date"]) is None:
        fixed["earth_date"] = None
    return {**photo, **fixed} if fixed else photo


def _as_it_should_be(item: Any, sol: int) -> TypeGuard[PhotoDict]:
    """Return whether an item is a v1 photo of the sol in which nothing has to be looked at twice."""
    if type(item) is not dict:
        return False
    camera, number = item.get("camera"), item.get("id")
    return (
        type(number) is int
        and 0 <= number <= fields.LARGEST
        and type(item.get("sol")) is int
        and item["sol"] == sol
        and type(camera) is dict
        and type(camera.get("name")) is str
        and type(item.get("img_src")) is str
        and fields.day(item.get("earth_date")) is not None
    )
