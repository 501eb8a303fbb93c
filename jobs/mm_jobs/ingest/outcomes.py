"""What came of a sol: the manifest's promise against the photos received. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from mm_contracts.documents import Attempt, SolOutcome, SolStatus
from mm_contracts.photos import SetAside
from mm_contracts.reasons import Reason

from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.model import Promise
from mm_jobs.ingest.paging import Pulled


def camera_names(photos: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the distinct camera names of photos, alphabetical."""
    found = set()
    for photo in photos:
        camera = photo.get("camera")
        if isinstance(camera, dict) and isinstance(name := camera.get("name"), str):
            found.add(name)
    return sorted(found)


class Asked(NamedTuple):
    """A sol that this attempt asks for, and what the batch's earlier attempts had of it."""

    sol: int
    at: str
    """RFC 3339, UTC."""
    attempt: int = 1
    former: SolOutcome | None = None


_MOST_EARLIER: Final = 20
"""Attempts on record of one sol: rate limits may make a batch try for days."""
_MOST_ASIDE: Final = 200
"""Records of one sol that are kept; the message tells how many there were."""


def history(former: SolOutcome | None) -> list[Attempt]:
    """Return the attempts that a new one takes the place of, oldest first."""
    if former is None:
        return []
    latest: Attempt = {name: former[name] for name in Attempt.__annotations__}  # type: ignore[assignment, literal-required]
    return [*former["earlier"], latest][-_MOST_EARLIER:]


def received(asked: Asked, promise: Promise | None, pulled: Pulled) -> SolOutcome:
    """Return the outcome of a sol whose whole answer came: complete, or a mismatch that says in what.

    Without a promise, from a source that has no manifest, the source's own total is one.
    """
    photos, asides = list(pulled.photos.values()), [*pulled.set_aside.values(), *pulled.lost_fields.values()]
    who = "the manifest promises"
    if promise is None:
        if not photos and (not pulled.expected or pulled.foreign()):
            return _outcome(asked, "not_promised", Reason.SOL_NOT_PROMISED, _lists_none(asked.sol), None, asides=asides)
        who = "the source counts"
        promise = Promise(len(photos) if pulled.expected is None else pulled.expected, None)
    cameras = camera_names(photos)
    reason, message = _compared(promise, len(photos), cameras, who, f"came in {pulled.pages} pages")
    message = "; ".join(part for part in (message, _told(asides)) if part)
    status: SolStatus = "mismatch" if reason else "complete"
    return _outcome(asked, status, reason, message, promise, len(photos), cameras, asides)


def taken_in(former: SolOutcome, photos: Sequence[Mapping[str, Any]], asides: Sequence[SetAside]) -> SolOutcome:
    """Return the outcome of a sol after some of what was set aside could be used: of the same attempt and answer.

    Args:
        former: the outcome before.
        photos: all that the sol has now.
        asides: what still cannot be used.
    """
    cameras, reason, message = camera_names(photos), None, ""
    if former["promised_photos"] is not None:
        promise = Promise(former["promised_photos"], former["promised_cameras"])
        reason, message = _compared(promise, len(photos), cameras, "there should be", "came")
    said = "; ".join(part for part in (message, _told(asides)) if part)
    return {
        **former,
        "status": "mismatch" if reason else "complete",
        "reason": reason.value if reason else None,
        "message": said[:500],
        "received_photos": len(photos),
        "received_cameras": cameras,
        "set_aside": list(asides),
    }


def _compared(promise: Promise, photos: int, cameras: list[str], who: str, came: str) -> tuple[Reason | None, str]:
    if photos != promise.photos:
        return Reason.PHOTO_COUNT_MISMATCH, f"{who} {promise.photos} photos, {photos} {came}"
    if promise.cameras is not None and cameras != promise.cameras:
        promised, found = ", ".join(promise.cameras), ", ".join(cameras)
        return Reason.CAMERA_MISMATCH, f"the manifest promises cameras {promised}; {found} came"
    return None, ""


def _told(asides: Sequence[SetAside]) -> str:
    return f"{len(asides)} set aside: {asides[0]['message']}" if asides else ""


def not_promised(asked: Asked, max_sol: int | None) -> SolOutcome:
    """Return the outcome of a sol that the manifest does not list; nothing needs to be asked."""
    beyond = max_sol is not None and asked.sol > max_sol
    message = f"sol {asked.sol} is beyond the rover's last sol {max_sol}" if beyond else _lists_none(asked.sol)
    return _outcome(asked, "not_promised", Reason.SOL_NOT_PROMISED, message, None)


def failed(asked: Asked, promise: Promise | None, failure: SourceFailure) -> SolOutcome:
    """Return the outcome of a sol without a usable answer."""
    return _outcome(asked, "failed", failure.reason, str(failure), promise)


def unfinished(failure: SourceFailure, promise: Promise | None, so_far: Pulled) -> SourceFailure:
    """Return the failure of a sol of which some pages came, with the numbers."""
    if so_far.pages == 0:
        return failure
    of = promise.photos if promise else so_far.expected
    whole = f" of {of}" if of is not None else ""
    message = (
        f"{failure}; {len(so_far.photos)}{whole} photos came in {so_far.pages} pages, which are kept for the next try"
    )
    return SourceFailure(failure.reason, message, retry_after=failure.retry_after, status=failure.status)


def _lists_none(sol: int) -> str:
    return f"the source lists no sol {sol}"


def _outcome(
    asked: Asked,
    status: SolStatus,
    reason: Reason | None,
    message: str,
    promise: Promise | None,
    photos: int = 0,
    cameras: Iterable[str] = (),
    asides: Sequence[SetAside] = (),
) -> SolOutcome:
    return SolOutcome(
        sol=asked.sol,
        attempt=asked.attempt,
        status=status,
        reason=reason.value if reason else None,
        message=message[:500],
        promised_photos=promise.photos if promise else None,
        promised_cameras=promise.cameras if promise else None,
        received_photos=photos,
        received_cameras=list(cameras),
        requested_at=asked.at,
        earlier=history(asked.former),
        set_aside=list(asides[:_MOST_ASIDE]),
    )
