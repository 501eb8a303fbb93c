"""What a kind of source is: the small interface that each file beside this one carries out."""

from typing import Any, ClassVar, Protocol

from mm_contracts.photos import Photo, earth_date
from mm_contracts.source_kinds import KINDS

from mm_jobs.ingest import fields
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.model import Manifest, Page, PhotoDict, Unusable
from mm_jobs.ingest.paging import Pulled
from mm_jobs.ingest.spec import SourceSettings


class PhotoSource(Protocol):
    """A source of photos. ``page`` and ``manifest`` ask; ``read`` is pure and takes any value."""

    has_manifest: ClassVar[bool]
    """Whether the source tells what it has; if not, a manifest is derived from ``newest`` and ``count``."""
    first_page: int
    page_size: int | None

    def __init__(self, settings: SourceSettings, client: SourceClient) -> None: ...

    def manifest(self, rover: str) -> Manifest:
        """Return the rover's manifest, or raise SourceFailure."""

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:
        """Return a page of a sol's photos, or raise SourceFailure."""

    def read(self, item: Any, rover: str, sol: int) -> PhotoDict | None:
        """Return the photo in an item of a page; None for one that is not wanted; or raise Unusable."""

    def newest(self, rover: str) -> int:
        """Return the newest sol with photos, or raise SourceFailure."""

    def count(self, rover: str, sol: int, so_far: Pulled | None = None) -> int:
        """Return how many photos a sol has, without fetching them where that can be.

        A source that has to look at the photos goes on after the pages that came before.

        Raises:
            SourceFailure: it cannot be had.
            Interrupted: it cannot be had, and pages of it came.
        """


class Asking:
    """What clients have in common: whom they ask, and how many items they ask for in a page."""

    def __init__(self, settings: SourceSettings, client: SourceClient) -> None:
        self._settings, self._client = settings, client
        self.page_size = settings.page_size or KINDS[settings.kind].page_size


class Listing(Asking):
    """A source that tells what it has; its pages count from 1."""

    has_manifest: ClassVar[bool] = True
    first_page = 1

    def manifest(self, rover: str) -> Manifest:
        """Return the rover's manifest, or raise SourceFailure."""
        raise NotImplementedError

    def newest(self, rover: str) -> int:
        """Return the newest sol. Raises SourceFailure."""
        return max(self.manifest(rover).promises, default=0)

    def count(self, rover: str, sol: int, so_far: Pulled | None = None) -> int:  # noqa: ARG002 (nothing is paged)
        """Return a sol's photos. Raises SourceFailure."""
        promise = self.manifest(rover).promises.get(sol)
        return promise.photos if promise else 0


class Feed(Asking):
    """A source without a manifest, which is derived; its pages count from 0."""

    has_manifest: ClassVar[bool] = False
    first_page = 0

    def manifest(self, rover: str) -> Manifest:
        """There is none."""
        raise NotImplementedError(rover)


def check_sol(value: Any, sol: int) -> None:
    """Raise Unusable where an item is not of the sol that was asked for."""
    own = fields.whole(value)
    if own is None:
        raise Unusable("NoSol", f"a photo in the answer for sol {sol} has the sol {str(value)[:60]!r}")
    if own != sol:
        raise Unusable("OtherSol", f"a photo in the answer for sol {sol} is of sol {own}")


def check_object(item: Any, sol: int) -> dict[str, Any]:
    """Return the item, or raise Unusable where it is no object."""
    if not isinstance(item, dict):
        raise Unusable("NotAnObject", f"a photo of sol {sol} is {str(item)[:60]!r}")
    return item


def photo_of(
    settings: SourceSettings,
    rover: str,
    sol: int,
    raw: dict[str, Any],
    *,
    image_id: str,
    img_src: str,
    files: dict[str, str],
    camera: str | None,
    camera_full_name: str | None = None,
    id: int | None = None,
    nasa_id: str | None = None,
    taken_at: str | None = None,
    received_at: str | None = None,
    local_time: str | None = None,
    sclk: float | None = None,
    site: int | None = None,
    drive: int | None = None,
    sample_type: str | None = None,
    is_thumbnail: bool | None = None,
    filter: str | None = None,
    mast_azimuth: float | None = None,
    mast_elevation: float | None = None,
    width: int | None = None,
    height: int | None = None,
    title: str | None = None,
    caption: str | None = None,
    credit: str | None = None,
) -> PhotoDict:
    """Return the canonical photo (``contracts.photos.Photo``); what a kind does not give is null."""
    photo = Photo(
        id=id,
        image_id=image_id,
        source=settings.name,
        source_kind=settings.kind,
        sol=sol,
        camera={"name": camera or "UNKNOWN", "full_name": camera_full_name},
        rover={"name": rover},
        earth_date=earth_date(rover, sol),
        img_src=img_src,
        files=files,
        nasa_id=nasa_id,
        taken_at=taken_at,
        received_at=received_at,
        local_time=local_time,
        sclk=sclk,
        site=site,
        drive=drive,
        sample_type=sample_type,
        is_thumbnail=is_thumbnail,
        filter=filter,
        mast_azimuth=mast_azimuth,
        mast_elevation=mast_elevation,
        width=width,
        height=height,
        title=title,
        caption=caption,
        credit=credit,
        raw=raw,
    )
    return {**photo}


def urls(**candidates: Any) -> dict[str, str]:
    """Return those candidates that are URLs, by size."""
    return {size: found for size, value in candidates.items() if (found := fields.url(value))}


def wanted(sample_type: str | None, chosen: tuple[str, ...]) -> bool:
    """Return whether photos of a sample type are wanted; one that is not told is."""
    return sample_type is None or not chosen or sample_type in chosen
