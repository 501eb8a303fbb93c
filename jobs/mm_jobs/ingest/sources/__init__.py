"""Clients of the kinds of source, one file per kind. Another kind is a file, a line here and one in the contract."""

from typing import Final

from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.sources.base import PhotoSource
from mm_jobs.ingest.sources.m20_raw import M20Raw
from mm_jobs.ingest.sources.marsvista_v1 import MarsVistaV1
from mm_jobs.ingest.sources.marsvista_v2 import MarsVistaV2
from mm_jobs.ingest.sources.msl_raw import MslRaw
from mm_jobs.ingest.sources.nasa_v1 import NasaV1
from mm_jobs.ingest.spec import SourceSettings, SpecError

PHOTO_KINDS: Final[dict[str, type[PhotoSource]]] = {
    "nasa-v1": NasaV1,
    "marsvista-v1": MarsVistaV1,
    "marsvista-v2": MarsVistaV2,
    "m20-raw": M20Raw,
    "msl-raw": MslRaw,
}


def source_of(settings: SourceSettings, client: SourceClient) -> PhotoSource:
    """Return the client of a source of photos. Raises SpecError for a kind that has none or is not known."""
    try:
        return PHOTO_KINDS[settings.kind](settings, client)
    except KeyError:
        known = ", ".join(PHOTO_KINDS)
        raise SpecError(
            f"source {settings.name} is of kind {settings.kind!r}, which has no photos: use {known}"
        ) from None
