"""What to do about a reason that the archive tells; of batches the operator says it itself. Pure."""

from typing import Final

_ADVICE: Final = {
    "RateLimited": "Wait: it is tried again by itself when the source's budget allows.",
    "SourceError": "The source failed. It is tried again by itself; if it lasts, look at the source's own status.",
    "SourceGone": "It is gone for good there: give the rover another source (source.rovers).",
    "BadResponse": "The source answered something that is no answer. `mars logs` of the plan shows what it was.",
    "Unauthorized": "The source refuses the key: put a valid one into the source's Secret, then `mars retry --all`.",
    "StorageError": "The bucket could not be written: check that it runs and has room.",
    "Deadline": "It took longer than it may. Raise activeDeadline, or let batches be smaller (batch.maxSols).",
    "OOMKilled": "It needs more memory: raise jobs.ingest.resources, or let batches be smaller (batch.maxPhotos).",
    "ImagePull": "The nodes cannot pull the image: check image.repository, image.tag and imagePullSecrets.",
    "Unschedulable": "No node has room for the Job's pod: free some, or lower its requests.",
    "Quota": "A quota of the namespace is full: it goes on when there is room.",
    "Mismatch": "The source has other photos than its manifest promises. It is asked again, more and more seldom.",
    "PhotoCountMismatch": "The source has other photos than its manifest promises. It is asked again.",
    "CameraMismatch": "The source has photos of other cameras than its manifest promises. It is asked again.",
    "SolNotPromised": "The rover's manifest does not list this sol: there is nothing to have.",
    "NoOutcome": "Nothing came back: see `mars plans` and `mars dlq list`.",
    "ManifestBehind": "The photos are newer than the manifest: the next manifest settles it.",
    "ManifestGrew": "More photos were promised since it was fetched: it is asked for again.",
    "ManifestFailed": "The manifest could not be had: `mars schedule --dataset manifests` asks for it now.",
}
_STATES: Final = {
    "missing": "It waits for its turn. `mars schedule` asks for it at once.",
    "waiting": "Wait for its plan (`mars plans --live`).",
    "growing": "Nothing: it is asked for again as the rover goes on.",
    "complete": "Nothing.",
    "unpromised": "Nothing: the photos stay in the archive.",
}


def advice(reason: str | None, state: str = "") -> str:
    """Return what to do about a reason or, where there is none, about a state; empty where nothing is known."""
    return _ADVICE.get(reason or "") or _STATES.get(state, "")
