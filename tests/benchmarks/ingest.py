"""Print how fast ingest Jobs fetch, against a bare download of the same URLs, in one run.

    uv run python -m tests.benchmarks.ingest [--rounds 3] [--sols 24]

The simulator serves Curiosity's sols. Three ways of fetching them take turns, round by round:

  bare loop    one keep-alive connection that reads the body of each URL and throws it away
  one Job      an ingest Job's whole body: manifest, pages, readers, outcomes, the object (kept in a folder)
  four Jobs    the same sols in four warm processes at a time, of a plan whose first Job has asked for the manifest

The seconds are those of this machine and this hour; only the ratios mean something elsewhere. The simulator shares the
processors with what is measured, so that four Jobs are bounded by it. Not a test: nothing fails on time.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import urllib3
from mm_contracts.sols import format_sols
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.ingest import job
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.shelf import SharedAnswers, plan_made_at
from mm_jobs.ingest.spec import Batch, SourceSettings

STAMP, ROVER, KEY = "20260102T030405Z-1a2b3c4d", "Curiosity", "k" * 40


class Folder:
    """A bucket that several processes share."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> str:  # noqa: ARG002
        """Keep an object."""
        self._path(key).write_bytes(body)
        return "x"

    def put_new(self, key: str, body: bytes) -> bool:
        """Keep an object where there is none."""
        try:
            with self._path(key).open("xb") as file:
                file.write(body)
        except FileExistsError:
            return False
        return True

    def get(self, key: str) -> Stored | None:
        """Return an object."""
        try:
            return Stored(self._path(key).read_bytes(), "x", {})
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.place / key.replace("/", "_")


class Run(NamedTuple):
    """What one way of fetching cost."""

    seconds: float
    cpu: float
    photos: int
    requests: int


def one_job(base: str, sols: list[int], place: Path | None = None, plan: str = "p") -> Run:
    """Carry out one batch, with a bucket of its own or a shared one."""
    with tempfile.TemporaryDirectory() as own:
        log = Log("benchmark", stream=io.StringIO())
        settings = SourceSettings("simulator", "nasa-v1", base)
        store = Folder(place or Path(own))
        memory = SharedAnswers(store, "simulator", plan, plan_made_at(STAMP), log)
        client = SourceClient(OpenGate(), log, timeout=60, api_key=KEY, base_url=base, memory=memory)
        batch = Batch(plan, 0, 1, "photos", ROVER, "", STAMP, "a" * 32, format_sols(sols))
        began, cpu = time.perf_counter(), time.process_time()
        counts = job.run(batch, settings, client, store, log)
        return Run(time.perf_counter() - began, time.process_time() - cpu, counts["photos"], counts["requests"])


def bare_loop(urls: list[str]) -> Run:
    """Read each URL's body over one connection."""
    http = urllib3.PoolManager(maxsize=1, retries=False, headers={"X-Api-Key": KEY, "Accept-Encoding": "gzip"})
    began, cpu = time.perf_counter(), time.process_time()
    for url in urls:
        answer = http.request("GET", url)
        if answer.status != 200:
            raise RuntimeError(f"{url}: HTTP {answer.status}")
    return Run(time.perf_counter() - began, time.process_time() - cpu, 0, len(urls))


def four_jobs(base: str, sols: list[int]) -> Run:
    """Carry out four batches at a time."""
    parts = [part for number in range(4) if (part := sols[number::4])]
    with tempfile.TemporaryDirectory() as shared, multiprocessing.get_context("spawn").Pool(4) as pool:
        place = Path(shared)
        warm = [(base, sols[:1], place, f"warm-{number}") for number in range(4)]
        pool.starmap(one_job, warm, chunksize=1)
        began = time.perf_counter()
        runs = pool.starmap(one_job, [(base, part, place) for part in parts], chunksize=1)
        seconds = time.perf_counter() - began
    return Run(
        seconds, sum(run.cpu for run in runs), sum(run.photos for run in runs), sum(run.requests for run in runs)
    )


@contextmanager
def simulator(profile: str) -> Iterator[str]:
    """Yield the address of a simulator without a rate limit."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"SIM_HOST": "127.0.0.1", "SIM_PORT": str(port), "SIM_PROFILE": profile, "SIM_RATE_LIMIT_PER_HOUR": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mm_simulator"], env=os.environ | settings, stderr=subprocess.DEVNULL
    )
    http = urllib3.PoolManager(retries=False)
    try:
        for _ in range(600):
            try:
                if http.request("GET", f"http://127.0.0.1:{port}/healthz").status == 200:
                    break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)  # nothing tells when another process begins to listen
        yield f"http://127.0.0.1:{port}/mars-photos/api/v1"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sols", type=int, default=24)
    options = parser.parse_args()
    with simulator("demo") as base:
        headers = {"X-Api-Key": KEY}
        manifest: dict[str, Any] = urllib3.request("GET", f"{base}/manifests/{ROVER}", headers=headers).json()
        sols = [entry["sol"] for entry in manifest["photo_manifest"]["photos"]][1 : options.sols + 1]
        urls = [f"{base}/manifests/{ROVER}", *(f"{base}/rovers/{ROVER}/photos?sol={sol}" for sol in sols)]
        bare_loop(urls)  # what the simulator makes on the first request it keeps
        rounds = [(bare_loop(urls), one_job(base, sols), four_jobs(base, sols)) for _ in range(options.rounds)]
    photos, least = rounds[0][1].photos, (len(urls), len(urls), len(sols))
    print(f"{len(sols)} sols, {photos} photos, {options.rounds} rounds; medians")
    for index, name in enumerate(("bare loop", "one Job", "four Jobs")):
        seconds = statistics.median(run[index].seconds for run in rounds)
        ratio = statistics.median(run[0].seconds / run[index].seconds for run in rounds)
        cpu = statistics.median(run[index].cpu for run in rounds)
        print(
            f"{name:10} {seconds:7.3f} s  {photos / seconds:8.0f} photos/s  {ratio:5.2f} of the bare loop  "
            f"{cpu / photos * 1e6:6.1f} us CPU a photo  "
            f"{rounds[0][index].requests} requests ({least[index]} is the least)"
        )


if __name__ == "__main__":
    main()
