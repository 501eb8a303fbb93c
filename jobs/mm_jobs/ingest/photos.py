"""One rover's sols from the source: what the manifest promises is asked for, with a few requests at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from mm_contracts.documents import SolOutcome

from mm_jobs.common.ending import rfc3339
from mm_jobs.common.log import Log
from mm_jobs.ingest import outcomes
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.outcomes import Promise

MOST_THREADS: Final = 4


class PhotoSource(Protocol):
    """What is needed of a source."""

    def manifest(self, rover: str) -> dict[str, Any]:
        """Return the rover's manifest, or raise SourceFailure."""

    def photos(self, rover: str, sol: int) -> list[dict[str, Any]]:
        """Return a sol's photos, or raise SourceFailure."""


@dataclass(slots=True)
class Fetched:
    """A batch of sols: outcomes and photos in sol order, and the failures by sol."""

    sols: list[SolOutcome] = field(default_factory=list)
    photos: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[int, SourceFailure] = field(default_factory=dict)


Earlier = dict[int, tuple[SolOutcome, list[dict[str, Any]]]]
"""Sols that an earlier attempt of the same batch has brought whole, with their photos."""


def earlier_sols(document: dict[str, Any] | None) -> Earlier:
    """Return the complete sols of the object that an earlier attempt wrote, so that a retry asks only for the others.

    Without that, a batch that needs more requests than an hour's limit allows would never end.
    """
    if not document:
        return {}
    by_sol: dict[int, list[dict[str, Any]]] = {}
    for photo in document.get("photos", []):
        by_sol.setdefault(photo["sol"], []).append(photo)
    return {
        outcome["sol"]: (outcome, by_sol.get(outcome["sol"], []))
        for outcome in document.get("sols", [])
        if outcome["status"] == "complete" and len(by_sol.get(outcome["sol"], [])) == outcome["received_photos"]
    }


def fetch(
    source: PhotoSource,
    rover: str,
    sols: Iterable[int],
    log: Log,
    *,
    threads: int = MOST_THREADS,
    earlier: Earlier | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Fetched:
    """Return what came of each sol. A failed sol is an outcome with its reason, and stops no other.

    Raises:
        SourceFailure: the manifest could not be had, so that nothing can be said of any sol.
    """
    manifest = source.manifest(rover)
    promises = outcomes.promises(manifest)

    def one(sol: int) -> tuple[SolOutcome, list[dict[str, Any]], SourceFailure | None]:
        asked_at, promise = rfc3339(now()), promises.get(sol)
        if promise is None:
            return outcomes.not_promised(sol, manifest.get("max_sol"), asked_at), [], None
        if earlier and sol in earlier and _still_promised(earlier[sol][0], promise):
            return *earlier[sol], None
        try:
            photos = source.photos(rover, sol)
        except SourceFailure as failure:
            return outcomes.failed(sol, promise, failure, asked_at), [], failure
        return outcomes.received(sol, promise, photos, asked_at), photos, None

    fetched = Fetched()
    wanted = sorted(sols)
    with ThreadPoolExecutor(max_workers=max(1, min(threads, MOST_THREADS, len(wanted)))) as pool:
        for outcome, photos, failure in pool.map(one, wanted):
            fetched.sols.append(outcome)
            fetched.photos.extend(photos)
            if failure is not None:
                fetched.failures[outcome["sol"]] = failure
            log.info(
                "sol",
                rover=rover,
                sol=outcome["sol"],
                status=outcome["status"],
                photos=outcome["received_photos"],
                promised=outcome["promised_photos"],
                reason=outcome["reason"],
            )
    return fetched


def _still_promised(outcome: SolOutcome, promise: Promise) -> bool:
    return outcome["promised_photos"] == promise.photos and outcome["promised_cameras"] == promise.cameras
