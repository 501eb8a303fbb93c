"""A web server for one page: the documentation of the models, as transform Jobs leave it in the bucket. Read only."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Protocol

PATHS: Final = ("/", "/index.html")
HEALTH: Final = "/healthz"

# The page is one file: it may run what it holds, and talk to nobody. dbt's page builds functions from text (eval).
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEADERS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-cache"),
)
_NO_PAGE: Final = "No page has been made yet: the next transform run that ends well makes one. Try again in a minute.\n"
_AWAY: Final = "The object store does not answer, and no page was read before: try again later.\n"


class StoreAway(Exception):
    """The store did not answer; the message says what to do."""


class Page(NamedTuple):
    """The page and its ETag without quotes."""

    body: bytes
    etag: str


class Store(Protocol):
    """Where the page is kept."""

    def read(self, known: Page | None) -> Page | None:
        """Return the page, which is ``known`` itself where that is still the one, or None where there is none.

        Raises:
            StoreAway: nothing is known.
        """


class Cache:
    """The page as it was some seconds ago at most; while the store is away, as it was last seen."""

    def __init__(self, store: Store, seconds: float, warn: Callable[[str], None]) -> None:
        """Args: store, how many seconds an answer of it holds, and who is told that it is away."""
        self._store = store
        self._seconds = seconds
        self._warn = warn
        self._page: Page | None = None
        self._until = 0.0
        self._lock = threading.Lock()

    def page(self) -> Page | None:
        """Return the page, or None while none has been made.

        Raises:
            StoreAway: the store is away and there is no earlier answer with a page.
        """
        with self._lock:  # one question at a time, however many ask
            if time.monotonic() >= self._until:
                try:
                    self._page = self._store.read(self._page)
                except StoreAway as problem:
                    self._warn(str(problem))
                    if self._page is None:
                        raise
                self._until = time.monotonic() + self._seconds
            return self._page


class _Handler(BaseHTTPRequestHandler):
    server_version = "mars"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30
    cache: Cache

    def do_GET(self) -> None:
        """Answer with the page, the health or a sentence."""
        path = self.path.partition("?")[0]
        if path == HEALTH:
            self._say(HTTPStatus.OK, "ok\n")
        elif path not in PATHS:
            self._say(HTTPStatus.NOT_FOUND, "There is one page here: /\n")
        else:
            self._page()

    do_HEAD = do_GET

    def _page(self) -> None:
        try:
            page = self.cache.page()
        except StoreAway:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, _AWAY)
            return
        if page is None:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, _NO_PAGE)
            return
        tag = f'"{page.etag}"'
        if tag in [given.strip().removeprefix("W/") for given in self.headers.get("If-None-Match", "").split(",")]:
            self._answer(HTTPStatus.NOT_MODIFIED, b"", ETag=tag)
        else:
            self._answer(HTTPStatus.OK, page.body, ETag=tag, **{"Content-Type": "text/html; charset=utf-8"})

    def _say(self, status: HTTPStatus, sentence: str) -> None:
        more = {"Retry-After": "30"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
        self._answer(status, sentence.encode(), **{"Content-Type": "text/plain; charset=utf-8"}, **more)

    def _answer(self, status: HTTPStatus, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in (*_HEADERS, *headers.items()):
            self.send_header(name, value)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: probes come every few seconds."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of readers that went away in the middle."""


def server(cache: Cache, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server that listens already; ``serve_forever`` answers. Port 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """
    return _Server((host, port), type("Handler", (_Handler,), {"cache": cache}))
