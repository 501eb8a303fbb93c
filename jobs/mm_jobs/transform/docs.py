"""The page that describes the models, renewed now and then. It is a convenience: whatever happens here fails no run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from mm_contracts.keys import DOCS_PAGE, LINEAGE

from mm_jobs.common.ending import rfc3339
from mm_jobs.common.log import Log
from mm_jobs.transform.page import Counts, Written

GENERATED_AT: Final = "generated-at"
FINGERPRINT: Final = "fingerprint"
CONTENT: Final = "content"
"""Metadata of the page's object: they answer whether it is due by one request, and without a state elsewhere."""


class Maker(Protocol):
    """Who makes the page."""

    def page(self, counts: Counts) -> Written:
        """Return the page and the lineage with these numbers of rows, or raise DbtProblem."""

    def fingerprint(self) -> str:
        """Return a hash of all that the page's shape depends on."""


class Store(Protocol):
    """Where the page is kept."""

    def metadata(self, key: str) -> dict[str, str] | None:
        """Return an object's metadata, or None where there is none. Raises JobError."""

    def put(self, key: str, body: bytes, metadata: Mapping[str, str], content_type: str) -> str:
        """Write an object. Raises JobError."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the tables were built from."""

    hash: str
    settled: bool
    """Whether the run found nothing to build, so that no other is likely to follow at once."""


def why_due(
    found: Mapping[str, str] | None, fingerprint: str, content: Content, now: datetime, interval: timedelta
) -> str | None:
    """Return why a new page is due, or None where the one that is there will do.

    Args:
        found: the metadata of the page that is there; None where there is none.
        fingerprint: what the page would be made from now.
        content: what the tables hold now.
        now: with a zone.
        interval: how old a page may become while loads go on.
    """
    if found is None:
        return "there is none"
    if found.get(FINGERPRINT) != fingerprint:
        return "the models changed"
    try:
        made = datetime.fromisoformat(found.get(GENERATED_AT, ""))
    except ValueError:
        return "its age is unknown"
    if made.tzinfo is None or made > now + interval:  # a clock went wrong; such a page would never become old
        return "its age is unknown"
    if now - made >= interval:
        return "it is old"
    # Made while photos came, it would tell of a few of them for as long as an interval lasts.
    return "the tables have changed" if content.settled and found.get(CONTENT) != content.hash else None


class Docs:
    """The page, in one bucket."""

    def __init__(self, store: Store, interval: timedelta, log: Log) -> None:
        """Args: store, how old a page may become, and where warnings go."""
        self._store = store
        self._interval = interval
        self._log = log

    def renew(self, maker: Maker, content: Content, counts: Callable[[], Counts]) -> str:
        """Make a new page if one is due.

        Args:
            maker: makes it.
            content: what the tables hold now.
            counts: counts their rows.

        Returns:
            ``renewed``, ``fresh``, or the sentence that says why there is no new page.
        """
        began = datetime.now(UTC)
        try:
            fingerprint = maker.fingerprint()
            why = why_due(self._store.metadata(DOCS_PAGE), fingerprint, content, began, self._interval)
            if why is None:
                return "fresh"
            made = maker.page(counts())
            self._store.put(LINEAGE, made.lineage, {}, "application/json")
            metadata = {GENERATED_AT: rfc3339(began), FINGERPRINT: fingerprint, CONTENT: content.hash}
            self._store.put(DOCS_PAGE, made.page, metadata, "text/html; charset=utf-8")
        except Exception as problem:  # of dbt, of the store's client, of the disk: none is worth a run
            self._log.warning("docs.failed", message=str(problem)[:400])
            return f"failed: {problem}"[:200]
        self._log.info("docs", why=why, bytes=len(made.page), seconds=(datetime.now(UTC) - began).total_seconds())
        return "renewed"
