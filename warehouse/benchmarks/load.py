"""Prints how fast documents are loaded, against plain DuckDB reading the same files, in one run.

    uv run python warehouse/benchmarks/load.py [--objects 50] [--photos 1000] [--rounds 3]

Starts its own server on a loopback port and a scratch folder, and removes both. Not a test: nothing fails on time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import snowflake.connector

PASSWORD = "benchmark"
COLUMNS = "KEY, SOL, PHOTO_COUNT, PHOTOS, INGESTED"
TABLE = "(KEY varchar, SOL integer, PHOTO_COUNT integer, PHOTOS variant, INGESTED timestamp_ntz)"


def documents(folder: Path, objects: int, photos: int) -> list[Path]:
    """Files as the ingest Job writes them, of about 800 bytes per photo."""
    files = []
    for sol in range(objects):
        listed = [
            {
                "id": sol * photos + n,
                "sol": sol,
                "camera": {"id": 20 + n % 7, "name": f"CAM{n % 7}", "rover_id": 5, "full_name": f"Camera {n % 7}"},
                "img_src": f"https://example.invalid/msl/{sol:05}/opgs/edr/ncam/NLB_{397502305 + n}EDR_F{n:07}M_.JPG",
                "earth_date": "2012-08-06",
                "rover": {"id": 5, "name": "Curiosity", "status": "active", "cameras": [{"name": "FHAZ"}] * 20},
            }
            for n in range(photos)
        ]
        document = {"sol": sol, "photo_count": photos, "photos": listed, "ingested": "2025-01-01T00:00:00"}
        files.append(folder / f"object-{sol}.json")
        files[-1].write_text(json.dumps(document, separators=(",", ":")))
    return files


def plain(files: list[Path], folder: Path) -> float:
    """Seconds that DuckDB takes in process, into a database file of its own."""
    database = folder / "plain.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET threads = 2")
        connection.execute("CREATE TABLE t (key VARCHAR, sol INTEGER, n INTEGER, photos JSON, ingested TIMESTAMP)")
        started = time.perf_counter()
        connection.execute(
            "INSERT INTO t SELECT filename, (json->'sol')::INTEGER, (json->'photo_count')::INTEGER, json->'photos', "
            "(json->>'ingested')::TIMESTAMP FROM read_json_objects(?, format = 'unstructured', filename = true, "
            "maximum_object_size = 67108864)",
            [[str(file) for file in files]],
        )
        return time.perf_counter() - started


def staged(cursor: Any, files: list[Path], folder: Path) -> float:
    """Seconds for one file of all documents, PUT and COPY with transformation: the load Job's way."""
    started = time.perf_counter()
    bundle = folder / f"load-{time.time_ns()}.ndjson"
    with bundle.open("wb") as lines:
        for file in files:
            lines.write(b'{"key":"' + file.name.encode() + b'","doc":' + file.read_bytes() + b"}\n")
    cursor.execute(f"put file://{bundle} @loads auto_compress=false")
    cursor.execute("begin")
    cursor.execute(
        f"copy into t ({COLUMNS}) from (select $1:key::varchar, $1:doc:sol::integer, $1:doc:photo_count::integer, "
        f"$1:doc:photos, $1:doc:ingested::timestamp_ntz from @loads/{bundle.name}) file_format = (type = json)"
    )
    cursor.execute("commit")
    cursor.execute(f"remove @loads/{bundle.name}")
    bundle.unlink()
    return time.perf_counter() - started


def bound(cursor: Any, files: list[Path], folder: Path) -> float:
    """Seconds for a statement per document, with the document as a bound value."""
    del folder
    started = time.perf_counter()
    cursor.execute("begin")
    for file in files:
        cursor.execute(
            f"insert into t ({COLUMNS}) select ?, doc:sol::integer, doc:photo_count::integer, doc:photos, "
            "doc:ingested::timestamp_ntz from (select parse_json(?) as doc)",
            (file.name, file.read_text()),
        )
    cursor.execute("commit")
    return time.perf_counter() - started


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[Any, int]]:
    """A cursor on a new server, and the server's process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"DIR": str(folder / "data"), "HOST": "127.0.0.1", "PORT": str(port), "USER": "b", "PASSWORD": PASSWORD}
    environment = {**os.environ, "LOG_LEVEL": "ERROR", **{f"WAREHOUSE_{k}": v for k, v in settings.items()}}
    process = subprocess.Popen([sys.executable, "-m", "mm_warehouse.main"], env=environment)
    try:
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
                break
            if process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.05)
        connection = snowflake.connector.connect(
            account="b", user="b", password=PASSWORD, host="127.0.0.1", port=port, protocol="http",
            database="MARS", schema="BRONZE", paramstyle="qmark",
        )  # fmt: skip
        yield connection.cursor(), process.pid
        connection.close()
    finally:
        process.terminate()
        process.wait()


def megabytes(pid: int, field: str) -> int:
    """Resident memory of a process, now (VmRSS) or at its peak (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) // 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = documents(folder, options.objects, options.photos)
        size = sum(file.stat().st_size for file in files) / 1e6
        with server(folder) as (cursor, pid):
            print(f"{len(files)} objects, {size:.0f} MB; server idle at {megabytes(pid, 'VmRSS')} MB")
            ways: dict[str, Callable[[Any, list[Path], Path], float]] = {"PUT + COPY": staged, "bound values": bound}
            best: dict[str, float] = {}
            cursor.execute("create stage loads")
            for _ in range(options.rounds):
                best["plain DuckDB"] = min(plain(files, folder), best.get("plain DuckDB", 1e9))
                for name, way in ways.items():
                    cursor.execute(f"create or replace table t {TABLE}")
                    best[name] = min(way(cursor, files, folder), best.get(name, 1e9))
                    cursor.execute("select count(*), sum(array_size(photos)) from t")
                    assert cursor.fetchall() == [(options.objects, options.objects * options.photos)]
            print(f"{'':14} {'seconds':>8} {'MB/s':>6} {'ratio':>6}")
            for name, seconds in best.items():
                print(f"{name:14} {seconds:8.2f} {size / seconds:6.0f} {seconds / best['plain DuckDB']:6.2f}")
            print(f"server now {megabytes(pid, 'VmRSS')} MB, peak {megabytes(pid, 'VmHWM')} MB")


if __name__ == "__main__":
    main()
