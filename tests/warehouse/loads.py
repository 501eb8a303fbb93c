"""The load Job's body against the real server: objects in memory for the bucket, a list for the topic."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mm_contracts.batch import LoadSpec, ObjectRef
from mm_contracts.bronze import all_tables
from mm_contracts.messages import LoadedObject
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Listed, Stored
from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load.job import Load
from mm_jobs.load.staging.internal import InternalStaging

TRACE = "0af7651916cd43dd8448eb211c80319c"


def photos_document(rover: str, first: int, last: int, photos_per_sol: int = 3, note: str = "") -> dict[str, Any]:
    """A whole document of a batch of photos; ``note`` makes its content differ."""
    photos = [
        {"id": sol * 1000 + number, "sol": sol, "camera": {"name": "FHAZ"}, "img_src": f"http://mars/{note}/{number}"}
        for sol in range(first, last + 1)
        for number in range(photos_per_sol)
    ]
    sols = [
        {"sol": sol, "status": "complete", "received_photos": photos_per_sol, "promised_photos": photos_per_sol}
        for sol in range(first, last + 1)
    ]
    return {
        "filename": f"{rover}-{first}-{last}.json",
        "rover_name": rover,
        "source": "nasa",
        "plan": "the-plan",
        "batch": first,
        "attempt": 1,
        "trace_id": TRACE,
        "ingestion_date": "2026-01-02T03:04:05Z",
        "sol_start": first,
        "sol_end": last,
        "photo_count": len(photos),
        "photos": photos,
        "sols": sols,
    }


def manifest_document(rover: str) -> dict[str, Any]:
    """A whole document of one manifest."""
    document = photos_document(rover, 0, 0)
    kept = {name: value for name, value in document.items() if not name.startswith(("sol", "photo"))}
    return kept | {"manifests": [{"name": rover, "max_sol": 1, "photos": [{"sol": 1, "total_photos": 3}]}]}


def key_of(rover: str, first: int, last: int, stamp: str = "20260102T030405Z") -> str:
    return f"photos/{rover.lower()}/mars_rover_photos_batch_sol_{first}_to_{last}_{stamp}.json"


def manifest_key(rover: str) -> str:
    return f"manifests/{rover.lower()}/mars_rover_manifests_batch_20260102T030405Z.json"


@dataclass
class MemoryBucket:
    """Objects by key."""

    objects: dict[str, Stored] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    """Keys of objects that are listed and cannot be read."""
    reads: list[str] = field(default_factory=list)
    written: dict[str, datetime] = field(default_factory=dict)
    """When objects were written, where it was not just now."""

    def put(self, key: str, document: Any) -> ObjectRef:
        """Store a document (or raw bytes) and return what an event would say of it."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.objects[key] = Stored(body, etag, {})
        return ObjectRef(key=key, etag=etag)

    def get(self, key: str) -> Stored | None:
        self.reads.append(key)
        if key in self.refused:
            message = f"the object store refused to read {key}: 503: SlowDown"
            raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, message)
        return self.objects.get(key)

    def etag(self, key: str) -> str | None:
        stored = self.objects.get(key)
        return None if stored is None else stored.etag

    def list(self) -> Iterator[Listed]:
        for key, stored in sorted(self.objects.items()):
            yield Listed(key, stored.etag, len(stored.body), self.written.get(key, datetime.now(UTC)))

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)


@dataclass
class Topic:
    """Takes what is announced."""

    announced: list[list[LoadedObject]] = field(default_factory=list)

    def success(self, objects: list[LoadedObject]) -> None:
        self.announced.append(objects)

    def keys(self) -> list[str]:
        return sorted(item.key for event in self.announced for item in event)


def load(bucket: MemoryBucket, topic: Any, log: Log, *objects: ObjectRef, load_id: str = "load-1") -> dict[str, Any]:
    """Run a load of the objects, or a sweep where none are given; returns the termination message's fields."""
    spec = LoadSpec(load_id=load_id, objects=objects, sweep=not objects, trace_id=TRACE)
    with Warehouse(query_tag="test") as warehouse:
        return Load(spec, warehouse, bucket, InternalStaging(), topic, log).run()


def bronze(table: str, columns: str = "*", order: str = "1") -> list[tuple[Any, ...]]:
    """Rows of a bronze table."""
    with Warehouse(query_tag="test") as warehouse:
        return warehouse.run(f"select {columns} from BRONZE.{table} order by {order}")


def empty_bronze() -> None:
    """Delete all rows of bronze, where it exists."""
    with Warehouse(query_tag="test") as warehouse:
        from mm_jobs.load import schema

        schema.ensure(warehouse)
        for table in all_tables():
            warehouse.run(f"delete from BRONZE.{table}")
