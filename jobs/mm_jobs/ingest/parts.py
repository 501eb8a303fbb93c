"""Pages of sols that no attempt has finished yet, as an object under the batch's own name. Pure.

Without them a sol that needs more pages than the source allows in an hour would be begun anew in every hour.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from mm_contracts.keys import work_key

from mm_jobs.ingest.paging import Pulled


class Part(NamedTuple):
    """A sol's pages so far, and what its manifest promised when they came."""

    pulled: Pulled
    promised: int | None


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
    """Return the unfinished sols of a kept object.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none, which costs no more than its pages.
    """
    if document["source"] != source:
        return {}
    found = {}
    for sol, held in document["sols"].items():
        promised = held.pop("promised")
        pulled = Pulled(**(held | {"unwanted": set(held["unwanted"])}))
        found[int(sol)] = Part(pulled, promised)
    return found
