"""Log lines to standard output: one JSON object or one readable line each, with the trace id where there is one."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, Final

from mm_operator.core.diagnose import redact
from mm_operator.core.times import format_time

_OWN: Final = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "settings"}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    plain = (str, int, float, bool)
    return {k: v for k, v in record.__dict__.items() if k not in _OWN and isinstance(v, plain) and v != ""}


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """One readable line, fields at its end."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {redact(record.getMessage())} {fields}".rstrip()
        return f"{line}\n{redact(self.formatException(record.exc_info))}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return format_time(moment).replace("Z", f".{moment.microsecond // 1000:03d}Z")


def set_up() -> None:
    """Send all log lines to standard output, as LOG_FORMAT (json, text) and LOG_LEVEL say."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(TextLines() if os.environ.get("LOG_FORMAT", "json") == "text" else JsonLines())
    level = os.environ.get("LOG_LEVEL", "INFO").upper()
    logging.basicConfig(level=level if level in logging.getLevelNamesMapping() else "INFO", handlers=[handler])
    for noisy in ("kopf", "aiohttp.access", "urllib3", "kubernetes"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It warns that it leaves signals alone, as it should in a thread.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
