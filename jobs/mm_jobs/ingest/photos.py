"""One rover's sols from the source: what the manifest promises is asked for, with a few requests at a time."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypedDict

from mm_contracts.documents import SolOutcome
from mm_contracts.reasons import Reason

from mm_jobs.common.ending import rfc3339
from mm_jobs.common.log import Log
from mm_jobs.ingest import outcomes
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.kept import of_shape
from mm_jobs.ingest.model import Manifest, PhotoDict, Promise
from mm_jobs.ingest.outcomes import Asked
from mm_jobs.ingest.paging import Interrupted, begin, pull
from mm_jobs.ingest.parts import Part
from mm_jobs.ingest.sources.base import PhotoSource

MOST_THREADS: Final = 4


@dataclass(slots=True)
class Fetched:
    """A batch of sols: outcomes and photos in sol order, the failures by sol, and pages of sols that are not whole."""

    sols: list[SolOutcome] = field(default_factory=list)
    photos: list[PhotoDict] = field(default_factory=list)
    failures: dict[int, SourceFailure] = field(default_factory=dict)
    parts: dict[int, Part] = field(default_factory=dict)


class Former(NamedTuple):
    """What the batch's attempts so far recorded of a sol."""

    outcome: SolOutcome
    photos: list[PhotoDict] | None
    """The sol's photos, where they came complete: then it need not be asked for again."""


class _One(NamedTuple):
    outcome: SolOutcome
    photos: list[PhotoDict]
    failure: SourceFailure | None = None
    part: Part | None = None


class _Object(TypedDict):
    attempt: int
    photos: list[Any]
    sols: list[Any]


def former_sols(document: Any) -> dict[int, Former]:
    """Return what an earlier attempt's object says of each sol, so that a retry asks only for what it lacks.

    Without that, a batch that needs more requests than an hour's limit allows would never end. A sol of which it says
    nothing that can be used is left out.

    Raises:
        ValueError: it is no such object.
    """
    held = of_shape(document, _Object)
    if held is None:
        raise ValueError("it is no batch of sols")
    by_sol: dict[int, list[PhotoDict]] = {}
    for photo in held["photos"]:
        if isinstance(photo, dict) and type(photo.get("sol")) is int:
            by_sol.setdefault(photo["sol"], []).append(photo)
    found = {}
    for entry in held["sols"]:
        lacked = {"attempt": held["attempt"], "earlier": [], "set_aside": []}  # by objects of older versions
        outcome = of_shape(lacked | entry, SolOutcome) if isinstance(entry, dict) else None
        if outcome is None:
            continue
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
    parts: Mapping[int, Part] | None = None,
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
        parts: pages that they had of sols which they could not finish.
        now: the time, with a zone.

    Raises:
        SourceFailure: the manifest could not be had, so that nothing can be said of any sol.
    """
    manifest = source.manifest(rover) if source.has_manifest else None

    def one(sol: int) -> _One:
        known = (former or {}).get(sol)
        asked = Asked(sol, rfc3339(now()), attempt, known.outcome if known else None)
        promise = manifest.promises.get(sol) if manifest else None
        if manifest is not None and promise is None:
            return _unpromised(asked, manifest)
        if known and known.photos is not None and (promise is None or _still_promised(known.outcome, promise)):
            return _One(known.outcome, known.photos)
        return _asked(source, rover, asked, promise, (parts or {}).get(sol))

    fetched = Fetched()
    wanted = sorted(sols)
    with ThreadPoolExecutor(max_workers=max(1, min(threads, MOST_THREADS, len(wanted)))) as pool:
        for found in pool.map(one, wanted):
            _add(fetched, found, rover, log)
    return fetched


def _asked(source: PhotoSource, rover: str, asked: Asked, promise: Promise | None, part: Part | None) -> _One:
    promised = promise.photos if promise else None
    start = part.pulled if part and part.promised == promised else begin(source)
    try:
        pulled = pull(source, rover, asked.sol, promised, start)
    except Interrupted as interrupted:
        failure = outcomes.unfinished(interrupted.failure, promise, interrupted.so_far)
        kept = Part(interrupted.so_far, promised) if interrupted.so_far.pages else None
        return _One(outcomes.failed(asked, promise, failure), [], failure, kept)
    return _One(outcomes.received(asked, promise, pulled), list(pulled.photos.values()))


def _unpromised(asked: Asked, manifest: Manifest) -> _One:
    said = manifest.unusable.get(asked.sol)
    if said is None:
        return _One(outcomes.not_promised(asked, manifest.max_sol), [])
    failure = SourceFailure(Reason.BAD_RESPONSE, said, status=200)
    return _One(outcomes.failed(asked, None, failure), [], failure)


def _add(fetched: Fetched, found: _One, rover: str, log: Log) -> None:
    outcome = found.outcome
    fetched.sols.append(outcome)
    fetched.photos.extend(found.photos)
    if found.failure is not None:
        fetched.failures[outcome["sol"]] = found.failure
    if found.part is not None:
        fetched.parts[outcome["sol"]] = found.part
    log.info(
        "sol",
        rover=rover,
        sol=outcome["sol"],
        status=outcome["status"],
        photos=outcome["received_photos"],
        promised=outcome["promised_photos"],
        reason=outcome["reason"],
        set_aside=len(outcome["set_aside"]) or None,
    )


def _still_promised(outcome: SolOutcome, promise: Promise) -> bool:
    return outcome["promised_photos"] == promise.photos and outcome["promised_cameras"] == promise.cameras
