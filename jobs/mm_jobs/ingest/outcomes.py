"""What came of a sol: the manifest's promise against the photos received. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from mm_contracts.documents import Attempt, SolOutcome, SolStatus
from mm_contracts.reasons import Reason

from mm_jobs.ingest.failures import SourceFailure


class Promise(NamedTuple):
    """What a manifest promises for one sol."""

    photos: int
    cameras: list[str] | None
    """Camera names, alphabetical; None where the manifest does not list them."""


def promises(manifest: Mapping[str, Any]) -> dict[int, Promise]:
    """Return what the manifest promises, by sol. A sol that it does not list has no photos."""
    found = {}
    for entry in manifest["photos"]:
        cameras = entry.get("cameras")
        listed = sorted({str(camera) for camera in cameras}) if isinstance(cameras, list) else None
        found[entry["sol"]] = Promise(entry["total_photos"], listed)
    return found


def camera_names(photos: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the distinct camera names of photos, alphabetical."""
    cameras = (photo.get("camera") for photo in photos)
    return sorted({str(camera.get("name")) for camera in cameras if isinstance(camera, dict)})


class Asked(NamedTuple):
    """A sol that this attempt asks for, and what the batch's earlier attempts had of it."""

    sol: int
    at: str
    """RFC 3339, UTC."""
    attempt: int = 1
    former: SolOutcome | None = None


_MOST_EARLIER: Final = 20
"""Attempts on record of one sol: rate limits may make a batch try for days."""


def history(former: SolOutcome | None) -> list[Attempt]:
    """Return the attempts that a new one takes the place of, oldest first."""
    if former is None:
        return []
    latest: Attempt = {name: former[name] for name in Attempt.__annotations__}  # type: ignore[assignment, literal-required]
    return [*former["earlier"], latest][-_MOST_EARLIER:]


def received(asked: Asked, promise: Promise, photos: list[dict[str, Any]]) -> SolOutcome:
    """Return the outcome of a sol whose whole answer came: complete, or a mismatch that says in what."""
    cameras = camera_names(photos)
    reason, message = None, ""
    if len(photos) != promise.photos:
        reason = Reason.PHOTO_COUNT_MISMATCH
        message = f"the manifest promises {promise.photos} photos, {len(photos)} came"
    elif promise.cameras is not None and cameras != promise.cameras:
        reason = Reason.CAMERA_MISMATCH
        message = f"the manifest promises cameras {', '.join(promise.cameras)}; {', '.join(cameras)} came"
    return _outcome(asked, "mismatch" if reason else "complete", reason, message, promise, len(photos), cameras)


def not_promised(asked: Asked, max_sol: object) -> SolOutcome:
    """Return the outcome of a sol that the manifest does not list; nothing needs to be asked."""
    beyond = isinstance(max_sol, int) and asked.sol > max_sol
    lists_none = f"the manifest lists no sol {asked.sol}"
    message = f"sol {asked.sol} is beyond the rover's last sol {max_sol}" if beyond else lists_none
    return _outcome(asked, "not_promised", Reason.SOL_NOT_PROMISED, message, None)


def failed(asked: Asked, promise: Promise | None, failure: SourceFailure) -> SolOutcome:
    """Return the outcome of a sol without a usable answer."""
    return _outcome(asked, "failed", failure.reason, str(failure), promise)


def _outcome(
    asked: Asked,
    status: SolStatus,
    reason: Reason | None,
    message: str,
    promise: Promise | None,
    photos: int = 0,
    cameras: Iterable[str] = (),
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
        set_aside=[],
    )
