"""Pages of sols that no attempt has finished yet, as an object under the batch's own name. Pure.

Without them a sol that needs more pages than the source allows in an hour would be begun anew in every hour.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, NotRequired, TypedDict

from mm_contracts.keys import work_key
from mm_contracts.photos import SetAside

from mm_jobs.ingest import fields
from mm_jobs.ingest.kept import of_shape
from mm_jobs.ingest.paging import MOST_PAGES, Pulled


class Part(NamedTuple):
    """A sol's pages so far, and what its manifest promised when they came."""

    pulled: Pulled
    promised: int | None


class _Held(TypedDict):
    page: int
    size: int | None
    photos: dict[str, dict[str, Any]]
    set_aside: dict[str, SetAside]
    lost_fields: NotRequired[dict[str, SetAside]]
    unwanted: list[str]
    total: int | None
    pages: int
    longest: int
    without_news: int
    promised: int | None


class _Object(TypedDict):
    source: str
    sols: dict[str, Any]


def parts_key(photos_key: str) -> str:
    """Return the key of the pages that belong to a batch's object."""
    return work_key("parts", photos_key)


def written(parts: Mapping[int, Part], source: str) -> dict[str, Any]:
    """Return what is kept of unfinished sols."""
    sols = {
        str(sol): {**asdict(part.pulled), "unwanted": sorted(part.pulled.unwanted), "promised": part.promised}
        for sol, part in sorted(parts.items())
    }
    return {"source": source, "sols": sols}


def read(document: Any, source: str) -> dict[int, Part]:
    """Return the unfinished sols of a kept object; one that cannot be gone on with is left out, and begun anew.

    Raises:
        ValueError: it is no such object, which costs no more than its pages.
    """
    kept = of_shape(document, _Object)
    if kept is None:
        raise ValueError("it holds no pages")
    if kept["source"] != source:
        return {}
    found = {}
    for name, value in kept["sols"].items():
        sol, held = fields.whole(name), of_shape(value, _Held)
        if sol is not None and held is not None and _can_go_on(held, sol):
            pulled = {key: item for key, item in held.items() if key != "promised"}
            found[sol] = Part(Pulled(**(pulled | {"unwanted": set(held["unwanted"])})), held["promised"])  # type: ignore[arg-type]
    return found


def _can_go_on(held: _Held, sol: int) -> bool:
    """Return whether the next page follows those that came, and the photos are of the sol."""
    follows = held["page"] - held["pages"] in (0, 1) and 0 <= held["pages"] <= MOST_PAGES
    return (
        follows
        and (held["size"] is None or held["size"] > 0)
        and (held["total"] is None or held["total"] >= 0)
        and all(photo.get("sol") == sol for photo in held["photos"].values())
    )
