"""Watching a run from outside until it is complete, stuck or failed."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mm_hack.access import archive_command, archive_environment
from mm_hack.snapshot import RoverArchive, Snapshot, progress_line, rover_archive, summarise

POLL_SECONDS = 2.0
"""How often the cluster is looked at."""
STALL_SECONDS = 300.0
"""How long nothing may change before the run counts as stuck: longer than any back-off of the first tries."""


class Archive:
    """The newest lines of ``mars status --watch``, read in the background."""

    def __init__(self) -> None:
        self.rovers: tuple[RoverArchive, ...] = ()

    def read(self, lines: Iterator[str]) -> None:
        """Keep the newest complete line until the stream ends."""
        for line in lines:
            try:
                self.rovers = tuple(rover_archive(entry) for entry in json.loads(line) if entry["rover_name"] != "all")
            except (ValueError, KeyError, TypeError):
                continue  # a notice between the lines, such as "waiting for the warehouse"


@contextmanager
def archive_of(kubectl: Sequence[str]) -> Iterator[Archive]:
    """Yield the archive's state, kept fresh while the context lasts."""
    archive = Archive()
    process = subprocess.Popen(
        archive_command(["status", "--watch", "3"]),
        env=archive_environment(kubectl[kubectl.index("--namespace") + 1]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    reader = threading.Thread(target=archive.read, args=(iter(process.stdout.readline, ""),), daemon=True)
    reader.start()
    try:
        yield archive
    finally:
        process.terminate()
        process.wait()


def look(kubectl: Sequence[str], rovers: Sequence[RoverArchive]) -> Snapshot:
    """Return what the cluster shows now. Raises CalledProcessError when the API server does not answer."""
    answer = subprocess.run(
        [*kubectl, "get", "ingestionplans,jobs", "-o", "json"], check=True, capture_output=True, text=True
    )
    items = json.loads(answer.stdout)["items"]
    plans = [item for item in items if item["kind"] == "IngestionPlan"]
    return summarise(plans, [item for item in items if item["kind"] == "Job"], rovers)


def watch(
    kubectl: Sequence[str],
    done: Callable[[Snapshot], bool],
    say: Callable[[str], None] | None = None,
    stall_seconds: float = STALL_SECONDS,
) -> Snapshot:
    """Return the first snapshot for which ``done`` holds, or the last one after nothing changed for ``stall_seconds``.

    Args:
        kubectl: the command with context and namespace.
        done: the end that is waited for.
        say: takes each progress line; by default a line is printed whenever it changed, at most every five seconds.
    """
    say = say or Printer().line
    with archive_of(kubectl) as archive:
        last, changed_at = Snapshot(), time.monotonic()
        while True:
            try:
                snapshot = look(kubectl, archive.rovers)
            except (subprocess.CalledProcessError, ValueError):
                snapshot = last  # an API server under load misses a poll; the stall limit bounds it
            if snapshot != last:
                last, changed_at = snapshot, time.monotonic()
                say(progress_line(snapshot))
            if done(snapshot) or time.monotonic() - changed_at > stall_seconds:
                return snapshot
            time.sleep(POLL_SECONDS)


class Printer:
    """Prints progress: on a terminal one line that is rewritten, elsewhere a line at most every five seconds."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.printed_at = -1e9

    def line(self, text: str) -> None:
        """Print one progress line with the time since the start."""
        now = time.monotonic()
        elapsed = int(now - self.start)
        stamped = f"[{elapsed // 60:02d}:{elapsed % 60:02d}] {text}"
        if sys.stdout.isatty():
            print(f"\r\033[K{stamped}", end="", flush=True)
        elif now - self.printed_at >= 5:
            print(stamped, flush=True)
            self.printed_at = now
