"""Print how fast the dashboard shows an archive of full size in a real browser, and what it takes, against its goals.

    uv run python -m tests.benchmarks.dashboard [--photos 1340000] [--rounds 7]

The archive is in the embedded warehouse: the models build the tiny archive of one rover, and its rows are then
multiplied to the sols and photos of the four rovers (some 12,616 sols), in the same tables. The dashboard is the
process that runs in a pod; Kubernetes, the object store and the source of pictures (a megapixel each) are small
servers of this process. "After a dbt run" is a fresh process: nothing is in its memory but what it reads by itself
when it starts. The browser is Debian's Chromium. Seconds are those of this machine and this hour. Not a test:
nothing fails on time.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
from mm_dashboard import render
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.unit.dashboard.fake_kube import FakeKube, plan, pod, serving
from tests.warehouse.bronze import Source, coordinates_batch, manifest_batch
from tests.warehouse.dbt_runs import running
from tests.warehouse.server import Warehouse
from tests.warehouse.transforms import VARIABLES

AT = "2025-10-07T12:00:00Z"
LAST = {"Perseverance": 1623, "Curiosity": 4677, "Opportunity": 5110, "Spirit": 2202}
"""Sols 0 to these: 13,616 less those of which nothing is promised are the 12,616 of the manifests."""
NOTHING = 13.6
"""Of so many sols one has no photos."""
PAGES = ("/", "/sols", "/sols/curiosity/1000", "/pictures?rover=curiosity", "/route", "/work", "/tests", "/alerts")


class Things(BaseHTTPRequestHandler):
    """An object store under /mars/, and a picture of a megapixel everywhere else."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes] = {}  # noqa: RUF012 (of one process)
    picture = b""

    def do_GET(self) -> None:
        """Answer with an object or the picture."""
        body = self.objects.get(self.path.partition("?")[0]) if self.path.startswith("/mars/") else self.picture
        missing = b"<Error><Code>NoSuchKey</Code></Error>"
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(missing if body is None else body)))
        self.end_headers()
        self.wfile.write(missing if body is None else body)

    def do_PUT(self) -> None:
        """Keep an object."""
        self.objects[self.path.partition("?")[0]] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def things() -> Iterator[str]:
    """Yield the URL of store and pictures."""
    made = io.BytesIO()
    Image.effect_noise((1200, 900), 60).save(made, "JPEG", quality=85)
    Things.picture = made.getvalue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Things)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def multiply(file: Path, photos: int, origin: str) -> None:
    """Fill the tables that pages read with the sols and photos of four rovers, made of the rows that are there."""
    database = duckdb.connect(str(file))
    try:
        (catalog,) = next(
            iter(
                database.execute(
                    "select table_catalog from information_schema.tables where lower(table_name) = 'fact_photos'"
                ).fetchall()
            )
        )
        database.execute(f'use "{catalog}"')
        database.execute("create temp table rovers(rover varchar, last integer)")
        database.executemany("insert into rovers values (?, ?)", list(LAST.items()))
        database.execute(
            f"""create temp table sols as select rover, s::integer as sol from rovers, range(0, last + 1) as r(s)
            where (s * 7919 + last) % 1000 >= {1000 / NOTHING:.0f}"""
        )
        (count,) = database.execute("select count(*) from sols").fetchone() or (0,)
        each = -(-photos // count)
        for schema, table in (("SILVER", "FACT_PHOTOS"), ("SILVER", "PHOTO_FRAMES")):
            columns = {
                name.lower()
                for (name,) in database.execute(
                    "select column_name from information_schema.columns "
                    "where lower(table_name) = ? and lower(table_schema) = ?",
                    (table.lower(), schema.lower()),
                ).fetchall()
            }
            changed = {
                "rover_name": "sols.rover",
                "sol": "sols.sol",
                "image_id": "donors.image_id || '_' || sols.rover || sols.sol || '_' || copies.n",
                "file_name": "donors.image_id || '_' || sols.rover || sols.sol || '_' || copies.n || '.JPG'",
                "img_src": f"'{origin}/' || donors.image_id || '_' || sols.sol || '_' || copies.n || '.JPG'",
                "utc": "donors.utc + to_days(sols.sol)",
                "site": "(sols.sol / 40)::integer",
            }
            replaced = ", ".join(f"{sql} as {name}" for name, sql in changed.items() if name in columns)
            began = time.monotonic()
            database.execute(
                f"create temp table donors as select row_number() over () as n, * from {schema}.{table} limit {each}"
            )
            (have,) = database.execute("select count(*) from donors").fetchone() or (0,)
            database.execute(f"delete from {schema}.{table}")
            database.execute(
                f"insert into {schema}.{table} select donors.* exclude (n) replace ({replaced}) "
                f"from sols, range(0, {each}) as copies(n) inner join donors on donors.n = copies.n % {have} + 1 "
                "order by sols.rover, sols.sol"
            )
            database.execute("drop table donors")
            (rows,) = database.execute(f"select count(*) from {schema}.{table}").fetchone() or (0,)
            say(f"  {schema}.{table}: {rows:,} rows in {time.monotonic() - began:.0f} s")
        small(database, each)
        database.execute("checkpoint")
    finally:
        database.close()


def small(database: duckdb.DuckDBPyConnection, each: int) -> None:
    """Fill the tables that have a row per sol or less."""
    donor = "donors.* replace (sols.rover as rover_name, sols.sol as sol"
    for table, more in (
        ("SILVER.SOL_PROMISES", f", {each} as promised_photos"),
        ("SILVER.SOL_CAMERAS", f", {each // 4} as photos"),
        ("SILVER.INGESTION_PLANNING", ""),
    ):
        kind = database.execute(
            "select table_type from information_schema.tables where table_schema || '.' || table_name ilike ?", (table,)
        ).fetchone()
        if kind != ("BASE TABLE",):
            continue
        limit = 4 if table.endswith("CAMERAS") else 1
        which = "where sols.sol % 61 = 11" if table.endswith("PLANNING") else ""
        database.execute(f"create temp table donors as select * from {table} limit {limit}")
        database.execute(f"delete from {table}")
        database.execute(f"insert into {table} select {donor}{more}) from sols, donors {which}")
        database.execute("drop table donors")


@contextmanager
def dashboard(env: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """Yield the URL of a fresh process, the process, and the seconds until it answered."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    began = time.monotonic()
    command = [sys.executable, "-m", "mm_dashboard.main", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | env | {"LOG_LEVEL": "ERROR", "MALLOC_ARENA_MAX": "2"})
    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=1).read()
            break
        except OSError:
            assert process.poll() is None, "the dashboard did not start"
            time.sleep(0.05)
    try:
        yield url, process, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(20)


def first_byte(url: str) -> float:
    """Return the milliseconds to a page's first byte."""
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read(1)
        return (time.perf_counter() - began) * 1000


def first_picture(browser: Browser, url: str) -> float:
    """Return the milliseconds from the click to the first picture of the gallery."""
    page = browser.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.frame img')].some((i) => i.complete && i.naturalWidth)", timeout=120_000
    )
    took = (time.perf_counter() - began) * 1000
    page.close()
    return took


def heat_map(browser: Browser, url: str) -> tuple[float, int]:
    """Return the milliseconds of the page's thread for all of the heat map's page, and its cells."""
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    # Time of the page's thread on a processor: what else the machine does is not counted.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"{url}/sols", wait_until="load")
    page.wait_for_selector("#solmap[data-drawn]", timeout=120_000)
    told = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    cells = int(page.get_attribute("#solmap", "data-drawn") or 0)
    page.close()
    return float(told["TaskDuration"]) * 1000, cells


def memory(process: subprocess.Popen[bytes]) -> float:
    """Return the most megabytes that the process ever held."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=1_340_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, things() as store:
        folder = Path(temporary)
        say("building the tables with the models")
        with running(folder / "seed") as dbt:
            source, rover = Source("tiny"), "Perseverance"
            dbt.put(manifest_batch(rover, source.manifests[rover], AT))
            dbt.put(coordinates_batch(rover, source.features(rover), AT))
            dbt.put(*source.batches(rover, AT, max_sols=4))
            dbt("run", "--vars", str(VARIABLES))
        (database,) = (folder / "seed").rglob("databases/MARS.db")
        say("multiplying their rows")
        multiply(database, options.photos, store)
        shutil.copytree(database.parent.parent, folder / "full" / "data")
        server = Warehouse(folder / "full", memory_limit="1GB", log_level="ERROR").start()
        try:
            measure(server, store, options.rounds)
        finally:
            server.kill()


def measure(server: Warehouse, store: str, rounds: int) -> None:
    """Measure and print."""
    kube = FakeKube().put("ingestionplans", plan("loop")).put("pods", *(pod(p) for p in ("operator", "kafka")))
    chromium = os.environ.get("MARS_CHROMIUM") or shutil.which("chromium")
    assert chromium, "there is no Chromium: apt-get install chromium"
    results: list[tuple[str, str, str]] = []
    with serving(kube) as api, sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=chromium, args=arguments)
        env = server.env() | {
            "MARS_KUBE_URL": api, "S3_ENDPOINT_URL": store, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_DEFAULT_REGION": "us-east-1", "MARS_PICTURE_ORIGINS": store,
        }  # fmt: skip
        fresh: dict[str, list[float]] = {page: [] for page in PAGES}
        pictures: list[float] = []
        for number in range(rounds):
            Things.objects.clear()
            with dashboard(env) as (url, process, _):
                if number % 2:
                    pictures.append(first_picture(browser, f"{url}/pictures?rover=curiosity"))
                for page in PAGES:
                    fresh[page].append(first_byte(url + page))
                if number == rounds - 1:
                    known = {page: [first_byte(url + page) for _ in range(25)] for page in PAGES}
                    maps = [heat_map(browser, url) for _ in range(5)]
                    again = [first_picture(browser, f"{url}/pictures?rover=curiosity") for _ in range(5)]
                    peak = memory(process)
        browser.close()
    for page in PAGES:
        say(
            f"  {page:28} first visitor {statistics.median(fresh[page]):7.0f} ms   "
            f"later ones {statistics.median(known[page]):6.1f} ms"
        )
    everything = [value for values in known.values() for value in values]
    first = [value for values in fresh.values() for value in values]
    scripts = sum(len(gzip.compress(path.read_bytes(), 5)) for path in (render.HERE / "static").glob("*.js"))
    results = [
        ("first byte, median", f"{statistics.median(everything):.1f} ms", "under 100 ms"),
        ("first byte for the first visitor, median", f"{statistics.median(first):.0f} ms", ""),
        ("first picture after a dbt run, median", f"{statistics.median(pictures):.0f} ms", "under 1000 ms"),
        ("first picture later, median", f"{statistics.median(again):.0f} ms", "under 1000 ms"),
        (
            f"heat map of {maps[0][1]:,} cells, median",
            f"{statistics.median(m for m, _ in maps):.0f} ms",
            "under 300 ms",
        ),
        ("scripts, compressed, all together", f"{scripts / 1000:.1f} kB", "under 150 kB"),
        ("memory of the process, peak", f"{peak:.0f} MB", "under 200 MB"),
    ]
    load = os.getloadavg()[0]
    say(f"on {os.cpu_count()} cores with a load of {load:.0f} (more than the cores: waits are longer than work)")
    for what, value, goal in results:
        say(f"{what:44} {value:>12}   {goal}")


if __name__ == "__main__":
    main()
