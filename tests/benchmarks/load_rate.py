"""Print how fast documents are loaded, against plain DuckDB reading the same files, in one run.

    uv run python -m tests.benchmarks.load_rate [--objects 120] [--photos 4000] [--rounds 3]

The documents are the simulator's whole archive, as the ingest Job writes them, in files of a local disk. Three ways of
loading them take turns, round by round, so that whatever else the machine does meets each alike:

  plain DuckDB  one INSERT from the files into a table of the same columns in a database file, in process, committed
  statements    what the load Job says to the embedded server about documents that are read and checked already
  load Job      its whole body: look at the ledger, read, check, stage, copy, ledger, commit, announce (to a list)

The server and plain DuckDB have the same settings. Before each turn all rows are deleted and the log is worked into the
database file, so that none pays for another's. The seconds are those of this machine and this hour; only the ratios
mean something elsewhere. Not a test: nothing fails on time.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from mm_contracts.batch import LoadSpec
from mm_contracts.bronze import TABLES
from mm_contracts.keys import PHOTOS
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Listed, Stored
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.load.documents import GIVEN, read
from mm_jobs.load.groups import grouped
from mm_jobs.load.job import Load
from mm_jobs.load.staging.internal import InternalStaging
from mm_jobs.load.writing import stage, write

from tests.warehouse.bronze import Source
from tests.warehouse.loads import TRACE, Topic, bronze, empty_bronze, photos_document
from tests.warehouse.server import Warehouse

ROVERS = ("Perseverance", "Curiosity", "Opportunity", "Spirit")
TABLE = TABLES[PHOTOS]
TYPES = {"varchar": "VARCHAR", "integer": "BIGINT", "timestamp_ntz": "TIMESTAMP", "variant": "JSON"}
MEMORY, THREADS, CHECKPOINT = "1GB", 2, "256MB"
"""The server's own defaults, given to plain DuckDB as well."""
DOCUMENT = 16 * 1024 * 1024
"""Bytes of the largest document that DuckDB reads where it is not told otherwise."""


@dataclass
class Folder:
    """Objects in files below a folder, read anew each time that they are asked for."""

    place: Path
    etags: dict[str, str] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def put(self, key: str, body: bytes) -> None:
        """Write an object's file."""
        path = self.place / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        self.etags[key] = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.sizes.append(len(body))

    def get(self, key: str) -> Stored:
        """Return an object's content and ETag."""
        return Stored((self.place / key).read_bytes(), self.etags[key], {})

    def list(self) -> Iterator[Listed]:
        """Yield all objects."""
        for key, etag in self.etags.items():
            yield Listed(key, etag, (self.place / key).stat().st_size, datetime.now(UTC))

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.etags.pop(key, None)


def fill(folder: Folder, objects: int | None, photos: int) -> int:
    """Write the archive's first objects (or all), cut as a plan with so many photos per batch; returns the photos."""
    total = 0
    source = Source("full")
    batches = (batch for rover in ROVERS for batch in source.batches(rover, "2026-01-02T03:04:05Z", max_photos=photos))
    for batch in itertools.islice(batches, objects):
        first, last, count = batch.scalars.values()
        arrays = {"photo_count": count, "photos": batch.arrays["PHOTOS"], "sols": batch.arrays["SOLS"]}
        document = photos_document(batch.rover, first, last) | arrays
        folder.put(batch.key, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
        total += count
    return total


class Plain:
    """DuckDB in this process, with a database file of its own."""

    def __init__(self, folder: Folder, database: Path) -> None:
        limits = {"memory_limit": MEMORY, "threads": THREADS, "checkpoint_threshold": CHECKPOINT}
        self._connection = duckdb.connect(str(database), config=limits)
        self._connection.execute("SET disabled_compression_methods = 'zstd'")
        columns = {name.lower(): TYPES[kind] for name, kind in TABLE.columns}
        self._connection.execute(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        read = {name: kind for name, kind in columns.items() if name.upper() not in GIVEN}
        limit = max(DOCUMENT, *folder.sizes)
        self._insert = (
            f"INSERT INTO t SELECT path, 'etag', 'load-1', now()::TIMESTAMP, {', '.join(read)} FROM read_json("
            f"'{folder.place}/*/*/*.json', columns = {read}, filename = 'path', maximum_object_size = {limit})"
        )

    def empty(self) -> None:
        """Delete all rows, and empty the log."""
        self._connection.execute("DELETE FROM t")
        self._connection.execute("CHECKPOINT")

    def load(self) -> None:
        """Load the files."""
        self._connection.execute(self._insert)

    def loaded(self) -> tuple[int, int]:
        """Objects and photos that are there."""
        counts = "SELECT count(*), sum(photo_count)::BIGINT FROM t"
        return self._connection.execute(counts).fetchall()[0]  # type: ignore[return-value]


@dataclass
class Way:
    """A way of loading all documents."""

    name: str
    empty: Callable[[], object]
    load: Callable[[], object]
    loaded: Callable[[], tuple[int, ...]]
    seconds: list[float] = field(default_factory=list)

    def measure(self, expected: tuple[int, int]) -> None:
        """Load once into empty tables, and see that all is there."""
        self.empty()
        begun = time.perf_counter()
        self.load()
        self.seconds.append(time.perf_counter() - begun)
        assert self.loaded() == expected, self.name


def statements(folder: Folder) -> Callable[[], None]:
    """Return what loads the documents, read and checked before, by the load Job's statements."""
    loadables = [read(key, etag, folder.get(key).body) for key, etag, _, _ in folder.list()]

    def run() -> None:
        with Client(query_tag="benchmark") as client:
            for objects in grouped(loadables):
                write(client, stage(lambda: client, InternalStaging(), "load-1", objects))

    return run


def job(folder: Folder) -> None:
    """Run the load Job's body as a sweep over the folder."""
    spec = LoadSpec(load_id="load-1", sweep=True, trace_id=TRACE)
    with Client(query_tag="benchmark") as client:
        Load(spec, client, folder, InternalStaging(), Topic(), Log("load", stream=io.StringIO())).run()


def empty() -> None:
    """Delete all rows of bronze, and empty the log: the embedded server hands this statement of DuckDB's on."""
    empty_bronze()
    with Client(query_tag="benchmark") as client:
        client.run("checkpoint")


def loaded() -> tuple[int, ...]:
    """Objects and photos that are in the warehouse."""
    return tuple(map(int, bronze(TABLE.name, "count(*), sum(PHOTO_COUNT)")[0]))


def megabytes(server: Warehouse, what: str) -> int:
    """The server's resident memory now (VmRSS) or at its peak (VmHWM)."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) // 1024


def show(ways: list[Way], size: float) -> None:
    """Print a line per way: by the median of its rounds, and by its best one. ``size`` is in MB."""
    plain = ways[0].seconds
    print(f"{'':12} {'median s':>9} {'MB/s':>6} {'ratio':>6}   {'best s':>9} {'MB/s':>6} {'ratio':>6}")
    for way in ways:
        line = f"{way.name:12}"
        for of in (statistics.median, min):
            seconds = of(way.seconds)
            line += f" {seconds:9.2f} {size / seconds:6.1f} {seconds / of(plain):6.2f}  "
        print(line.rstrip())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, help="load only so many objects (120 are about 100 MB)")
    parser.add_argument("--photos", type=int, default=4000, help="most photos in one object (default 4000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured (default 3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Folder(Path(scratch) / "objects")
        print("writing the documents", file=sys.stderr)
        photos = fill(folder, options.objects, options.photos)
        expected = (len(folder.sizes), photos)
        settings = {"memory_limit": MEMORY, "threads": str(THREADS), "checkpoint_size": CHECKPOINT}
        server = Warehouse(Path(scratch) / "server", **settings).start()
        try:
            os.environ.update(server.env())
            idle = megabytes(server, "VmRSS")
            plain = Plain(folder, Path(scratch) / "plain.duckdb")
            ways = [
                Way("plain DuckDB", plain.empty, plain.load, plain.loaded),
                Way("statements", empty, statements(folder), loaded),
                Way("load Job", empty, lambda: job(folder), loaded),
            ]
            for number in range(1, options.rounds + 1):
                for way in ways:
                    way.measure(expected)
                    print(f"round {number} of {options.rounds}: {way.name} {way.seconds[-1]:.2f} s", file=sys.stderr)
            size = sum(folder.sizes) / 1e6
            print(f"{expected[0]} objects, {expected[1]} photos, {size:.1f} MB, {options.rounds} rounds")
            show(ways, size)
            print(f"server idle {idle} MB, peak {megabytes(server, 'VmHWM')} MB")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
