"""One rover's sols from the source: what the manifest promises is asked for, with a few requests at a time."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

from mm_contracts.documents import SolOutcome

from mm_jobs.common.ending import rfc3339
from mm_jobs.common.log import Log
from mm_jobs.ingest import outcomes
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.outcomes import Asked, Promise

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


class Former(NamedTuple):
    """What the batch's attempts so far recorded of a sol."""

    outcome: SolOutcome
    photos: list[dict[str, Any]] | None
    """The sol's photos, where they came complete: then it need not be asked for again."""


def former_sols(document: dict[str, Any] | None) -> dict[int, Former]:
    """Return what an earlier attempt's object says of each sol, so that a retry asks only for what it lacks.

    Without that, a batch that needs more requests than an hour's limit allows would never end.
    """
    if not document:
        return {}
    by_sol: dict[int, list[dict[str, Any]]] = {}
    for photo in document.get("photos", []):
        by_sol.setdefault(photo["sol"], []).append(photo)
    found = {}
    for entry in document.get("sols", []):
        outcome: SolOutcome = {"attempt": document["attempt"], "earlier": [], "set_aside": []} | entry
        photos = by_sol.get(outcome["sol"], [])
        complete = outcome["status"] == "complete" and len(photos) == outcome["received_photos"]
        found[outcome["sol"]] = Former(outcome, photos if complete else None)
    return found


def fetch(
    source: PhotoSource,
    rover: str,
    sols: Iterable[int],
    log: Log,
    *,
    threads: int = MOST_THREADS,
    attempt: int = 1,
    former: Mapping[int, Former] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Fetched:
    """Return what came of each sol. A failed sol is an outcome with its reason, and stops no other.

    Args:
        source: who is asked.
        rover: its name.
        sols: what is wanted of it.
        log: gets a line per sol.
        threads: requests at a time, at most.
        attempt: the batch's attempt that this is, from 1.
        former: what the attempts before it recorded.
        now: the time, with a zone.

    Raises:
        SourceFailure: the manifest could not be had, so that nothing can be said of any sol.
    """
    manifest = source.manifest(rover)
    promises = outcomes.promises(manifest)

    def one(sol: int) -> tuple[SolOutcome, list[dict[str, Any]], SourceFailure | None]:
        known = (former or {}).get(sol)
        asked, promise = Asked(sol, rfc3339(now()), attempt, known.outcome if known else None), promises.get(sol)
        if promise is None:
            return outcomes.not_promised(asked, manifest.get("max_sol")), [], None
        if known and known.photos is not None and _still_promised(known.outcome, promise):
            return known.outcome, known.photos, None
        try:
            photos = source.photos(rover, sol)
        except SourceFailure as failure:
            return outcomes.failed(asked, promise, failure), [], failure
        return outcomes.received(asked, promise, photos), photos, None

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
