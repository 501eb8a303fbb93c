"""How a Job ends: an exit code of the contract and a last word in the termination message.

Nothing heavy is imported: the message is a plain dict of the form of ``contracts.terminations`` (a test holds the two
together).
"""

import contextlib
import json
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.env import SettingsError, optional, redacted
from mm_jobs.common.log import Log

TERMINATION_ENV: Final = "MM_TERMINATION_LOG"
_LIMIT: Final = 4096
"""Bytes that Kubernetes keeps of a termination message."""
_SENTENCE_LIMIT: Final = 1200
_WHOSE: Final = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


class JobError(Exception):
    """An end that is not success: the exit code, a reason of the stable list, a sentence, and what was done so far."""

    def __init__(
        self,
        code: ExitCode,
        reason: Reason,
        message: str,
        *,
        retry_after: float | None = None,
        counts: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_after = retry_after
        """Seconds from now after which another try can help, where that is known."""
        self.counts = counts or {}


@contextlib.contextmanager
def counting(**counts: Any) -> Iterator[None]:
    """Have these counts in the last word of what fails in here."""
    try:
        yield
    except JobError as error:
        error.counts = error.counts | counts
        raise


def rfc3339(moment: datetime) -> str:
    """Return a UTC time as ``2026-01-02T03:04:05Z``, rounded up to whole seconds so that nobody is early."""
    moment = moment.astimezone(UTC)
    if moment.microsecond:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def termination(status: str, **fields: Any) -> bytes:
    """Return a termination message of at most 4,096 bytes; what does not fit is cut from its least needed parts."""
    said = {key: redacted(value) for key, value in fields.items() if value not in (None, "", {})}
    body: dict[str, Any] = {"status": status, **said}
    if "message" in body:
        body["message"] = str(body["message"])[:_SENTENCE_LIMIT]
    encoded = _encode(body)
    details = body.get("details")
    while len(encoded) > _LIMIT and isinstance(details, dict) and details:
        sizes = {name: len(_encode({name: value})) for name, value in details.items()}
        longest = max(sizes, key=lambda name: sizes[name])
        details = {name: value for name, value in details.items() if name != longest}
        body["details"] = details
        encoded = _encode(body)
    failed = dict(body.get("failed_sols", {}))
    while len(encoded) > _LIMIT and failed:
        for key in list(failed)[len(failed) // 2 :]:
            del failed[key]
        body["failed_sols"] = failed
        encoded = _encode(body)
    while len(encoded) > _LIMIT and body.get("message"):
        body["message"] = body["message"][: len(body["message"]) // 2]
        encoded = _encode(body)
    return encoded


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def cpu_seconds() -> float:
    """Return the seconds of CPU that this process and its ended children have used."""
    return round(sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, _WHOSE)), 2)


def say(message: bytes, log: Log) -> None:
    """Write the termination message where Kubernetes reads it; a machine without that place only gets a debug line."""
    path = Path(optional(TERMINATION_ENV, "/dev/termination-log"))
    try:
        path.write_bytes(message)
    except OSError as error:
        log.debug("termination.unwritten", path=path, error=error.strerror)


def run(log: Log, job: Callable[[], dict[str, Any]]) -> NoReturn:
    """Run a Job's body and leave the process with the exit code and the last word that its end calls for.

    The body returns the fields of a successful termination message, or raises ``JobError``.
    """
    _obey_sigterm(log)
    _hear_threads(log)
    code = ExitCode.OTHER
    try:
        fields = job()
        say(termination("success", **fields, cpu_seconds=cpu_seconds()), log)
        code = ExitCode.DONE
        log.info("done", **{key: value for key, value in fields.items() if not isinstance(value, dict)})
    except JobError as error:
        code = error.code
        retry_at = None if error.retry_after is None else datetime.now(UTC) + timedelta(seconds=error.retry_after)
        _fail(log, error.code, error.reason, str(error), retry_at, error.counts)
    except SettingsError as error:
        code = ExitCode.BAD_ARGUMENTS
        _fail(log, code, Reason.CONFIG_ERROR, str(error), None, {})
    except Exception as error:
        log.error("crashed", error=repr(error), traceback=_tail(error))
        _fail(log, code, Reason.CRASHED, f"{type(error).__name__}: {error}", None, {})
    # Threads of clients (Kafka, connection pools) must not keep a finished pod alive.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _fail(
    log: Log, code: ExitCode, reason: Reason, message: str, retry_at: datetime | None, counts: dict[str, Any]
) -> None:
    when = rfc3339(retry_at) if retry_at else None
    log.error("failed", exit_code=int(code), reason=reason.value, message=message, retry_at=when)
    last_word = termination(
        "failed", reason=reason.value, message=message, retry_at=when, **counts, cpu_seconds=cpu_seconds()
    )
    say(last_word, log)


def _hear_threads(log: Log) -> None:
    # A client library's thread that dies (the warehouse's cancels a statement that is given up, and finds nobody there)
    # would print its traceback past the log: in no line's form, and with nothing hidden.
    def heard(failure: threading.ExceptHookArgs) -> None:
        error = failure.exc_value or failure.exc_type()
        name = failure.thread.name if failure.thread else None
        log.warning("thread.crashed", thread=name, error=repr(error), traceback=_tail(error))

    threading.excepthook = heard


def _tail(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)[-3:])


def _obey_sigterm(log: Log) -> None:
    # The process is number 1 of its container: without a handler the kernel would ignore SIGTERM until SIGKILL.
    def stop(signum: int, _frame: object) -> None:
        log.warning("stopped", signal=signal.Signals(signum).name)
        os._exit(128 + signum)

    with contextlib.suppress(ValueError):  # not the main thread: a test runs the body
        signal.signal(signal.SIGTERM, stop)
