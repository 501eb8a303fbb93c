"""Clients of the kinds of source, one file per kind."""

from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.sources.nasa_v1 import NasaV1
from mm_jobs.ingest.spec import SourceSettings

__all__ = ["NasaV1", "SourceFailure", "source_of"]

_KINDS = {"nasa-v1": NasaV1}


def source_of(settings: SourceSettings, client: SourceClient) -> NasaV1:
    """Return the client for the source's kind. Raises ValueError for a kind that is not known."""
    try:
        return _KINDS[settings.kind](settings, client)
    except KeyError:
        known = ", ".join(_KINDS)
        raise ValueError(f"source {settings.name} is of unknown kind {settings.kind!r}: use {known}") from None
