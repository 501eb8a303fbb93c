"""The HTTP client of the sources: one permit per request, bounded bodies and times, few tries, no guesses."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import urllib3
from mm_contracts.documents import Budget
from mm_contracts.reasons import Reason
from mm_contracts.topics import TRACEPARENT, traceparent

from mm_jobs.common.env import redact
from mm_jobs.common.log import Log
from mm_jobs.ingest.answers import read_answer
from mm_jobs.ingest.budget import UNTOLD, read_budget, seconds_closed
from mm_jobs.ingest.failures import SOURCE_WIDE, SourceFailure
from mm_jobs.ingest.gate import Gate
from mm_jobs.ingest.retrying import RetryRules, wait_before_retry
from mm_jobs.ingest.routes import MOST_REDIRECTS, origin, proxy_of, redirected

LARGEST_BODY: Final = 64 * 1024 * 1024
"""Bytes; the largest real answer, the helicopter's paths, has two megabytes."""
LONGEST_RUN: Final = 600.0
"""Seconds after which a Job asks for no more: what it has is written well before its deadline."""
_CHUNK: Final = 256 * 1024
_PRODUCT: Final = "martian-moments/0.1"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer that is kept, with what the source needs to tell whether it is still the same."""

    content: dict[str, Any]
    etag: str = ""
    last_modified: str = ""


Judge = Callable[[Mapping[str, Any], Mapping[str, Any]], None]
"""Is called with the remembered answer and the new one."""


class Memory(Protocol):
    """Who keeps answers that several Jobs want."""

    def recall(self, url: str, root: str, ask: Callable[[Remembered | None], Remembered]) -> dict[str, Any]:
        """Return the answer of a URL, which has the key ``root``: one that is fresh enough, or what ``ask`` gives.

        ``ask`` is told what is known.
        """


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes


class SourceClient:
    """Asks one source. Safe to use from several threads."""

    def __init__(
        self,
        gate: Gate,
        log: Log,
        *,
        timeout: float,
        api_key: str = "",
        base_url: str = "",
        contact: str = "",
        trace_id: str = "",
        connections: int = 4,
        rules: RetryRules | None = None,
        largest_body: int = LARGEST_BODY,
        memory: Memory | None = None,
        longest_run: float = LONGEST_RUN,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._gate = gate
        self._log = log
        self._timeout = timeout
        self._rules = rules or RetryRules()
        self._largest = largest_body
        self._memory = memory
        self._until = time.monotonic() + longest_run
        self._stop = threading.Event()
        self._why_stopped: SourceFailure | None = None
        self._pause = pause or self._stop.wait
        self._lock = threading.Lock()
        self.requests = 0
        """Requests sent so far, retries included."""
        self.bytes = 0
        """Bytes of bodies received so far, decoded."""
        self.budget: Budget = UNTOLD
        """What the source last said of its limits."""
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"{_PRODUCT} (+{contact})" if contact else _PRODUCT,
        }
        if trace_id:
            self._headers[TRACEPARENT] = traceparent(trace_id)
        # In a header, so that no URL in a log, an error or a proxy's journal ever holds it; and for one origin only.
        self._key = {"X-Api-Key": api_key} if api_key else {}
        self._home = origin(base_url)
        self._connections = connections
        self._pools: dict[str | None, urllib3.PoolManager] = {}

    def get(
        self,
        url: str,
        root: str,
        query: Mapping[str, object] | None = None,
        *,
        remember: bool = False,
        judge: Judge | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object at the URL, which has the key ``root``.

        Args:
            url: without a query.
            root: the key.
            query: arguments of the request; one that is None is left out.
            remember: other Jobs want the same answer, and it seldom changes.
            judge: raises SourceFailure for an answer that cannot be true after the one that is remembered.

        Raises:
            SourceFailure: no usable answer, after the few tries that are worth making.
        """
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        full = f"{url}?{urlencode(asked)}" if asked else url
        if remember and self._memory is not None:
            return self._memory.recall(full, root, lambda known: self._judged(full, root, known, judge))
        return self._asked(full, root, None).content

    def _judged(self, url: str, root: str, known: Remembered | None, judge: Judge | None) -> Remembered:
        answer = self._asked(url, root, known)
        if judge is not None and known is not None:
            judge(known.content, answer.content)
        return answer

    def _asked(self, url: str, root: str, known: Remembered | None) -> Remembered:
        tries = 0
        while True:
            try:
                return self._once(url, root, known)
            except SourceFailure as failure:
                tries += 1
                wait = wait_before_retry(self._rules, failure, tries)
                self._note(url, failure, wait)
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
            # Every further request would only be refused too, and count against the limit.
            self._why_stopped = failure

    def _once(self, url: str, root: str, known: Remembered | None) -> Remembered:
        if self._why_stopped is not None:
            raise self._why_stopped
        if time.monotonic() > self._until:
            message = "the Job has run for long: what came is kept, and the next attempt asks for the rest"
            raise SourceFailure(Reason.DEADLINE, message, retry_after=1.0)
        conditions = {}
        if known is not None and known.etag:
            conditions["If-None-Match"] = known.etag
        if known is not None and known.last_modified:
            conditions["If-Modified-Since"] = known.last_modified
        permit = self._gate.wait()
        try:
            answer = self._fetch(url, conditions)
        finally:
            self._gate.give_back(permit)
        if answer.status == 304 and known is not None and conditions:
            return known
        try:
            content = read_answer(answer.status, answer.headers, answer.body, root, datetime.now(UTC))
        except SourceFailure as failure:
            if failure.reason is Reason.RATE_LIMITED and failure.retry_after is not None:
                self._gate.close(failure.retry_after, failure.reason.value)
            raise
        return Remembered(content, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))

    def _fetch(self, url: str, conditions: dict[str, str]) -> _Answer:
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._request(url, conditions)
            self._heed_budget(answer.headers)
            if answer.status not in _REDIRECTS:
                return answer
            url = redirected(url, answer.headers.get("Location", ""), answer.status)
            self._log.info("request.redirected", to=redact(url), status=answer.status, key=origin(url) == self._home)
        raise SourceFailure(Reason.CONFIG_ERROR, f"the source redirects more than {MOST_REDIRECTS} times", status=310)

    def _heed_budget(self, headers: urllib3.HTTPHeaderDict) -> None:
        now = datetime.now(UTC)
        told = read_budget(headers, now)
        if told is None:
            return
        self.budget = told
        seconds = seconds_closed(told, now)
        if seconds is not None and self._why_stopped is None:
            message = f"the source says that its {told['limit'] or ''} requests are used up until {told['reset_at']}"
            self._why_stopped = SourceFailure(Reason.RATE_LIMITED, message, retry_after=seconds)
            self._gate.close(seconds, Reason.RATE_LIMITED.value)

    def _request(self, url: str, conditions: dict[str, str]) -> _Answer:
        with self._lock:
            self.requests += 1
        timeout = urllib3.Timeout(connect=min(self._timeout, 10.0), read=self._timeout)
        headers = self._headers | conditions | (self._key if self._home and origin(url) == self._home else {})
        begun = time.monotonic()
        try:
            answer = self._pool(url).request(
                "GET", url, headers=headers, timeout=timeout, preload_content=False, redirect=False
            )
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
        return _Answer(answer.status, answer.headers, body)

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = proxy_of(url)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = _new_pool(proxy, self._connections)
            return self._pools[proxy]

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


def _new_pool(proxy: str | None, connections: int) -> urllib3.PoolManager:
    # Certificates are checked against the system's bundle, or the one that SSL_CERT_FILE names: OpenSSL reads it.
    if proxy is None:
        return urllib3.PoolManager(maxsize=connections, retries=False)
    auth = urllib3.util.parse_url(proxy).auth
    headers = urllib3.util.make_headers(proxy_basic_auth=auth) if auth else None
    return urllib3.ProxyManager(proxy, maxsize=connections, retries=False, proxy_headers=headers)


def _why(error: Exception) -> str:
    inner = error.args[-1] if error.args else ""
    return f"{type(error).__name__}: {inner}"[:300]
