"""What came of a sol: the manifest's promise against the photos received. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mm_contracts.documents import SolOutcome
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


def received(sol: int, promise: Promise, photos: list[dict[str, Any]], asked_at: str) -> SolOutcome:
    """Return the outcome of a sol whose whole answer came: complete, or a mismatch that says in what."""
    cameras = camera_names(photos)
    reason, message = None, ""
    if len(photos) != promise.photos:
        reason = Reason.PHOTO_COUNT_MISMATCH
        message = f"the manifest promises {promise.photos} photos, {len(photos)} came"
    elif promise.cameras is not None and cameras != promise.cameras:
        reason = Reason.CAMERA_MISMATCH
        message = f"the manifest promises cameras {', '.join(promise.cameras)}; {', '.join(cameras)} came"
    return SolOutcome(
        sol=sol,
        status="mismatch" if reason else "complete",
        reason=reason.value if reason else None,
        message=message,
        promised_photos=promise.photos,
        promised_cameras=promise.cameras,
        received_photos=len(photos),
        received_cameras=cameras,
        requested_at=asked_at,
    )


def not_promised(sol: int, max_sol: object, asked_at: str) -> SolOutcome:
    """Return the outcome of a sol that the manifest does not list; nothing needs to be asked."""
    beyond = isinstance(max_sol, int) and sol > max_sol
    message = f"sol {sol} is beyond the rover's last sol {max_sol}" if beyond else f"the manifest lists no sol {sol}"
    return _without_photos(sol, "not_promised", Reason.SOL_NOT_PROMISED, message, None, asked_at)


def failed(sol: int, promise: Promise | None, failure: SourceFailure, asked_at: str) -> SolOutcome:
    """Return the outcome of a sol without a usable answer."""
    return _without_photos(sol, "failed", failure.reason, str(failure), promise, asked_at)


def _without_photos(
    sol: int, status: Any, reason: Reason, message: str, promise: Promise | None, asked_at: str
) -> SolOutcome:
    return SolOutcome(
        sol=sol,
        status=status,
        reason=reason.value,
        message=message[:500],
        promised_photos=promise.photos if promise else None,
        promised_cameras=promise.cameras if promise else None,
        received_photos=0,
        received_cameras=[],
        requested_at=asked_at,
    )
