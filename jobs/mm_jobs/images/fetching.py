"""One picture from its source: over the gate, from allowed origins alone, taken up again where it broke off."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urljoin

import urllib3
from mm_contracts.origins import Origins
from mm_contracts.pictures import MOST_BYTES
from mm_contracts.reasons import Reason

from mm_jobs.common.log import Log
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import Gate
from mm_jobs.ingest.retrying import DEFAULT_RETRY_AFTER, retry_after
from mm_jobs.ingest.routes import MOST_REDIRECTS, proxy_of

_WAITS: Final = (0.3, 1.0, 2.0)
_CHUNK: Final = 64 * 1024
_GONE: Final = frozenset({403, 404, 410})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Gone(Exception):
    """The source says that it has this picture no more."""


class Forbidden(Exception):
    """The picture's address is not at an origin that pictures are fetched from."""


@dataclass(slots=True)
class Part:
    """What has come of a picture, and the source's mark of it: what comes next must be of the same."""

    body: bytes = b""
    mark: str = ""
    """A strong ETag, or a date of change; empty where the source gives neither, so that it begins anew."""


class Pictures:
    """Fetches pictures of one source."""

    def __init__(
        self,
        gate: Gate,
        origins: Origins,
        source: str,
        log: Log,
        *,
        timeout: float,
        agent: str = "martian-moments/0.1",
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._gate, self._origins, self._source, self._log = gate, origins, source, log
        self._timeout, self._agent = timeout, agent
        self._pause = pause or threading.Event().wait
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self.requests = 0
        """Requests sent so far, retries and redirects included."""
        self.bytes = 0
        """Bytes of bodies received so far."""

    def fetch(self, address: str, part: Part) -> bytes:
        """Return a picture's bytes.

        Args:
            address: as the source told it.
            part: what came of it before; it is filled further, also where this fails.

        Raises:
            Gone, Forbidden: there is no use in asking again.
            SourceFailure: it did not come whole, for now.
        """
        for wait in (*_WAITS, None):
            try:
                return self._once(address, part)
            except SourceFailure as failure:
                self._log.warning("picture.failed", reason=failure.reason.value, message=str(failure), next_wait=wait)
                if wait is None or failure.reason is Reason.RATE_LIMITED:
                    raise
            self._pause(wait)
        raise AssertionError("unreachable")

    def _once(self, address: str, part: Part) -> bytes:
        url = self._origins.where(address, self._source)
        for _ in range(MOST_REDIRECTS + 1):
            if url is None:
                raise Forbidden
            permit = self._gate.wait()
            try:
                answer = self._ask(url, part)
                try:
                    if answer.status not in _REDIRECTS:
                        return self._read(answer, part)
                    url = self._origins.where(_joined(url, answer.headers.get("Location", "")), self._source)
                finally:
                    answer.close()
                    answer.release_conn()
            finally:
                self._gate.give_back(permit)
        raise SourceFailure(Reason.BAD_RESPONSE, "the source sends from one address to the next without an end")

    def _ask(self, url: str, part: Part) -> urllib3.BaseHTTPResponse:
        self.requests += 1
        headers = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": self._agent}
        if part.body and part.mark:
            headers |= {"Range": f"bytes={len(part.body)}-", "If-Range": part.mark}
        try:
            return self._pool(url).request(
                "GET",
                url,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(self._timeout, 10.0), read=self._timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            raise SourceFailure(Reason.SOURCE_ERROR, f"the request failed: {type(error).__name__}") from None

    def _read(self, answer: urllib3.BaseHTTPResponse, part: Part) -> bytes:
        if answer.status in _GONE:
            raise Gone
        if answer.status == 429:
            seconds = retry_after(answer.headers, datetime.now(UTC)) or DEFAULT_RETRY_AFTER
            self._gate.close(seconds, Reason.RATE_LIMITED.value)
            raise SourceFailure(Reason.RATE_LIMITED, "the source limits requests (HTTP 429)", retry_after=seconds)
        expected = _length(answer.headers.get("Content-Length"))
        if answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {len(part.body)}-"):
            expected = None if expected is None else expected + len(part.body)
        elif answer.status == 200:
            part.body = b""
            part.mark = _mark(answer.headers)
        else:
            part.body, part.mark = b"", ""
            raise SourceFailure(Reason.SOURCE_ERROR, f"the source answered HTTP {answer.status}", status=answer.status)
        begun, body = time.monotonic(), bytearray(part.body)
        try:
            for chunk in answer.stream(_CHUNK, decode_content=False):
                body += chunk
                self.bytes += len(chunk)
                if len(body) > MOST_BYTES:
                    part.body, part.mark = b"", ""
                    raise Forbidden
                if time.monotonic() - begun > 20 * self._timeout:
                    raise SourceFailure(Reason.SOURCE_ERROR, "the picture drips")
        except urllib3.exceptions.HTTPError as error:
            raise SourceFailure(Reason.SOURCE_ERROR, f"the picture broke off: {type(error).__name__}") from None
        finally:
            if part.mark or answer.status == 206:
                part.body = bytes(body) if len(body) <= MOST_BYTES else b""
        if expected is not None and len(body) != expected:
            raise SourceFailure(Reason.SOURCE_ERROR, f"{len(body)} of {expected} bytes of the picture came")
        return bytes(body)

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = proxy_of(url)
        if proxy not in self._pools:
            self._pools[proxy] = (
                urllib3.PoolManager(maxsize=2, retries=False)
                if proxy is None
                else urllib3.ProxyManager(proxy, maxsize=2, retries=False)
            )
        return self._pools[proxy]


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""  # no address, so that it is nowhere allowed


def _length(text: str | None) -> int | None:
    return int(text) if text and len(text) < 16 and text.isascii() and text.isdigit() else None


def as_mark(text: str) -> str:
    """Return a mark that a header can carry; any other text is none."""
    return text if text.isascii() and text.isprintable() else ""


def _mark(headers: urllib3.HTTPHeaderDict) -> str:
    tag = headers.get("ETag", "")
    # A weak tag does not promise the same bytes, so that nothing may be added to what came.
    return as_mark(tag if tag.startswith('"') else headers.get("Last-Modified", ""))
