"""MMGIS traverse layers: a rover's drives as GeoJSON features.

Perseverance's features say sol, RMC, length and spacecraft clock; Curiosity's say only ``Length``. Older layers have
lower-case names and nulls. All are kept as served, since what they mean is the warehouse's to say.
"""

from typing import Any

from mm_contracts.reasons import Reason

from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.spec import SourceSettings


def drives(settings: SourceSettings, client: SourceClient, rover: str) -> list[dict[str, Any]]:
    """Return the features of the rover's traverse layer, each with ``rover_name`` added.

    Raises:
        SourceFailure: BadArguments where no layer is configured for the rover; else as for any request.
    """
    url = settings.traverse_urls.get(rover)
    if not url:
        known = ", ".join(settings.traverse_urls) or "no rover"
        message = f"source {settings.name} has no traverse layer of {rover}: it has those of {known}"
        raise SourceFailure(Reason.BAD_ARGUMENTS, message)
    features = client.get(url, "features")["features"]
    if not isinstance(features, list) or not all(
        isinstance(feature, dict) and isinstance(feature.get("geometry"), dict) for feature in features
    ):
        raise SourceFailure(Reason.BAD_RESPONSE, "the traverse layer holds something that is not a feature", status=200)
    return [{**feature, "rover_name": rover} for feature in features]
