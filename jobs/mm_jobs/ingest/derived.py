"""Manifests of sources that have none: counted sol by sol, a part in each run, and kept in the bucket.

The newest sols are counted in every run, since they grow; older ones once. A first run of a rover with thousands of
sols does not count them all at once, nor take more than a part of the hour's requests from the photos: its manifest
promises what is counted, and says how far that is.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mm_contracts.keys import work_key
from mm_contracts.photos import LANDING_DATES, LAUNCH_DATES, earth_date
from mm_contracts.sols import MAX_SOL

from mm_jobs.common.log import Log
from mm_jobs.ingest import clean, fields, outcomes, parts
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.manifests import bad, read_manifest
from mm_jobs.ingest.model import Manifest, PhotoDict
from mm_jobs.ingest.paging import Interrupted
from mm_jobs.ingest.parts import Part
from mm_jobs.ingest.shelf import Shelf
from mm_jobs.ingest.sources.base import PhotoSource

NEWEST: Final = 10
"""Sols before the newest one that are counted again: photos of a sol come for about a week."""
LONGEST: Final = 300.0
"""Seconds of counting in one run."""
SHARE: Final = 4
"""One in so many of an hour's requests may be spent on counting older sols in one run."""


def derive(
    source: PhotoSource,
    name: str,
    rover: str,
    store: Shelf,
    log: Log,
    *,
    per_hour: int | None = None,
    spent: Callable[[], int] = lambda: 0,
    longest: float = LONGEST,
    clock: Callable[[], float] = time.monotonic,
) -> Manifest:
    """Return a manifest in v1's form, marked ``derived``.

    Args:
        source: who is asked.
        name: its name, for what is kept.
        rover: the rover.
        store: the bucket.
        log: gets a line with what was counted.
        per_hour: requests that the source allows in an hour; None: no limit.
        spent: tells how many were sent so far.
        longest: seconds after which no further sol is counted.
        clock: monotonic seconds.

    Raises:
        SourceFailure: not even the newest sol could be had. Pages of it that came are kept for the next run.
    """
    key = work_key("counts", name, f"{rover.lower()}.json")
    pages_key = parts.parts_key(f"counts/{name}/{rover.lower()}.json")
    counts, pages = _kept(store, key), _kept_pages(store, pages_key, name)
    had = bool(pages)
    newest = source.newest(rover)
    if newest > MAX_SOL:
        raise bad(f"the source says that its newest sol is {newest}")
    wanted = [sol for sol in range(newest, -1, -1) if sol > newest - NEWEST or sol not in counts]
    begun, counted, older, stopped = clock(), 0, 0, ""
    lost: SourceFailure | None = None
    for sol in wanted:
        if clock() - begun > longest:
            stopped = "Time"
        # The newest are counted in every run: of the older ones one at least, or the manifest never becomes whole.
        elif per_hour is not None and older and spent() >= per_hour // SHARE:
            stopped = "Budget"
        if stopped:
            break
        try:
            counts[sol] = _count(source, rover, sol, pages)
        except SourceFailure as failure:
            lost, stopped = failure, failure.reason.value
            break
        counted += 1
        older += sol <= newest - NEWEST
    if pages:
        store.put(pages_key, clean.dumps(parts.written(pages, name)), {})
    elif had:
        store.delete(pages_key)
    if lost is not None and counted == 0:
        raise lost
    store.put(key, clean.dumps({str(sol): count for sol, count in sorted(counts.items())}), {})
    missing = sum(sol not in counts for sol in range(newest + 1))
    log.info("manifest.derived", rover=rover, counted=counted, uncounted=missing, newest=newest, stopped=stopped)
    listed = [
        {"sol": sol, "earth_date": earth_date(rover, sol), "total_photos": count, "cameras": None}
        for sol, count in sorted(counts.items())
        if count and sol <= newest
    ]
    body = {
        "name": rover,
        "landing_date": LANDING_DATES[rover].isoformat(),
        "launch_date": LAUNCH_DATES[rover].isoformat(),
        "status": "active",
        "max_sol": newest,
        "max_date": earth_date(rover, newest),
        "total_photos": sum(entry["total_photos"] for entry in listed if isinstance(entry["total_photos"], int)),
        "derived": True,
        "uncounted_sols": missing,
        "photos": listed,
    }
    return read_manifest(body, rover)


def _count(source: PhotoSource, rover: str, sol: int, pages: dict[int, Part]) -> int:
    """Return a sol's photos, going on after the pages that are kept of it; where it fails, keep those that came."""
    part = pages.pop(sol, None)
    try:
        return source.count(rover, sol, part.pulled if part else None)
    except Interrupted as interrupted:
        came = interrupted.so_far
        if came.pages:
            # Which photos came is all that a count needs to know of them.
            known: dict[str, PhotoDict] = {identity: {"sol": sol} for identity in came.photos}
            pages[sol] = Part(replace(came, photos=known), None)
        raise outcomes.unfinished(interrupted.failure, None, came) from None


def _kept_pages(store: Shelf, key: str, name: str) -> dict[int, Part]:
    stored = store.get(key)
    try:
        return parts.read(clean.parse(stored.body), name) if stored else {}
    except ValueError:
        return {}


def _kept(store: Shelf, key: str) -> dict[int, int]:
    stored = store.get(key)
    try:
        held = clean.parse(stored.body) if stored else {}
        pairs = [(fields.whole(sol), fields.whole(count)) for sol, count in held.items()]
    except (ValueError, AttributeError):
        return {}
    return {sol: count for sol, count in pairs if sol is not None and count is not None}
