"""Live progress: a line when a step starts (if it is long), one when it ends, each with its time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

LONG = 20.0
"""Steps expected to take longer than this (s) say so when they start."""


class Progress:
    """Prints steps from several threads without mixing their lines.

    Args:
        out: where to print; standard error by default, so that a command's own result can be piped.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._colour = self._out.isatty()

    def say(self, text: str) -> None:
        """Print one line of explanation."""
        self._line("·", "", text)

    @contextmanager
    def step(self, what: str, *, about: float = 0) -> Iterator[Step]:
        """Time a step; `about` is how long it takes on two busy cores (s), told at the start if it is long."""
        started = time.monotonic()
        step = Step()
        if about >= LONG:
            self._line("→", "", f"{what} (about {span(about)})")
        try:
            yield step
        except BaseException:
            self._line("✗", span(time.monotonic() - started), what)
            raise
        note = f": {step.note}" if step.note else ""
        self._line("✓", span(time.monotonic() - started), what + note)

    def elapsed(self) -> float:
        """Seconds since this progress began."""
        return time.monotonic() - self._started

    def _line(self, mark: str, took: str, text: str) -> None:
        if self._colour:
            colour = {"✓": "32", "✗": "31", "→": "36", "·": "2"}[mark]
            mark = f"\x1b[{colour}m{mark}\x1b[0m"
        with self._lock:
            print(f"{clock(self.elapsed()):>6} {mark} {text}{'  ' + took if took else ''}", file=self._out, flush=True)


class Step:
    """A running step; `note` is added to its closing line."""

    note: str = ""


def clock(seconds: float) -> str:
    """Minutes and seconds since the start: ``4:07``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def span(seconds: float) -> str:
    """A duration for people: ``0.4 s``, ``12 s``, ``6 min``, ``2 min 30 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" if rest < 5 or minutes >= 20 else f"{minutes} min {rest} s"


def amount(size: float) -> str:
    """Bytes for people: ``44 MB``, ``3.6 GB`` (powers of ten)."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
