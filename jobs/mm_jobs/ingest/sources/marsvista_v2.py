"""api.marsvista.dev, version 2: JSON:API. Attributes come nested in its documentation and flat in its code."""

from typing import Any

from mm_contracts.photos import image_id

from mm_jobs.ingest import fields
from mm_jobs.ingest.manifests import bad, read_manifest
from mm_jobs.ingest.model import Manifest, Page, PhotoDict, Unusable
from mm_jobs.ingest.sources.base import Listing, check_object, check_sol, photo_of, urls, wanted
from mm_jobs.ingest.spec import SourceSettings


class MarsVistaV2(Listing):
    """One source of kind ``marsvista-v2``."""

    def manifest(self, rover: str) -> Manifest:
        """Return the rover's manifest, or raise SourceFailure."""
        url = f"{self._settings.base_url}/rovers/{rover.lower()}/manifest"
        data = self._client.get(url, "data", remember=True)["data"]
        return read_manifest(data.get("attributes", data) if isinstance(data, dict) else data, rover)

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:
        """Return a page of a sol's photos, or raise SourceFailure."""
        answer = self._client.get(
            f"{self._settings.base_url}/photos",
            "data",
            {
                "rovers": rover.lower(),
                "sol_min": sol,
                "sol_max": sol,
                "field_set": "complete",
                "include": "rover,camera",
                "page": number,
                "per_page": size,
            },
        )
        return read_page(answer)

    def read(self, item: Any, rover: str, sol: int) -> PhotoDict | None:
        """Return the canonical photo in a resource object, or raise Unusable."""
        return read_photo(item, rover, sol, self._settings)


def read_page(answer: dict[str, Any]) -> Page:
    """Return the page in an answer, or raise SourceFailure."""
    items = answer.get("data")
    if not isinstance(items, list):
        raise bad(f"data is not a list but {str(items)[:60]!r}")
    pagination = fields.mapping(answer.get("pagination"))
    number, pages = fields.whole(pagination.get("page")), fields.whole(pagination.get("total_pages"))
    more = None if number is None or pages is None else number < pages
    return Page(items, fields.whole(fields.mapping(answer.get("meta")).get("total_count")), more)


def read_photo(item: Any, rover: str, sol: int, settings: SourceSettings) -> PhotoDict | None:
    """Return the canonical photo in a resource object; None for a sample type that is not wanted. Raises Unusable."""
    raw = check_object(item, sol)
    said = fields.mapping(raw.get("attributes"))
    check_sol(said.get("sol"), sol)
    images, size = fields.mapping(said.get("images")), fields.mapping(said.get("dimensions"))
    place, telemetry = fields.mapping(said.get("location")), fields.mapping(said.get("telemetry"))
    files = urls(
        small=images.get("small") or said.get("img_src_small"),
        medium=images.get("medium") or said.get("img_src_medium"),
        large=images.get("large") or said.get("img_src_large"),
        full=images.get("full") or said.get("img_src_full"),
    )
    source = files.get("large") or fields.url(said.get("img_src")) or next(iter(files.values()), None)
    identity = image_id(source or "")
    if source is None or identity is None:
        raise Unusable("NoIdentity", f"a photo of sol {sol} has no image")
    sample_type = (fields.text(said.get("sample_type")) or "").lower() or None
    if not wanted(sample_type, settings.sample_types):
        return None
    related = fields.mapping(raw.get("relationships"))
    camera = fields.mapping(related.get("camera"))
    camera = fields.mapping(camera.get("data")) or camera
    return photo_of(
        settings,
        rover,
        sol,
        raw,
        id=fields.whole(raw.get("id")),
        image_id=identity,
        img_src=source,
        files=files,
        nasa_id=fields.text(said.get("nasa_id")),
        camera=fields.text(camera.get("id")),
        camera_full_name=fields.text(fields.mapping(camera.get("attributes")).get("full_name")),
        taken_at=fields.moment(said.get("date_taken_utc")),
        local_time=fields.local_time(said.get("date_taken_mars")),
        sclk=fields.number(telemetry.get("spacecraft_clock")),
        site=fields.whole(place.get("site", said.get("site"))),
        drive=fields.whole(place.get("drive", said.get("drive"))),
        sample_type=sample_type,
        is_thumbnail=None if sample_type is None else sample_type == "thumbnail",
        mast_azimuth=fields.number(telemetry.get("mast_azimuth", said.get("mast_az"))),
        mast_elevation=fields.number(telemetry.get("mast_elevation", said.get("mast_el"))),
        width=fields.whole(size.get("width", said.get("width"))),
        height=fields.whole(size.get("height", said.get("height"))),
        title=fields.text(said.get("title")),
        caption=fields.text(said.get("caption")),
        credit=fields.text(said.get("credit")),
    )
