"""The mirror's Job: bring a batch's pictures into the bucket, note each in its sol's ledger, stop at the budget."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from mm_contracts.keys import image_key, thumbnail_key, work_key
from mm_contracts.pictures import SIZES, THUMBNAIL_MEDIA, NoPicture, media_of, shrink
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.sols import format_sols

from mm_jobs.common.ending import JobError, rfc3339
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.images.choosing import Choice, Wanted, choose, options_of, photos_of
from mm_jobs.images.fetching import Forbidden, Gone, Part, Pictures, as_mark
from mm_jobs.images.ledger import Ledger
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.spec import Batch

PART_WORTH_KEEPING: Final = 64 * 1024
_TOLD_EVERY: Final = 25
"""Pictures between two lines of progress."""


class Store(Protocol):
    """The bucket."""

    def put(self, key: str, body: bytes, metadata: dict[str, str], content_type: str = ...) -> str:
        """Write an object."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""

    def delete(self, key: str) -> None:
        """Remove an object."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin so."""


class _Reading:
    """The bucket as ``choosing`` reads it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield keys."""
        return self._store.keys(prefix)

    def read(self, key: str) -> bytes | None:
        """Return bytes."""
        found = self._store.get(key)
        return None if found is None else found.body


def run(
    batch: Batch, source: str, pictures: Pictures, store: Store, log: Log
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Carry out the batch and return the counts of its termination message, and the sols that it was about.

    Raises:
        JobError: some pictures did not come; what came is kept, and the next attempt asks for the rest alone.
    """
    mirror = _Mirror(batch, source, pictures, store, log)
    return mirror.run(), tuple(mirror.sols)


class _Mirror:
    def __init__(self, batch: Batch, source: str, pictures: Pictures, store: Store, log: Log) -> None:
        self._batch, self._source, self._pictures, self._store, self._log = batch, source, pictures, store, log
        options = options_of(batch)
        self._choice = Choice(options.size, tuple(options.cameras), options.thumbnails)
        self._newest, self._most_bytes, self._most_requests = options.newest, options.max_bytes, options.max_requests
        self.sols: list[int] = []
        self._ledgers: dict[int, Ledger] = {}
        self._brought = self._gone = self._kept = self._refused = 0
        self._failures: list[SourceFailure] = []
        self._failed_sols: set[int] = set()

    def run(self) -> dict[str, Any]:
        sols = self._batch.sol_numbers() if self._batch.sols else ()
        photos = photos_of(_Reading(self._store), self._batch.rover, self._source, sols, self._newest)
        self.sols = sorted(photos)
        wanted = choose(photos, self._choice)
        self._log.info("chosen", pictures=len(wanted), sols=format_sols(photos), size=self._choice.size)
        left, stopped = 0, ""
        try:
            for number, one in enumerate(wanted):
                if stopped := self._stopped():
                    left = sum(not self._ledger(other.sol).has(other.file) for other in wanted[number:])
                    break
                self._one(one)
                if (number + 1) % _TOLD_EVERY == 0:
                    self._log.info("progress", done=number + 1, of=len(wanted), bytes=self._pictures.bytes)
        finally:
            for ledger in self._ledgers.values():
                ledger.save()
        counts = {
            "sols": len(photos) - len(self._failed_sols),
            "photos": self._brought,
            "bytes": self._pictures.bytes,
            "requests": self._pictures.requests,
            "details": {
                "brought": self._brought, "were_here": self._kept, "gone": self._gone, "not_fetched": self._refused,
                "left": left, "stopped": stopped,
            },
        }  # fmt: skip
        self._log.info("mirrored", **counts["details"])  # type: ignore[arg-type]
        if self._failures and not (stopped and not self._failed_sols):
            self._end(counts)
        return counts

    def _stopped(self) -> str:
        if self._pictures.bytes >= self._most_bytes:
            return f"the budget of {self._most_bytes} bytes is used up"
        if self._pictures.requests >= self._most_requests:
            return f"the budget of {self._most_requests} requests is used up"
        limited = [one for one in self._failures if one.reason in (Reason.RATE_LIMITED, Reason.GATE_UNREACHABLE)]
        return str(limited[0]) if limited else ""

    def _ledger(self, sol: int) -> Ledger:
        if sol not in self._ledgers:
            for ledger in self._ledgers.values():
                ledger.save()
            self._ledgers[sol] = Ledger(self._store, self._batch.rover, sol)
        return self._ledgers[sol]

    def _one(self, one: Wanted) -> None:
        ledger = self._ledger(one.sol)
        if ledger.has(one.file):
            self._kept += 1
            return
        now = rfc3339(datetime.now(UTC))
        said = {
            "image_id": one.image_id, "camera": one.camera, "img_src": one.address, "source": self._source,
            "size_class": self._choice.size,
        }  # fmt: skip
        part_key = work_key("images", image_key(self._batch.rover, one.sol, one.file))
        part = self._part(part_key)
        try:
            body = self._pictures.fetch(one.address, part)
            media = media_of(body)
            thumbnails = {size: shrink(body, longest) for size, longest in SIZES.items()}
        except Gone:
            self._gone += 1
            ledger.note(one.file, said | {"gone_at": now})
            return
        except Forbidden:
            self._refused += 1
            self._log.warning("picture.refused", file=one.file, message="its address is not at an allowed origin")
            return
        except NoPicture as problem:
            self._fail(one, SourceFailure(Reason.BAD_RESPONSE, f"{one.file}: {problem}"))
            return
        except SourceFailure as failure:
            self._keep(part_key, part)
            self._fail(one, failure)
            return
        digest = hashlib.sha256(body).hexdigest()
        metadata = {"sha256": digest, "source": self._source, "plan": self._batch.plan}
        metadata["trace-id"] = self._batch.trace_id
        self._store.put(image_key(self._batch.rover, one.sol, one.file), body, metadata, media)
        for size, small in thumbnails.items():
            self._store.put(thumbnail_key(self._batch.rover, one.sol, one.image_id, size), small, {}, THUMBNAIL_MEDIA)
        ledger.note(one.file, said | {"content_type": media, "size": len(body), "sha256": digest, "fetched_at": now})
        if self._batch.attempt > 1:
            self._store.delete(part_key)
        self._brought += 1

    def _part(self, key: str) -> Part:
        found = self._store.get(key) if self._batch.attempt > 1 else None
        return Part(found.body, as_mark(found.metadata.get("mark", ""))) if found else Part()

    def _keep(self, key: str, part: Part) -> None:
        if part.mark and len(part.body) >= PART_WORTH_KEEPING:
            self._store.put(key, part.body, {"mark": part.mark}, "application/octet-stream")

    def _fail(self, one: Wanted, failure: SourceFailure) -> None:
        self._failures.append(failure)
        self._failed_sols.add(one.sol)

    def _end(self, counts: dict[str, Any]) -> None:
        chosen = next((one for one in self._failures if one.reason is Reason.RATE_LIMITED), self._failures[0])
        counts["failed_sols"] = {format_sols(self._failed_sols): chosen.reason.value}
        what = f"{len(self._failures)} pictures did not come; {self._brought} did and are kept: {chosen}"
        raise JobError(ExitCode.TEMPORARY, chosen.reason, what, retry_after=chosen.retry_after, counts=counts)
