"""The ingest Job's body: fetch a batch, write its one object, and say how it went."""

import json
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

from mm_contracts.documents import Budget, CoordinatesDocument, ManifestsDocument, PhotosDocument, Provenance
from mm_contracts.keys import COORDINATES, MANIFESTS, dataset_key, photos_key
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.sols import format_sols

from mm_jobs.common.ending import JobError, rfc3339
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.ingest.failures import SOURCE_WIDE, SourceFailure, exit_code
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.photos import MOST_THREADS, Fetched, Former, fetch, former_sols
from mm_jobs.ingest.sources import source_of
from mm_jobs.ingest.sources.traverse import drives
from mm_jobs.ingest.spec import Batch, SourceSettings


class Store(Protocol):
    """Where objects are kept."""

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> str:
        """Write an object and return its ETag."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""


def run(batch: Batch, settings: SourceSettings, client: SourceClient, store: Store, log: Log) -> dict[str, Any]:
    """Carry out the batch and return the counts of its termination message.

    Raises:
        JobError: with the contract's exit code. What could be had is written all the same.
    """
    if settings.rovers and batch.rover not in settings.rovers:
        message = f"source {settings.name} has no rover {batch.rover}: it has {', '.join(settings.rovers)}"
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, message)
    writer = _Writer(batch, settings, client, store, log)
    try:
        if batch.dataset == MANIFESTS:
            manifest = source_of(settings, client).manifest(batch.rover)
            return writer.manifests(manifest)
        if batch.dataset == COORDINATES:
            return writer.coordinates(drives(settings, client, batch.rover))
        fetched = fetch(
            source_of(settings, client),
            batch.rover,
            batch.sol_numbers(),
            log,
            threads=min(MOST_THREADS, settings.max_concurrency),
            attempt=batch.attempt,
            former=_former(batch, store, log),
        )
    except SourceFailure as failure:
        raise JobError(
            exit_code([failure.reason]),
            failure.reason,
            str(failure),
            retry_after=failure.retry_after,
            counts={"requests": client.requests},
        ) from None
    return writer.photos(fetched)


def _photos_key(batch: Batch) -> str:
    sols = batch.sol_numbers()
    return photos_key(batch.rover, sols[0], sols[-1], batch.stamp)


def _former(batch: Batch, store: Store, log: Log) -> dict[int, Former]:
    if batch.attempt == 1:
        return {}
    stored = store.get(_photos_key(batch))
    try:
        found = former_sols(json.loads(stored.body) if stored else None)
    except (ValueError, KeyError, TypeError, AttributeError):
        # Somebody else's bytes under our key: this attempt overwrites them.
        log.warning("earlier_attempt.unreadable", key=_photos_key(batch))
        return {}
    log.info("earlier_attempt", complete_sols=sum(one.photos is not None for one in found.values()))
    return found


class _Writer:
    """Writes the batch's object and makes the counts of its last word."""

    def __init__(self, batch: Batch, settings: SourceSettings, client: SourceClient, store: Store, log: Log) -> None:
        self._batch = batch
        self._settings = settings
        self._client = client
        self._store = store
        self._log = log

    def manifests(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Write a manifest's object."""
        key = dataset_key(MANIFESTS, self._batch.rover, self._batch.stamp)
        self._put(key, ManifestsDocument(**self._provenance(key), manifests=[manifest], set_aside=[]))
        return self._counts() | {"sols": len(manifest["photos"]), "details": {"key": key}}

    def coordinates(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Write the object of a rover's drives."""
        key = dataset_key(COORDINATES, self._batch.rover, self._batch.stamp)
        self._put(
            key,
            CoordinatesDocument(
                **self._provenance(key),
                coordinate_count=len(features),
                coordinates=features,
                places=[],
                layers=[],
                set_aside=[],
            ),
        )
        return self._counts() | {"details": {"key": key, "drives": len(features)}}

    def photos(self, fetched: Fetched) -> dict[str, Any]:
        """Write the object of a batch of sols, failed ones recorded as failed, and end as the failures ask for."""
        key = _photos_key(self._batch)
        about_sols = [sol for sol, failure in fetched.failures.items() if failure.reason not in SOURCE_WIDE]
        if len(fetched.failures) < len(fetched.sols) or about_sols:
            sols = self._batch.sol_numbers()
            document = PhotosDocument(
                **self._provenance(key),
                sol_start=sols[0],
                sol_end=sols[-1],
                photo_count=len(fetched.photos),
                photos=fetched.photos,
                sols=fetched.sols,
            )
            self._put(key, document)
        counts = self._counts() | {
            "sols": len(fetched.sols) - len(fetched.failures),
            "photos": len(fetched.photos),
            "details": {"key": key, "mismatched_sols": _sols_with("mismatch", fetched)},
        }
        if fetched.failures:
            _end_failed(fetched, counts)
        return counts

    def _put(self, key: str, document: PhotosDocument | ManifestsDocument | CoordinatesDocument) -> None:
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        metadata = {"trace-id": self._batch.trace_id, "plan": self._batch.plan, "batch": str(self._batch.batch)}
        etag = self._store.put(key, body, metadata)
        self._log.info("object.written", key=key, bytes=len(body), etag=etag)

    def _provenance(self, key: str) -> Provenance:
        return Provenance(
            filename=key.rpartition("/")[2],
            rover_name=self._batch.rover,
            source=self._settings.name,
            source_kind=self._settings.kind,
            plan=self._batch.plan,
            batch=self._batch.batch,
            attempt=self._batch.attempt,
            trace_id=self._batch.trace_id,
            ingestion_date=rfc3339(datetime.now(UTC)),
            requests=self._client.requests,
            budget=Budget(limit=None, remaining=None, reset_at=None),
        )

    def _counts(self) -> dict[str, Any]:
        return {"bytes": self._client.bytes, "requests": self._client.requests}


def _sols_with(status: str, fetched: Fetched) -> str:
    return format_sols(outcome["sol"] for outcome in fetched.sols if outcome["status"] == status)


def _end_failed(fetched: Fetched, counts: dict[str, Any]) -> NoReturn:
    failures = list(fetched.failures.values())
    code = exit_code([failure.reason for failure in failures])
    # The one that decides the exit code is the one to tell of.
    chosen = next(failure for failure in failures if exit_code([failure.reason]) == code)
    by_reason: dict[str, list[int]] = {}
    for sol, failure in fetched.failures.items():
        by_reason.setdefault(failure.reason.value, []).append(sol)
    counts["failed_sols"] = {format_sols(sols): reason for reason, sols in by_reason.items()}
    message = f"{len(failures)} of {len(fetched.sols)} sols failed ({format_sols(fetched.failures)}): {chosen}"
    waits = [failure.retry_after for failure in failures if failure.retry_after is not None]
    raise JobError(code, chosen.reason, message, retry_after=max(waits) if waits else None, counts=counts)
