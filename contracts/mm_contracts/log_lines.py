"""One form of log line for every process: a JSON object, or readable text, as LOG_FORMAT says.

A JSON line has ``time`` (UTC, ISO 8601 with milliseconds), ``level`` (lower case), ``logger`` and ``message``, and
beside them the fields of the event, among them ``trace_id``, ``plan`` and ``batch`` where there are such.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from mm_contracts.redaction import redact, redacted

_OWN: Final = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "settings",
    "color_message",
}
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/+@,%*")


def line_of(moment: datetime, level: str, logger: str, message: str, fields: Mapping[str, Any], *, text: bool) -> str:
    """Return one line without its end. Secrets are hidden in all of it.

    Args:
        moment: when it happened.
        level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        logger: the part of the process that tells it.
        message: what happened.
        fields: what belongs to it; empty ones are left out of text. One called ``message`` is ``detail`` in JSON.
        text: readable text instead of a JSON object.
    """
    time = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    # Before anything is encoded: in quotes and escapes a secret does not look like itself.
    message, clean = redact(message, os.environ), redacted(fields, os.environ)
    if not text:
        head = {"time": time, "level": level.lower(), "logger": logger, "message": message}
        told = {"detail" if name == "message" else name: value for name, value in clean.items()}
        return json.dumps({**told, **head} if told.keys() & head.keys() else head | told, default=str)
    pairs = "".join(f" {name}={_shown(value)}" for name, value in clean.items() if value not in (None, ""))
    return f"{time} {level:<7} {logger} {message}{pairs}"


class Lines(logging.Formatter):
    """Makes such lines of records of the standard library's ``logging``; ``extra`` becomes their fields."""

    def __init__(self, *, text: bool) -> None:
        """``text``: readable text instead of JSON objects."""
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; of an exception in text, its traceback below it."""
        plain = (str, int, float, bool)
        fields = {k: v for k, v in record.__dict__.items() if k not in _OWN and isinstance(v, plain) and v != ""}
        trace = redact(self.formatException(record.exc_info), os.environ) if record.exc_info else ""
        if trace and not self._text:
            fields["exception"] = trace
        moment = datetime.fromtimestamp(record.created, UTC)
        line = line_of(moment, record.levelname, record.name, record.getMessage(), fields, text=self._text)
        return f"{line}\n{trace}" if trace and self._text else line


def as_text(environment: Mapping[str, str], default: str) -> bool:
    """Return whether LOG_FORMAT, or the default where it is unset, asks for text."""
    return (environment.get("LOG_FORMAT") or default).lower() == "text"


def set_up(
    level: str | None = None, *, default: str = "json", quiet: Sequence[str] = (), stream: TextIO | None = None
) -> None:
    """Send all records of ``logging`` to one stream in the form that LOG_FORMAT asks for.

    Args:
        level: the least that is told; LOG_LEVEL where it is None. What is no level is INFO.
        default: the form where LOG_FORMAT is unset: json or text.
        quiet: loggers of libraries of which only warnings are told.
        stream: standard output where it is None.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(Lines(text=as_text(os.environ, default)))
    least = (level or os.environ.get("LOG_LEVEL") or "INFO").upper()
    logging.basicConfig(level=least if least in logging.getLevelNamesMapping() else "INFO", handlers=[handler])
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING)


def _shown(value: Any) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if set(text) <= _PLAIN else json.dumps(text, ensure_ascii=False)
