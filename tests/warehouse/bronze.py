"""Bronze rows for tests of what is built on them: the ingest Job's documents, put in as the load Job would."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from mm_contracts.bronze import all_tables, create_statement
from mm_simulator.archive import Archive
from mm_simulator.captures import Captures
from mm_simulator.core.facts import ROVERS
from mm_simulator.core.profiles import PROFILES
from mm_simulator.core.world import World
from mm_simulator.manifest import manifest_object
from mm_simulator.shell.mmgis import Layers

NOW = 1759838400.0
"""Unix time of the simulated sources: 2025-10-07T12:00:00Z."""
TRACE = "0af7651916cd43dd8448eb211c80319c"

DDL = (
    "create schema if not exists BRONZE",
    "create schema if not exists SILVER",
    "create schema if not exists GOLD",
    *(create_statement(name, columns, transient=False) for name, columns in all_tables().items()),
)


@dataclass(frozen=True)
class Batch:
    """One object: its key, its content's ETag, and the fields of its bronze row. Times are ISO texts in UTC."""

    key: str
    rover: str
    ingested: str
    arrays: dict[str, Any]
    scalars: dict[str, int] = field(default_factory=dict)
    source: str = "simulator"

    @property
    def table(self) -> str:
        """The bronze table that the key's first part names."""
        kind = {"photos": "PHOTO", "manifests": "MANIFEST", "coordinates": "COORDINATE"}[self.key.partition("/")[0]]
        return f"BRONZE.RAW_{kind}_RESPONSE"

    @property
    def etag(self) -> str:
        """A hash of the content, as object storage makes it."""
        content = json.dumps([self.rover, self.ingested, self.scalars, self.arrays], sort_keys=True)
        return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


def photo(photo_id: int, sol: int, rover: str, camera: str, img_src: str, camera_id: int = 0) -> dict[str, Any]:
    """A photo as the API serves it, with the fields that the models read."""
    return {
        "id": photo_id, "sol": sol, "earth_date": "2021-02-18", "img_src": img_src,
        "camera": {"id": camera_id, "name": camera, "rover_id": ROVERS[rover].id, "full_name": camera},
        "rover": {"id": ROVERS[rover].id, "name": rover},
    }  # fmt: skip


def outcome(sol: int, promised: dict[str, Any] | None, photos: list[dict[str, Any]], at: str) -> dict[str, Any]:
    """A sol's outcome: what the manifest entry promised against the photos that came."""
    received = sorted({p["camera"]["name"] for p in photos})
    agrees = promised is not None and (promised["total_photos"], promised["cameras"]) == (len(photos), received)
    return {
        "sol": sol, "status": "complete" if agrees else "mismatch" if promised else "not_promised",
        "reason": None, "message": "",
        "promised_photos": promised["total_photos"] if promised else None,
        "promised_cameras": promised["cameras"] if promised else None,
        "received_photos": len(photos), "received_cameras": received, "requested_at": at,
        "attempt": 1, "earlier": [],
    }  # fmt: skip


def failed(sol: int, reason: str, at: str) -> dict[str, Any]:
    """The outcome of a sol without a usable answer."""
    return outcome(sol, None, [], at) | {"status": "failed", "reason": reason, "message": f"The source said {reason}."}


def retried(now: dict[str, Any], *before: dict[str, Any]) -> dict[str, Any]:
    """A sol's outcome with those that the attempts before it had, oldest first."""
    kept = [
        {name: value for name, value in one.items() if name not in ("sol", "earlier")} | {"attempt": attempt}
        for attempt, one in enumerate(before, 1)
    ]
    return now | {"attempt": len(before) + 1, "earlier": kept}


def photo_batch(
    rover: str,
    sols: list[dict[str, Any]],
    photos: list[dict[str, Any]],
    at: str,
    name: str = "",
    source: str = "simulator",
) -> Batch:
    """An object of photos whose key holds its sols and ``name`` (else the time)."""
    first, last = min(s["sol"] for s in sols), max(s["sol"] for s in sols)
    stamp = name or at.replace("-", "").replace(":", "").replace(".", "-")
    key = f"photos/{rover.lower()}/mars_rover_photos_batch_sol_{first}_to_{last}_{stamp}.json"
    counts = {"SOL_START": first, "SOL_END": last, "PHOTO_COUNT": len(photos)}
    return Batch(key, rover, at, {"PHOTOS": photos, "SOLS": sols}, counts, source)


def manifest_batch(rover: str, manifest: dict[str, Any], at: str, source: str = "simulator") -> Batch:
    """An object of one rover's manifest."""
    stamp = at.replace("-", "").replace(":", "")
    key = f"manifests/{rover.lower()}/mars_rover_manifests_batch_{stamp}.json"
    return Batch(key, rover, at, {"MANIFESTS": [manifest]}, source=source)


def coordinates_batch(
    rover: str, features: list[dict[str, Any]], at: str, places: list[dict[str, Any]] | None = None
) -> Batch:
    """An object of one rover's drives, and of its waypoints as the ingest Job types them."""
    stamp = at.replace("-", "").replace(":", "")
    return Batch(
        f"coordinates/{rover.lower()}/mars_rover_coordinates_batch_{stamp}.json", rover, at,
        {"COORDINATES": features} | ({} if places is None else {"PLACES": places}), {"COORDINATE_COUNT": len(features)},
    )  # fmt: skip


class Source:
    """The simulator's answers without its server."""

    def __init__(self, profile: str, now: float = NOW) -> None:
        world = World("martian-moments-1", now)
        self._now = now
        self._archive = Archive(lambda _: world, PROFILES[profile], Captures())
        self._layers = Layers(lambda _: world, lambda: now, PROFILES[profile], Captures())
        self.manifests = {
            name: manifest_object(rover, self._archive.manifest(rover, now)) for name, rover in ROVERS.items()
        }
        self._promised = {name: {e["sol"]: e for e in m["photos"]} for name, m in self.manifests.items()}

    def photos(self, rover: str, sol: int) -> list[dict[str, Any]]:
        """A sol's photos."""
        return [json.loads(item.body) for item in self._archive.photos(ROVERS[rover], sol, self._now)]

    def features(self, rover: str) -> list[dict[str, Any]]:
        """A rover's drives, none for rovers without a traverse layer."""
        return [f | {"rover_name": rover} for f in self._layers._layer(rover, "traverse", self._now)["features"]]

    def batch(self, rover: str, sols: Iterable[int], at: str, name: str = "") -> Batch:
        """The object of these sols, all asked and answered."""
        photos = {sol: self.photos(rover, sol) for sol in sols}
        outcomes = [outcome(sol, self._promised[rover].get(sol), found, at) for sol, found in photos.items()]
        return photo_batch(rover, outcomes, [p for found in photos.values() for p in found], at, name)

    def batches(self, rover: str, at: str, max_sols: int = 10, max_photos: int = 1500) -> Iterator[Batch]:
        """Objects of all promised sols of a rover."""
        held: list[int] = []
        size = 0
        for entry in self.manifests[rover]["photos"]:
            if held and (len(held) == max_sols or size + entry["total_photos"] > max_photos):
                yield self.batch(rover, held, at)
                held, size = [], 0
            held.append(entry["sol"])
            size += entry["total_photos"]
        if held:
            yield self.batch(rover, held, at)


def put(cursor: Any, batch: Batch, load_id: str = "load-test") -> None:
    """Write an object's row, loaded now; a row of the same key is replaced."""
    loaded_at = datetime.now(UTC).replace(tzinfo=None).isoformat()
    row = {
        "OBJECT_KEY": batch.key, "ETAG": batch.etag, "LOAD_ID": load_id, "LOADED_AT": loaded_at,
        "FILENAME": batch.key.rpartition("/")[2], "ROVER_NAME": batch.rover, "SOURCE": batch.source,
        "PLAN": "plan-test", "BATCH": 0, "ATTEMPT": 1, "TRACE_ID": TRACE,
        "INGESTION_DATE": batch.ingested.removesuffix("Z"), **batch.scalars,
    }  # fmt: skip
    values = [*("?" for _ in row), *("parse_json(?)" for _ in batch.arrays)]
    cursor.execute(f"delete from {batch.table} where OBJECT_KEY = ?", (batch.key,))
    cursor.execute(
        f"insert into {batch.table} ({', '.join([*row, *batch.arrays])}) select {', '.join(values)}",
        (*row.values(), *(json.dumps(array) for array in batch.arrays.values())),
    )


def later(batch: Batch, at: str, **arrays: Any) -> Batch:
    """The same object written again at another time with other content."""
    return replace(batch, ingested=at, arrays=batch.arrays | arrays)
