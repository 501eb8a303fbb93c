"""The ingest Job's body: fetch a batch, write its one object, and say how it went."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

from mm_contracts.documents import CoordinatesDocument, ManifestsDocument, PhotosDocument, Provenance
from mm_contracts.keys import COORDINATES, MANIFESTS, dataset_key, photos_key
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.sols import format_sols

from mm_jobs.common.ending import JobError, rfc3339
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.ingest import clean, layers, parts
from mm_jobs.ingest.derived import derive
from mm_jobs.ingest.failures import SOURCE_WIDE, SourceFailure, exit_code
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.layers import Layers
from mm_jobs.ingest.model import Manifest, counted
from mm_jobs.ingest.parts import Part
from mm_jobs.ingest.photos import MOST_THREADS, Fetched, Former, fetch, former_sols
from mm_jobs.ingest.sources import source_of
from mm_jobs.ingest.spec import Batch, SourceSettings, SpecError


class Store(Protocol):
    """Where objects are kept."""

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> str:
        """Write an object and return its ETag."""

    def put_new(self, key: str, body: bytes) -> bool:
        """Write an object where there is none; return whether there was none."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""

    def delete(self, key: str) -> None:
        """Remove an object."""


def run(batch: Batch, settings: SourceSettings, client: SourceClient, store: Store, log: Log) -> dict[str, Any]:
    """Carry out the batch and return the counts of its termination message.

    Raises:
        JobError: with the contract's exit code. What could be had is written all the same.
    """
    if settings.rovers and batch.rover not in settings.rovers:
        message = f"source {settings.name} has no rover {batch.rover}: it has {', '.join(settings.rovers)}"
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, message)
    work = _Work(batch, settings, client, store, log)
    try:
        if batch.dataset == MANIFESTS:
            return work.manifests()
        return work.coordinates() if batch.dataset == COORDINATES else work.photos()
    except SpecError as error:
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.CONFIG_ERROR, str(error)) from None
    except SourceFailure as failure:
        raise JobError(
            exit_code([failure.reason]),
            failure.reason,
            str(failure),
            retry_after=failure.retry_after,
            counts={"requests": client.requests},
        ) from None


class _Work:
    """Fetches and writes the batch's object, and makes the counts of its last word."""

    def __init__(self, batch: Batch, settings: SourceSettings, client: SourceClient, store: Store, log: Log) -> None:
        self._batch = batch
        self._settings = settings
        self._client = client
        self._store = store
        self._log = log

    def manifests(self) -> dict[str, Any]:
        """Fetch a manifest, or derive it, and write its object."""
        source, rover = source_of(self._settings, self._client), self._batch.rover
        if source.has_manifest:
            manifest: Manifest = source.manifest(rover)
        else:
            manifest = derive(
                source,
                self._settings.name,
                rover,
                self._store,
                self._log,
                per_hour=self._settings.requests_per_hour,
                spent=lambda: self._client.requests,
            )
        key = dataset_key(MANIFESTS, rover, self._batch.stamp)
        self._put(
            key, ManifestsDocument(**self._provenance(key), manifests=[manifest.body], set_aside=manifest.set_aside)
        )
        details = {"key": key, "set_aside": counted(manifest.set_aside)}
        return self._counts() | {"sols": len(manifest.promises), "details": details}

    def coordinates(self) -> dict[str, Any]:
        """Fetch a rover's layers and write their object, and end as the failed ones ask for."""
        key = dataset_key(COORDINATES, self._batch.rover, self._batch.stamp)
        found = layers.fetch_layers(
            self._settings, self._client, self._batch.rover, self._earlier_layers(key), self._log
        )
        if len(found.failures) < len(found.layers):
            document = CoordinatesDocument(
                **self._provenance(key),
                coordinate_count=len(found.features),
                coordinates=found.features,
                places=found.places,
                layers=found.layers,
                set_aside=found.set_aside,
            )
            self._put(key, document)
        details = {"key": key, "drives": len(found.features), "places": len(found.places)}
        counts = self._counts() | {"details": details | {"set_aside": counted(found.set_aside)}}
        if found.failures:
            _end_without_layers(found, counts)
        return counts

    def photos(self) -> dict[str, Any]:
        """Fetch a batch of sols and write its object, failed ones recorded as failed; end as the failures ask for."""
        sols = self._batch.sol_numbers()
        key = photos_key(self._batch.rover, sols[0], sols[-1], self._batch.stamp)
        kept = self._earlier_pages(key)
        fetched = fetch(
            source_of(self._settings, self._client),
            self._batch.rover,
            sols,
            self._log,
            threads=min(MOST_THREADS, self._settings.max_concurrency),
            attempt=self._batch.attempt,
            former=self._earlier_sols(key),
            parts=kept,
        )
        self._keep_pages(key, fetched.parts, bool(kept))
        about_sols = [sol for sol, failure in fetched.failures.items() if failure.reason not in SOURCE_WIDE]
        if len(fetched.failures) < len(fetched.sols) or about_sols:
            document = PhotosDocument(
                **self._provenance(key),
                sol_start=sols[0],
                sol_end=sols[-1],
                photo_count=len(fetched.photos),
                photos=fetched.photos,
                sols=fetched.sols,
            )
            self._put(key, document)
        details = {
            "key": key,
            "mismatched_sols": format_sols(_sols_with("mismatch", fetched)),
            "not_promised_sols": format_sols(_sols_with("not_promised", fetched)),
            "set_aside": counted(one for sol in fetched.sols for one in sol["set_aside"]),
        }
        counts = self._counts() | {
            "sols": len(fetched.sols) - len(fetched.failures),
            "not_promised": len(_sols_with("not_promised", fetched)),
            "mismatched": len(_sols_with("mismatch", fetched)),
            "photos": len(fetched.photos),
            "details": {name: value for name, value in details.items() if value},
        }
        if fetched.failures:
            _end_failed(fetched, counts)
        return counts

    def _earlier_sols(self, key: str) -> dict[int, Former]:
        try:
            document = self._earlier(key)
            found = former_sols(document) if document is not None else {}
        except ValueError:
            # Somebody else's bytes under our key: this attempt overwrites them.
            self._log.warning("earlier_attempt.unreadable", key=key)
            return {}
        if found:
            self._log.info("earlier_attempt", complete_sols=sum(one.photos is not None for one in found.values()))
        return found

    def _earlier_pages(self, key: str) -> dict[int, Part]:
        try:
            document = self._earlier(parts.parts_key(key))
            found = parts.read(document, self._settings.name) if document is not None else {}
        except ValueError:
            self._log.warning("earlier_pages.unreadable", key=parts.parts_key(key))
            return {}
        for sol, part in found.items():
            self._log.info("earlier_pages", sol=sol, pages=part.pulled.pages, photos=len(part.pulled.photos))
        return found

    def _earlier_layers(self, key: str) -> layers.Former | None:
        try:
            return layers.former_layers(self._earlier(key))
        except ValueError:
            return None

    def _earlier(self, key: str) -> Any:
        stored = self._store.get(key) if self._batch.attempt > 1 else None
        return clean.parse(stored.body) if stored else None

    def _keep_pages(self, key: str, found: Mapping[int, Part], had: bool) -> None:
        if found:
            body = clean.dumps(parts.written(found, self._settings.name))
            self._store.put(parts.parts_key(key), body, {"trace-id": self._batch.trace_id, "plan": self._batch.plan})
            self._log.info("pages.kept", sols=format_sols(found), bytes=len(body))
        elif had:
            self._store.delete(parts.parts_key(key))

    def _put(self, key: str, document: PhotosDocument | ManifestsDocument | CoordinatesDocument) -> None:
        body = clean.dumps(document)
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
            budget=self._client.budget,
        )

    def _counts(self) -> dict[str, Any]:
        return {"bytes": self._client.bytes, "requests": self._client.requests}


def _sols_with(status: str, fetched: Fetched) -> list[int]:
    return [outcome["sol"] for outcome in fetched.sols if outcome["status"] == status]


def _end_failed(fetched: Fetched, counts: dict[str, Any]) -> NoReturn:
    by_reason: dict[str, list[int]] = {}
    for sol, failure in fetched.failures.items():
        by_reason.setdefault(failure.reason.value, []).append(sol)
    counts["failed_sols"] = {format_sols(sols): reason for reason, sols in by_reason.items()}
    what = f"{len(fetched.failures)} of {len(fetched.sols)} sols failed ({format_sols(fetched.failures)})"
    _end(list(fetched.failures.values()), what, counts)


def _end_without_layers(found: Layers, counts: dict[str, Any]) -> NoReturn:
    what = f"{len(found.failures)} of {len(found.layers)} layers failed ({', '.join(found.failures)})"
    _end(list(found.failures.values()), what, counts)


def _end(failures: list[SourceFailure], what: str, counts: dict[str, Any]) -> NoReturn:
    code = exit_code([failure.reason for failure in failures])
    # The one that decides the exit code is the one to tell of; of those, one that has numbers to tell.
    chosen = max(
        (one for one in failures if exit_code([one.reason]) == code), key=lambda one: "which are kept" in str(one)
    )
    waits = [failure.retry_after for failure in failures if failure.retry_after is not None]
    raise JobError(code, chosen.reason, f"{what}: {chosen}", retry_after=max(waits) if waits else None, counts=counts)
