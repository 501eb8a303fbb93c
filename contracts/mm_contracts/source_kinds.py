"""What is known of each kind of source: its datasets and its published limits. Data, without pydantic."""

from typing import Final, NamedTuple

from mm_contracts.keys import COORDINATES, MANIFESTS, PHOTOS


class Kind(NamedTuple):
    """Defaults of a kind of source; a source's own settings win."""

    datasets: tuple[str, ...]
    """What such a source can give; ``nasa-v1`` gives coordinates too where ``traverseUrls`` names a layer."""
    rovers: tuple[str, ...]
    """Whose photos or drives it can have."""
    requests_per_hour: int | None = None
    """The published limit for one key or address; None: none is published."""
    page_size: int | None = None
    """Items asked for in a page; None: a whole sol in one request."""
    sample_types: tuple[str, ...] = ()
    """Which sample types are photos, lower case; empty: all that the source lists."""


_ALL: Final = ("Perseverance", "Curiosity", "Opportunity", "Spirit")

KINDS: Final[dict[str, Kind]] = {
    "nasa-v1": Kind((PHOTOS, MANIFESTS), _ALL),
    "marsvista-v1": Kind((PHOTOS, MANIFESTS), _ALL, 10_000, 100),
    "marsvista-v2": Kind((PHOTOS, MANIFESTS), _ALL, 10_000, 100),
    "m20-raw": Kind((PHOTOS, MANIFESTS), ("Perseverance",), None, 100, ("full",)),
    "msl-raw": Kind((PHOTOS, MANIFESTS), ("Curiosity",), None, 200, ("full", "subframe", "downsampled", "chemcam prc")),
    "mmgis": Kind((COORDINATES,), ("Perseverance", "Curiosity")),
}
"""By the name that the chart's values use."""

NASA_PER_HOUR: Final = 1_000
"""Requests an hour that api.nasa.gov allows a registered key, over all of its APIs together."""


def published_limit(kind: str, base_url: str) -> int | None:
    """Return the published requests an hour of a source, or None where none is published."""
    host = base_url.partition("//")[2].partition("/")[0].partition(":")[0].lower()
    return NASA_PER_HOUR if host == "api.nasa.gov" else KINDS[kind].requests_per_hour


def key_variable(source: str) -> str:
    """Return the environment variable that holds the API key of a source: ``SOURCE_API_KEY_MY_SOURCE`` of my-source."""
    return "SOURCE_API_KEY_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in source).upper()
