"""What an HTTP answer of a source means. Pure: status, headers and body in; JSON or a ``SourceFailure`` out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mm_contracts.reasons import Reason

from mm_jobs.common.env import redact
from mm_jobs.ingest import clean
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.retrying import DEFAULT_RETRY_AFTER, retry_after

_EXCERPT = 160


def read_answer(status: int, headers: Mapping[str, str], body: bytes, root: str, now: datetime) -> dict[str, Any]:
    """Return the JSON object of a good answer, which has the key ``root``.

    Args:
        status: the HTTP status.
        headers: case-insensitive response headers.
        body: the whole decoded body.
        root: the key that this route's answers have, such as ``photos``.
        now: current time in UTC, for a Retry-After date.

    Raises:
        SourceFailure: anything else. A 404 page that is not JSON is a source that is gone, never "no photos".
    """
    content = _json_object(body)
    if status == 200:
        return _good(content, body, root)
    said = _said(content, body)
    after = retry_after(headers, now)
    if status == 429:
        raise SourceFailure(
            Reason.RATE_LIMITED,
            f"the source's rate limit is used up: {said}",
            retry_after=after or DEFAULT_RETRY_AFTER,
            status=status,
        )
    if status in (401, 403):
        message = f"the source refused access with HTTP {status}: {said}; check the API key in the source's Secret"
        raise SourceFailure(Reason.UNAUTHORIZED, message, status=status)
    if status in (404, 410):
        raise _not_found(status, content, said)
    if status == 400 and content is not None:
        raise SourceFailure(Reason.BAD_ARGUMENTS, f"the source does not accept the request: {said}", status=status)
    if 300 <= status < 400:
        target = headers.get("Location") or "another address"
        message = f"the source moved to {target} (HTTP {status}): set its baseUrl to the new address"
        raise SourceFailure(Reason.CONFIG_ERROR, message, status=status)
    raise SourceFailure(
        Reason.SOURCE_ERROR, f"the source answered HTTP {status}: {said}", retry_after=after, status=status
    )


def _good(content: dict[str, Any] | None, body: bytes, root: str) -> dict[str, Any]:
    if content is None:
        message = f"the answer is not a JSON object ({len(body)} bytes, begins {_excerpt(body)!r})"
        raise SourceFailure(Reason.BAD_RESPONSE, message, status=200)
    if root not in content:
        message = f"the answer has no {root!r} but {', '.join(sorted(content)) or 'nothing'}"
        raise SourceFailure(Reason.BAD_RESPONSE, message, status=200)
    return content


def _not_found(status: int, content: dict[str, Any] | None, said: str) -> SourceFailure:
    # A source that answers 404 in JSON with a sentence about the rover does live; it just does not know the name.
    if content is not None and isinstance(content.get("error"), str) and "rover" in content["error"].lower():
        return SourceFailure(Reason.BAD_ARGUMENTS, f"the source does not know the rover: {said}", status=status)
    message = f"the source no longer has this address (HTTP {status}: {said})"
    return SourceFailure(Reason.SOURCE_GONE, message, status=status)


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        content = clean.parse(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _said(content: dict[str, Any] | None, body: bytes) -> str:
    """Return what the body says in a few words: the error of a JSON body, else how the text begins."""
    for key in ("error", "errors", "message"):
        value = (content or {}).get(key)
        if isinstance(value, dict):
            value = value.get("message") or value.get("code")
        if isinstance(value, str) and value:
            return redact(value)[:_EXCERPT]
    return _excerpt(body) or "no body"


def _excerpt(body: bytes) -> str:
    # Hidden before it is cut: half a secret is not recognized.
    return redact(" ".join(body[: _EXCERPT * 20].decode("utf-8", "replace").split()))[:_EXCERPT]
