"""The source gate: one place that says whether a request to a source may start now, over all Jobs.

``POST /v1/sources/<name>/permits`` answers 200 ``{"granted": true}`` or 429 with ``Retry-After`` (whole seconds). With
``{"lease": true}`` as body the permit counts as one of the source's ``maxConcurrency`` until it is given back: the
answer names it in ``lease``, and ``DELETE /v1/sources/<name>/permits/<lease>`` ends it (204, also where it is over).
``POST /v1/sources/<name>/closures`` with ``Closure`` as body closes the source for everybody; answers 204.
"""

from pydantic import Field

from mm_contracts.batch import Wire


class Closure(Wire):
    """A source's own word that nobody should ask for a while (a 429's Retry-After)."""

    retry_after_seconds: float = Field(gt=0, le=86_400)
    reason: str = "RateLimited"


class PermitRequest(Wire):
    """What a Job asks with. Without a lease the permit counts in the hour only."""

    lease: bool = False


def permit_path(source: str) -> str:
    """Return the path to ask for a permit."""
    return f"/v1/sources/{source}/permits"


def closure_path(source: str) -> str:
    """Return the path to report a closure."""
    return f"/v1/sources/{source}/closures"


def lease_path(source: str, lease: str) -> str:
    """Return the path to give a permit back."""
    return f"/v1/sources/{source}/permits/{lease}"
