"""The Mars Photos API, version 1: manifests and the photos of a sol. Works for pages and for whole sols.

Without ``page`` NASA's own server gives the whole sol and says nothing about pages; others page always and say so in
``pagination``. Where a page size is configured, pages are asked for until one is short. Photos are counted once per id.
"""

from typing import Any, Final

from mm_contracts.reasons import Reason

from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.spec import SourceSettings

_MOST_PAGES: Final = 2_000


class NasaV1:
    """One source of kind ``nasa-v1``."""

    def __init__(self, settings: SourceSettings, client: SourceClient) -> None:
        self._base = settings.base_url
        self._page_size = settings.page_size
        self._client = client

    def manifest(self, rover: str) -> dict[str, Any]:
        """Return the rover's ``photo_manifest`` as served.

        Raises:
            SourceFailure: no usable answer, or one that is not a manifest of this rover.
        """
        manifest = self._client.get(f"{self._base}/manifests/{rover}", "photo_manifest")["photo_manifest"]
        if not isinstance(manifest, dict) or not isinstance(manifest.get("photos"), list):
            raise _bad("the manifest has no list of sols")
        if str(manifest.get("name", "")).lower() != rover.lower():
            raise _bad(f"the manifest is of {manifest.get('name')!r}, not of {rover}")
        for entry in manifest["photos"]:
            if not isinstance(entry, dict) or not _whole(entry.get("sol")) or not _whole(entry.get("total_photos")):
                raise _bad(f"a sol of the manifest lacks its number or its count: {str(entry)[:120]}")
        return manifest

    def photos(self, rover: str, sol: int) -> list[dict[str, Any]]:
        """Return all photos of a sol as served, each id once, in the order of their first appearance.

        Raises:
            SourceFailure: no usable answer, or photos of another sol.
        """
        found: dict[int, dict[str, Any]] = {}
        url = f"{self._base}/rovers/{rover}/photos"
        size, page = self._page_size, 1
        while True:
            paging = {"page": page, "per_page": size} if size else ({"page": page} if page > 1 else {})
            answer = self._client.get(url, "photos", sol=sol, **paging)
            batch = _checked(answer["photos"], sol)
            for photo in batch:
                found.setdefault(photo["id"], photo)
            if not _more(answer, len(batch), page, size):
                return list(found.values())
            page += 1
            if page > _MOST_PAGES:
                raise _bad(f"sol {sol} does not end after {_MOST_PAGES} pages")


def _more(answer: dict[str, Any], received: int, page: int, size: int | None) -> bool:
    """Return whether another page has to be asked for, by what the answer says of its pages or by its length."""
    pagination = answer.get("pagination")
    if isinstance(pagination, dict) and _whole(pagination.get("total_pages")):
        return page < pagination["total_pages"] and received > 0
    return size is not None and received >= size


def _checked(photos: Any, sol: int) -> list[dict[str, Any]]:
    if not isinstance(photos, list):
        raise _bad("photos is not a list")
    for photo in photos:
        if not isinstance(photo, dict) or not _whole(photo.get("id")):
            raise _bad(f"a photo of sol {sol} has no id: {str(photo)[:120]}")
        if photo.get("sol") != sol:
            raise _bad(f"asked for sol {sol}, got photo {photo['id']} of sol {photo.get('sol')}")
    return photos


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _bad(message: str) -> SourceFailure:
    # Status 200: the answer came whole, so that it is worth no other try within the second.
    return SourceFailure(Reason.BAD_RESPONSE, message, status=200)
