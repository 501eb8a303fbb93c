"""One line per event: readable ``key=value`` text, or JSON with ``LOG_FORMAT=json``. Secrets are hidden in every line.

The standard ``logging`` package is not used: a Job has one thread of events and no handlers to configure, and a line
must be on stdout before the process can be killed.
"""

import os
import sys
import threading
from datetime import UTC, datetime
from typing import Final, TextIO

from mm_contracts.log_lines import as_text, line_of

from mm_jobs.common.env import optional

_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


class Log:
    """Writes the events of one Job; ``fields`` (trace id, plan, ...) are on every line."""

    def __init__(self, job: str, *, stream: TextIO | None = None, **fields: object) -> None:
        self._job = job
        self._stream = stream or sys.stdout
        self._fields = fields
        self._lock = threading.Lock()
        self._text = as_text(os.environ, "text")
        self._threshold = _LEVELS.get(optional("LOG_LEVEL", "INFO").upper(), 20)

    def bind(self, **fields: object) -> None:
        """Add fields to every later line."""
        self._fields = {**self._fields, **fields}

    def debug(self, event: str, **fields: object) -> None:
        """Write a line that only a developer wants."""
        self._write("DEBUG", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Write a line about something that went as it should."""
        self._write("INFO", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write a line about something that went wrong and is dealt with."""
        self._write("WARNING", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write a line about something that ends the Job."""
        self._write("ERROR", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if _LEVELS[level] < self._threshold:
            return
        line = line_of(datetime.now(UTC), level, self._job, event, {**fields, **self._fields}, text=self._text)
        with self._lock:
            print(line, file=self._stream, flush=True)
