"""Print what dbt takes for one more batch on a small and on a large archive, and check the large one photo by photo.

    uv run python -m tests.benchmarks.archives [--large full] [--small-photos 10000] [--rounds 5]

Both archives are made of the simulator's answers by the load Job and the transform Job, each on a server of its own.
The batches that come on top are the same objects in both, and each is one run of ``mm-transform`` as a pod runs it: a
process of its own over the project with its parsed state. Rounds take turns, so that a noisy moment meets both.
"""

import argparse
import io
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mm_contracts.batch import TRANSFORM_ENV, TransformSpec
from mm_contracts.rovers import ROVERS
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse as Client

from tests.warehouse.bronze import TRACE, Batch, Source, coordinates_batch, manifest_batch
from tests.warehouse.dbt_runs import PROJECT
from tests.warehouse.loads import MemoryBucket, Topic, load
from tests.warehouse.server import Warehouse

AT = "2025-10-07T12:00:00Z"
LATER = "2025-10-07T13:00:{:02d}Z"
OBJECTS_A_LOAD = 50
"""As many as one load Job of the loop takes."""


def document(batch: Batch) -> dict[str, Any]:
    """The object of a batch as the ingest Job writes it."""
    head = {"filename": batch.key.rpartition("/")[2], "rover_name": batch.rover, "source": batch.source,
            "plan": "plan-benchmark", "batch": 0, "attempt": 1, "trace_id": TRACE,
            "ingestion_date": batch.ingested}  # fmt: skip
    return head | {name.lower(): value for name, value in (batch.scalars | batch.arrays).items()}


class Archive:
    """An archive on a server of its own."""

    def __init__(self, name: str, folder: Path, project: Path) -> None:
        self.name, self._folder, self._project = name, folder, project
        self.server = Warehouse(folder / "warehouse", memory_limit="2GB", log_level="ERROR").start()
        self.loading = 0.0
        self.generating = 0.0

    def load(self, batches: Iterator[Batch]) -> None:
        """Load objects as load Jobs do, some at a time, and say how far it is."""
        os.environ.update(self.server.env())
        log = Log("load", stream=io.StringIO())
        done = 0
        while True:
            begun = time.perf_counter()
            bucket = MemoryBucket()
            for batch in itertools.islice(batches, OBJECTS_A_LOAD):
                bucket.put(batch.key, document(batch))
            self.generating += time.perf_counter() - begun
            if not bucket.objects:
                break
            begun = time.perf_counter()
            loaded = load(bucket, Topic(), log)["details"]["loaded"]
            if loaded != len(bucket.objects):
                raise SystemExit(f"{self.name}: {loaded} of {len(bucket.objects)} objects were loaded")
            self.loading += time.perf_counter() - begun
            done += len(bucket.objects)
            print(f"\r{self.name}: {done} objects loaded", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)

    def rows(self, query: str, *binds: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        os.environ.update(self.server.env())
        with Client(query_tag="benchmark") as client:
            return client.run(query, binds)

    def wait_for(self, gaps: Mapping[str, list[int]]) -> None:
        """Have these sols count as asked for just now, so that no run publishes a schedule."""
        values = ", ".join(
            f"('x', 'photos', '{r}', {sol}, 1, '', sysdate())" for r, sols in gaps.items() for sol in sols
        )
        self.rows(f"insert into BRONZE.SCHEDULE_LEDGER select * from values {values}")

    def transform(self) -> dict[str, float]:
        """One run of ``mm-transform``; the seconds of the process and of its steps."""
        ending = self._folder / "ending.json"
        spec = TransformSpec(run_id="benchmark", trace_id=TRACE)
        environment = {
            **os.environ, **self.server.env(), TRANSFORM_ENV: spec.model_dump_json(), "DBT_THREADS": "2",
            "MARS_DBT_DIR": str(self._project), "MM_TERMINATION_LOG": str(ending),
        }  # fmt: skip
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "mm_jobs.transform.main"], env=environment, capture_output=True, text=True
        )
        took = time.perf_counter() - begun
        if done.returncode != 0:
            raise SystemExit(f"{self.name}: the run failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return {"process": took} | json.loads(ending.read_text())["details"].get("seconds", {})

    def megabytes(self, field: str) -> int:
        """Resident memory of the server, now (VmRSS) or at its peak (VmHWM)."""
        lines = Path(f"/proc/{self.server.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field)).split()[1]) // 1024


class Content:
    """Which objects an archive is made of, and which come on top."""

    def __init__(self, source: Source, rounds: int) -> None:
        self._source = source
        held, self.held = [], {}
        # The last sols of Opportunity and Spirit: they are in both archives' manifests and in neither archive.
        for rover in ("Opportunity", "Spirit"):
            sols = [entry["sol"] for entry in source.manifests[rover]["photos"]][-10 * rounds :]
            self.held[rover] = sols
            held += [(rover, sols[start : start + 10]) for start in range(0, len(sols), 10)]
        self.more = [source.batch(rover, sols, LATER.format(n)) for n, (rover, sols) in enumerate(held)]
        self.more = [pair for two in zip(self.more[:rounds], self.more[rounds:], strict=True) for pair in two][:rounds]

    def manifests(self, kept: Mapping[str, set[int]]) -> Iterator[Batch]:
        """Manifests that promise the kept sols and the held ones."""
        for rover, manifest in self._source.manifests.items():
            sols = kept.get(rover, set()) | set(self.held.get(rover, ()))
            photos = [entry for entry in manifest["photos"] if entry["sol"] in sols]
            total = sum(entry["total_photos"] for entry in photos)
            yield manifest_batch(rover, manifest | {"photos": photos, "total_photos": total}, AT)

    def choose(self, most_photos: int) -> dict[str, list[int]]:
        """Sols by rover, in turns from the first, until there are so many photos."""
        chosen: dict[str, list[int]] = {rover: [] for rover in ROVERS}
        photos = 0
        entries = {
            rover: iter([e for e in manifest["photos"] if e["sol"] not in self.held.get(rover, ())])
            for rover, manifest in self._source.manifests.items()
        }
        while entries and photos < most_photos:
            for rover, rest in list(entries.items()):
                entry = next(rest, None)
                if entry is None:
                    del entries[rover]
                elif entry["total_photos"] <= 2_000 or most_photos > 1_000_000:  # Curiosity's sol 0 has 3,702
                    chosen[rover].append(entry["sol"])
                    photos += entry["total_photos"]
        return chosen

    def drives(self) -> Iterator[Batch]:
        """The objects of drives."""
        for rover in ("Perseverance", "Curiosity"):
            yield coordinates_batch(rover, self._source.features(rover), AT)

    def photos(self, chosen: Mapping[str, list[int]], most_photos: int = 1_500) -> Iterator[Batch]:
        """The chosen sols' objects."""
        for rover, sols in chosen.items():
            counts = {entry["sol"]: entry["total_photos"] for entry in self._source.manifests[rover]["photos"]}
            group: list[int] = []
            for sol in sols:
                if group and (len(group) == 10 or sum(counts[s] for s in group) + counts[sol] > most_photos):
                    yield self._source.batch(rover, group, AT)
                    group = []
                group.append(sol)
            if group:
                yield self._source.batch(rover, group, AT)


def build(archive: Archive, content: Content, most_photos: int) -> None:
    """Fill an archive and build it for the first time; print what that took."""
    chosen = content.choose(most_photos)
    archive.load(content.manifests({rover: set(sols) for rover, sols in chosen.items()}))
    archive.load(content.drives())
    archive.load(content.photos(chosen))
    archive.wait_for(content.held)
    first = archive.transform()
    ((photos,),) = archive.rows("select count(*) from SILVER.FACT_PHOTOS")
    print(
        f"{archive.name}: {photos:,} photos of {sum(map(len, chosen.values())):,} sols, loaded in "
        f"{archive.loading:.1f} s and built in {first['process']:.1f} s; server now {archive.megabytes('VmRSS')} MB, "
        f"peak {archive.megabytes('VmHWM')} MB",
        flush=True,
    )


def check(archive: Archive, source: Source) -> None:
    """Compare the whole archive with the simulator; raises SystemExit where they differ."""
    found = {str(row[0]): tuple(row[1:]) for row in archive.rows(
        "select ROVER_NAME, count(*), count(distinct PHOTO_ID), count(distinct SOL) from SILVER.FACT_PHOTOS group by 1"
    )}  # fmt: skip
    expected = {r: (m["total_photos"], m["total_photos"], len(m["photos"])) for r, m in source.manifests.items()}
    ((gaps,),) = archive.rows("select count(*) from SILVER.INGESTION_PLANNING")
    if found != expected or gaps:
        raise SystemExit(f"{archive.name} is not what the source shows: {found}, expected {expected}; {gaps} gaps")
    total, sols = sum(row[0] for row in expected.values()), sum(row[2] for row in expected.values())
    print(f"{archive.name}: {total:,} photos of {sols:,} sols are the simulator's, rover by rover; no gap")


def parsed_project(folder: Path) -> Path:
    """The dbt project with its parsed state, as the image holds it."""
    project = folder / "dbt"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    sys.path.insert(0, str(PROJECT.parent / "docker"))
    from install_rooms import parse_dbt

    parse_dbt(project, Path(sys.executable).parent)
    return project


def table(rounds: Mapping[str, list[dict[str, float]]]) -> str:
    """Medians of each step on both archives, and their ratio."""
    small, large = rounds.values()
    lines = [f"{'one more batch':16}" + "".join(f"{name:>12}" for name in rounds) + f"{'ratio':>8}"]
    for step in small[0]:
        medians = [statistics.median(run.get(step, 0.0) for run in runs) for runs in (small, large)]
        ratio = f"{medians[1] / medians[0]:8.2f}" if medians[0] else f"{'':8}"
        lines.append(f"{step:16}" + "".join(f"{value:10.2f} s" for value in medians) + ratio)
    return "\n".join(lines)


def main() -> None:
    """Build both, measure, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--large", default="full", choices=("full", "demo", "tiny"), help="profile of the large archive"
    )
    parser.add_argument("--small-photos", type=int, default=10_000, help="photos of the small one (default: 10000)")
    parser.add_argument("--rounds", type=int, default=5, help="batches on top of each (default: 5)")
    options = parser.parse_args()
    source = Source(options.large)
    content = Content(source, options.rounds)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project = parsed_project(folder)
        archives = []
        try:
            for name, photos in (("small", options.small_photos), ("large", 10**9)):
                (folder / name).mkdir()
                archives.append(Archive(name, folder / name, project))
                build(archives[-1], content, photos)
            rounds: dict[str, list[dict[str, float]]] = {archive.name: [] for archive in archives}
            for batch in content.more:
                for archive in archives:
                    archive.load(iter([batch]))
                    rounds[archive.name].append(archive.transform())
            print(table(rounds), flush=True)
            large = archives[1]
            taken = {key for batch in content.more for key in [(batch.rover, s["sol"]) for s in batch.arrays["SOLS"]]}
            rest = {rover: [s for s in sols if (rover, s) not in taken] for rover, sols in content.held.items()}
            large.load(content.photos(rest))
            large.transform()
            check(large, source)
        finally:
            for archive in archives:
                archive.server.kill()


if __name__ == "__main__":
    main()
