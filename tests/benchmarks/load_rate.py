"""Print the load Job's rate against plain DuckDB reading the same files, on this machine, in one run.

    uv run python -m tests.benchmarks.load_rate [objects] [photos per object]

Both are done three times and the best of each counts; the ratio is the load Job's time (look at the ledger, check every
document, upload, copy, ledger, commit, through the embedded server) over DuckDB's.
"""

import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from mm_contracts.bronze import TABLES
from mm_contracts.keys import PHOTOS
from mm_jobs.common.log import Log

from tests.warehouse.loads import MemoryBucket, Topic, empty_bronze, key_of, load, photos_document
from tests.warehouse.server import Warehouse

TYPES = {"varchar": "VARCHAR", "integer": "INTEGER", "timestamp_ntz": "TIMESTAMP", "variant": "JSON"}
FILES = 50
PHOTOS_EACH = 1_000


def documents(count: int, photos_each: int) -> MemoryBucket:
    """Return a bucket of photo objects with photos as long as real ones."""
    bucket = MemoryBucket()
    for sol in range(count):
        document = photos_document("Perseverance", sol, sol, photos_each)
        for photo in document["photos"]:
            photo |= {
                "camera": {"id": 38, "name": "NAVCAM_LEFT", "rover_id": 8, "full_name": "Navigation Camera - Left"},
                "img_src": "https://mars.nasa.gov/mars2020-raw-images/pub/ods/surface/sol/00394/ids/edr/browse/ncam/"
                f"NLF_0394_0701921329_862ECM_N0170000NCAM{photo['id']:05d}_01_185J01_1200.jpg",
                "earth_date": "2022-03-29",
                "rover": {"id": 8, "name": "Perseverance", "landing_date": "2021-02-18", "status": "active"},
            }
        bucket.put(key_of("Perseverance", sol, sol), document)
    return bucket


def best_of(times: int, prepare: Callable[[], object], work: Callable[[], object]) -> float:
    """Return the shortest duration of the work in seconds, prepared anew each time."""
    durations = []
    for _ in range(times):
        prepare()
        begun = time.perf_counter()
        work()
        durations.append(time.perf_counter() - begun)
    return min(durations)


def plain_duckdb(bucket: MemoryBucket, folder: Path) -> float:
    """Return the seconds in which DuckDB reads the same documents into a table on disk."""
    for number, stored in enumerate(bucket.objects.values()):
        (folder / f"{number}.json").write_bytes(stored.body)
    columns = {name.lower(): TYPES[kind] for name, kind in TABLES[PHOTOS].columns[4:]}
    connection = duckdb.connect(str(folder / "plain.duckdb"))
    connection.execute(f"set threads = {os.cpu_count()}")
    table = f"create or replace table t ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
    files = f"read_json('{folder}/*.json', columns = {columns}, maximum_object_size = 100000000)"
    read = f"insert into t select * from {files}"
    seconds = best_of(3, lambda: connection.execute(table), lambda: connection.execute(read))
    connection.close()
    return seconds


def load_job(bucket: MemoryBucket, folder: Path) -> float:
    """Return the seconds in which the load Job's body loads the documents into the embedded server."""
    server = Warehouse(folder / "warehouse", memory_limit="2GB").start()
    try:
        os.environ.update(server.env())
        log = Log("load", stream=io.StringIO())
        return best_of(3, empty_bronze, lambda: load(bucket, Topic(), log))
    finally:
        server.kill()


def main() -> None:
    """Measure and print."""
    count, photos_each = (int(value) for value in (sys.argv[1:] + [str(FILES), str(PHOTOS_EACH)][len(sys.argv) - 1 :]))
    bucket = documents(count, photos_each)
    size = sum(len(stored.body) for stored in bucket.objects.values()) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        plain = plain_duckdb(bucket, Path(folder))
        loaded = load_job(bucket, Path(folder))
    print(f"{count} objects of {photos_each} photos, {size:.1f} MB")
    print(f"plain DuckDB  {plain:6.2f} s  {size / plain:6.1f} MB/s")
    print(f"load Job      {loaded:6.2f} s  {size / loaded:6.1f} MB/s")
    print(f"ratio         {loaded / plain:6.2f}")


if __name__ == "__main__":
    main()
