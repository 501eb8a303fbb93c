"""The server of the page: over a store in memory, and over an object store's answers on loopback."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mm_cli.docs import BucketStore
from mm_cli.docs_server import Cache, Page, StoreAway, server
from mm_cli.main import run

PAGE = Page(b"<html>fact_photos</html>", "tag-1")


class Memory:
    """A page that can be replaced, and a store that can be away."""

    def __init__(self, page: Page | None = None) -> None:
        self.now = page
        self.away = False
        self.asked = 0

    def read(self, known: Page | None) -> Page | None:
        self.asked += 1
        if self.away:
            raise StoreAway("it is away")
        return known if known == self.now else self.now


@contextmanager
def serving(running: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(running.server_address[1])
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_the_page_is_served_and_not_sent_twice() -> None:
    with serving(server(Cache(Memory(PAGE), 60, print), "127.0.0.1", 0)) as port:
        status, headers, body = ask(port)
        assert (status, body) == (200, PAGE.body)
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert ask(port, "/index.html?g_v=1")[2] == PAGE.body
        for known in (headers["ETag"], f'"other", W/{headers["ETag"]}'):
            assert ask(port, If_None_Match=known)[::2] == (304, b"")
        assert ask(port, If_None_Match='"other"')[0] == 200
        status, headers, body = ask(port, method="HEAD")
        assert (status, headers["Content-Length"], body) == (200, str(len(PAGE.body)), b"")


def test_the_page_may_talk_to_nobody() -> None:
    with serving(server(Cache(Memory(PAGE), 60, print), "127.0.0.1", 0)) as port:
        policy = dict(part.strip().split(" ", 1) for part in ask(port)[1]["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "connect-src" not in policy
    assert not [sources for sources in policy.values() if "http" in sources or "*" in sources]


def test_nothing_else_is_there() -> None:
    with serving(server(Cache(Memory(PAGE), 60, print), "127.0.0.1", 0)) as port:
        for path in ("/photos/", "/..%2f", "/index.html/x"):
            assert ask(port, path)[0] == 404
        assert ask(port, method="PUT")[0] == 501
        assert ask(port, method="DELETE")[0] == 501


def test_before_the_first_page_there_is_a_sentence_and_health() -> None:
    store = Memory()
    with serving(server(Cache(store, 0, print), "127.0.0.1", 0)) as port:
        status, headers, body = ask(port)
        assert status == 503
        assert b"transform run" in body
        assert headers["Retry-After"]
        assert ask(port, "/healthz")[0] == 200
        store.now = PAGE
        assert ask(port)[2] == PAGE.body


def test_a_store_that_is_away_takes_nothing_from_readers() -> None:
    warnings: list[str] = []
    store = Memory(PAGE)
    store.away = True
    with serving(server(Cache(store, 0, warnings.append), "127.0.0.1", 0)) as port:
        status, _, body = ask(port)
        assert status == 503
        assert b"does not answer" in body
        store.away = False
        assert ask(port)[0] == 200
        store.away = True
        assert ask(port)[2] == PAGE.body
    assert warnings == ["it is away"] * 2


def test_the_store_is_asked_once_in_a_while() -> None:
    store = Memory(PAGE)
    cache = Cache(store, 3600, print)
    assert [cache.page() for _ in range(5)] == [PAGE] * 5
    assert store.asked == 1


class S3(BaseHTTPRequestHandler):
    """Answers GetObject of one object as S3 does; ``objects`` maps paths to content."""

    objects: dict[str, bytes]
    statuses: list[int]

    def do_GET(self) -> None:
        body = self.objects.get(self.path.partition("?")[0])
        if body is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>")
        elif self.headers.get("If-None-Match") == f'"etag-{len(body)}"':
            self._answer(304, b"")
        else:
            self._answer(200, body)

    def _answer(self, status: int, body: bytes) -> None:
        self.statuses.append(status)
        self.send_response(status)
        self.send_header("ETag", f'"etag-{len(body)}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_bucket_is_read_only_where_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    objects: dict[str, bytes] = {}
    statuses: list[int] = []
    handler = type("Handler", (S3,), {"objects": objects, "statuses": statuses})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("S3_BUCKET", "mars")
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as port:
        monkeypatch.setenv("S3_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        store = BucketStore()
        assert store.read(None) is None
        objects["/mars/docs/index.html"] = b"one"
        first = store.read(None)
        assert first == Page(b"one", "etag-3")
        assert store.read(first) is first
        objects["/mars/docs/index.html"] = b"three"
        assert store.read(first) == Page(b"three", "etag-5")
    assert statuses == [404, 200, 304, 200]
    with pytest.raises(StoreAway, match="did not answer"):
        store.read(None)


def test_a_taken_port_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["docs", "--host", "127.0.0.1", "--port", str(taken.getsockname()[1])]) == 69
    assert "choose another --port" in capsys.readouterr().err
