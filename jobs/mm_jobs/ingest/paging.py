"""A sol's pages, asked for until there are no more, with what came kept when one fails.

Sources page in their own ways: without saying how many there are, with fewer items in a page than were asked for, with
pages that overlap while new photos come. So the end is found from what came: an empty page; a page that is shorter than
the others; or as many items as the source says there are. A first page that is shorter than asked for is the end only
if nobody promises more: the source may have a largest page of its own.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from mm_contracts.photos import SetAside

from mm_jobs.ingest import clean
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.manifests import bad
from mm_jobs.ingest.model import Page, PhotoDict, Unusable, aside, lost_field

MOST_PAGES: Final = 2_000
_MOST_WITHOUT_NEWS: Final = 2
"""Pages in a row that bring nothing new: the source does not heed the page's number."""


class Paged(Protocol):
    """What is needed of a source to page through a sol."""

    first_page: int
    page_size: int | None

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:
        """Return a page, or raise SourceFailure."""

    def read(self, item: Any, rover: str, sol: int) -> PhotoDict | None:
        """Return the photo in an item, None for one that is not wanted, or raise Unusable."""


@dataclass(slots=True)
class Pulled:
    """What came of a sol so far; also what is kept between attempts."""

    page: int
    """The next page's number."""
    size: int | None
    photos: dict[str, PhotoDict] = field(default_factory=dict)
    """By identity, in the order of their first appearance."""
    set_aside: dict[str, SetAside] = field(default_factory=dict)
    lost_fields: dict[str, SetAside] = field(default_factory=dict)
    """Values of photos' fields that could not be used; they are no items, and are not counted as such."""
    unwanted: set[str] = field(default_factory=set)
    total: int | None = None
    pages: int = 0
    longest: int = 0
    """Items in the longest page so far."""
    without_news: int = 0

    @property
    def known(self) -> int:
        """Distinct items so far."""
        return len(self.photos) + len(self.set_aside) + len(self.unwanted)

    @property
    def expected(self) -> int | None:
        """Photos that the source says there are, as far as it says so: those that are not wanted are not counted."""
        return None if self.total is None else max(self.total - len(self.unwanted), 0)

    def foreign(self) -> int:
        """Return how many items were of other sols."""
        return sum(one["reason"] == "OtherSol" for one in self.set_aside.values())


class Interrupted(Exception):
    """A page failed; those before it are kept."""

    def __init__(self, failure: SourceFailure, so_far: Pulled) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.so_far = so_far


def begin(source: Paged) -> Pulled:
    """Return the state before the first page."""
    return Pulled(source.first_page, source.page_size)


def pull(source: Paged, rover: str, sol: int, promised: int | None, pulled: Pulled) -> Pulled:
    """Ask for the pages that are still missing and return everything.

    Args:
        source: who is asked.
        rover: its name.
        sol: the sol.
        promised: photos that the manifest promises, where there is one.
        pulled: what came so far.

    Raises:
        Interrupted: a page failed.
    """
    while True:
        try:
            if pulled.pages >= MOST_PAGES:
                raise bad(f"sol {sol} does not end after {MOST_PAGES} pages with {pulled.known} items")
            page = source.page(rover, sol, pulled.page, pulled.size)
        except SourceFailure as failure:
            raise Interrupted(failure, pulled) from failure
        news = _take(source, rover, sol, pulled, page)
        if not _another(pulled, page, news, promised):
            return pulled


def _take(source: Paged, rover: str, sol: int, pulled: Pulled, page: Page) -> int:
    before = pulled.known
    for item in page.items:
        try:
            photo = source.read(item, rover, sol)
        except Unusable as problem:
            pulled.set_aside.setdefault(_fingerprint(item), aside("photo", problem, item))
        else:
            if photo is None:
                pulled.unwanted.add(_fingerprint(item))
            else:
                name = identity(photo)
                pulled.photos.setdefault(name, photo)
                for field_name, value in _lost(item, photo):
                    pulled.lost_fields.setdefault(
                        f"{name}:{field_name}", lost_field(field_name, value, f"photo {name[1:]}")
                    )
    if page.total is not None and (page.items or pulled.total is None):
        pulled.total = page.total  # beyond the last page some say that there are none at all
    pulled.page += 1
    pulled.pages += 1
    return pulled.known - before


def _lost(item: dict[str, Any], photo: PhotoDict) -> Iterator[tuple[str, Any]]:
    """Yield the fields that are null in a photo and were not in its item, unless the photo keeps the item itself."""
    if photo is item or photo.get("raw") is item:
        return
    for name in ("id", "img_src", "earth_date"):
        if item.get(name) not in (None, "") and photo.get(name) is None:
            yield name, item[name]
    if item.get("camera") not in (None, "") and photo["camera"]["name"] is None:
        yield "camera", item["camera"]


def _fingerprint(item: Any) -> str:
    return hashlib.blake2b(clean.dumps(item), digest_size=12).hexdigest()


def identity(photo: PhotoDict) -> str:
    """Return what photos of one source are told apart by: its own number, which it counts by, else the picture."""
    return f"n{photo['id']}" if photo.get("id") is not None else f"i{photo.get('image_id') or photo.get('img_src')}"


def _another(pulled: Pulled, page: Page, news: int, promised: int | None) -> bool:
    """Return whether another page has to be asked for; a page size that the source does not keep to is corrected."""
    received = len(page.items)
    pulled.without_news = 0 if news else pulled.without_news + 1
    longest, pulled.longest = pulled.longest, max(pulled.longest, received)
    if received == 0 or pulled.without_news >= _MOST_WITHOUT_NEWS:
        return False
    missing = pulled.total if pulled.total is not None else promised
    lacks = missing is not None and pulled.known < missing
    if pulled.size is not None and pulled.pages == 1 and received < pulled.size and (lacks or page.more):
        pulled.size = received
    if pulled.total is not None:
        return lacks
    if page.more:
        return True
    if page.more is False and not lacks:
        return False
    if pulled.size is None:
        # A whole sol was asked for. Where less came than is promised the source may page without saying so.
        return lacks and news > 0 and received >= longest
    return received >= pulled.size
