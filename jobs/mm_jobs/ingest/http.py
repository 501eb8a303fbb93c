"""The HTTP client of the sources: one permit per request, bounded bodies and times, few tries, no guesses."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
from mm_contracts.reasons import Reason
from mm_contracts.topics import TRACEPARENT, traceparent

from mm_jobs.common.env import redact
from mm_jobs.common.log import Log
from mm_jobs.ingest.answers import read_answer
from mm_jobs.ingest.failures import SOURCE_WIDE, SourceFailure
from mm_jobs.ingest.gate import Gate
from mm_jobs.ingest.retrying import RetryRules, wait_before_retry

LARGEST_BODY: Final = 64 * 1024 * 1024
"""Bytes; the largest real answer, a manifest of 13 years, has half a megabyte."""
_CHUNK: Final = 256 * 1024
_USER_AGENT: Final = "martian-moments/0.1"


class SourceClient:
    """Asks one source. Safe to use from several threads."""

    def __init__(
        self,
        gate: Gate,
        log: Log,
        *,
        timeout: float,
        api_key: str = "",
        trace_id: str = "",
        connections: int = 4,
        rules: RetryRules | None = None,
        largest_body: int = LARGEST_BODY,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._gate = gate
        self._log = log
        self._timeout = timeout
        self._rules = rules or RetryRules()
        self._largest = largest_body
        self._stop = threading.Event()
        self._why_stopped: SourceFailure | None = None
        self._pause = pause or self._stop.wait
        self._lock = threading.Lock()
        self.requests = 0
        """Requests sent so far, retries included."""
        self.bytes = 0
        """Bytes of bodies received so far, decoded."""
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": _USER_AGENT}
        if trace_id:
            headers[TRACEPARENT] = traceparent(trace_id)
        if api_key:
            # In a header, so that no URL in a log, an error or a proxy's journal ever holds it.
            headers["X-Api-Key"] = api_key
        self._http = urllib3.PoolManager(maxsize=connections, headers=headers, retries=False)

    def get(self, url: str, root: str, **query: object) -> dict[str, Any]:
        """Return the JSON object at the URL, which has the key ``root``.

        Raises:
            SourceFailure: no usable answer, after the few tries that are worth making.
        """
        full = f"{url}?{urlencode(query)}" if query else url
        tries = 0
        while True:
            try:
                return self._once(full, root)
            except SourceFailure as failure:
                tries += 1
                wait = wait_before_retry(self._rules, failure, tries)
                self._note(full, failure, wait)
                if wait is None:
                    raise
                self._pause(wait * random.uniform(0.8, 1.2))

    def _note(self, url: str, failure: SourceFailure, wait: float | None) -> None:
        if failure is self._why_stopped:
            return
        self._log.warning(
            "request.failed",
            url=redact(url),
            reason=failure.reason.value,
            message=str(failure),
            status=failure.status,
            next_try_seconds=wait,
        )
        if failure.reason in SOURCE_WIDE and wait is None:
            # Whatever the other threads still want to ask would fail in the same way, and might count against us.
            self._why_stopped = failure
            self._stop.set()

    def _once(self, url: str, root: str) -> dict[str, Any]:
        if self._why_stopped is not None:
            raise self._why_stopped
        self._gate.wait()
        status, headers, body = self._fetch(url)
        try:
            return read_answer(status, headers, body, root, datetime.now(UTC))
        except SourceFailure as failure:
            if failure.reason is Reason.RATE_LIMITED and failure.retry_after is not None:
                self._gate.close(failure.retry_after, failure.reason.value)
            raise

    def _fetch(self, url: str) -> tuple[int, urllib3.HTTPHeaderDict, bytes]:
        with self._lock:
            self.requests += 1
        timeout = urllib3.Timeout(connect=min(self._timeout, 10.0), read=self._timeout)
        begun = time.monotonic()
        try:
            answer = self._http.request("GET", url, timeout=timeout, preload_content=False, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise SourceFailure(Reason.SOURCE_ERROR, f"the request failed: {_why(error)}") from None
        try:
            body = self._body(answer, begun)
        except urllib3.exceptions.TimeoutError:
            raise SourceFailure(Reason.SOURCE_ERROR, f"the answer did not end within {self._timeout:.0f} s") from None
        except urllib3.exceptions.HTTPError as error:
            raise SourceFailure(Reason.BAD_RESPONSE, f"the answer broke off: {_why(error)}") from None
        finally:
            # A body that was read to its end has given its connection back; any other connection cannot be used again.
            answer.close()
            answer.release_conn()
        return answer.status, answer.headers, body

    def _body(self, answer: urllib3.BaseHTTPResponse, begun: float) -> bytes:
        body = bytearray()
        for chunk in answer.stream(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._largest:
                raise SourceFailure(Reason.BAD_RESPONSE, f"the answer is larger than {self._largest} bytes", status=413)
            if time.monotonic() - begun > self._timeout:
                raise urllib3.exceptions.ReadTimeoutError(None, None, "the answer drips")  # type: ignore[arg-type]
        with self._lock:
            self.bytes += len(body)
        return bytes(body)


def _why(error: Exception) -> str:
    inner = error.args[-1] if error.args else ""
    return f"{type(error).__name__}: {inner}"[:300]
