"""Pictures come from named origins alone, are checked by their content, and are made small once."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from mm_contracts.origins import Origins, origin
from mm_contracts.pictures import NoPicture, media_of, shrink
from mm_contracts.sources import Source, Sources
from PIL import Image

from .conftest import Site
from .scripted import frame

NASA = "https://mars.nasa.gov"
SOURCES = Sources(
    default="live",
    sources={
        "live": Source(base_url="https://api.example.org/v1"),
        "sim": Source(base_url="http://mars-simulator:8000/mars-photos/api/v1"),
    },
)


def jpeg(width: int = 1200, height: int = 900, kind: str = "JPEG") -> bytes:
    """An image of some size."""
    made = io.BytesIO()
    Image.new("RGB", (width, height), (180, 90, 50)).save(made, kind)
    return made.getvalue()


@pytest.mark.parametrize(
    ("address", "source", "where"),
    [
        (f"{NASA}/a.jpg", "live", f"{NASA}/a.jpg"),
        ("https://api.example.org/pictures/a.jpg", "live", "https://api.example.org/pictures/a.jpg"),
        # The simulator serves what it tells of, under the same path.
        (f"{NASA}/a.jpg?x=1", "sim", "http://mars-simulator:8000/a.jpg?x=1"),
        # Everything else is refused: inner addresses, other schemes, other ports, tricks with user names.
        ("http://169.254.169.254/latest/meta-data/", "live", None),
        ("http://mars-minio:9000/mars/photos", "live", None),
        ("https://mars.nasa.gov:8443/a.jpg", "live", None),
        ("http://mars.nasa.gov/a.jpg", "live", None),
        ("https://mars.nasa.gov@evil.example/a.jpg", "live", None),
        ("https://mars.nasa.gov.evil.example/a.jpg", "live", None),
        ("https://mars.nasa.gov\\@evil.example/a.jpg", "live", None),
        ("file:///etc/passwd", "live", None),
        ("gopher://mars.nasa.gov/", "live", None),
        ("//mars.nasa.gov/a.jpg", "live", None),
        ("https://mars.nasa.gov/a\n.jpg", "live", None),
        ("http://[::1/", "live", None),
        ("", "live", None),
        (f"{NASA}/a.jpg", "unknown", f"{NASA}/a.jpg"),
    ],
)
def test_pictures_come_from_named_origins_alone(address: str, source: str, where: str | None) -> None:
    assert Origins([NASA], SOURCES, ["sim"]).where(address, source) == where


def test_an_origin_has_its_schemes_port() -> None:
    assert origin("https://a.example") == ("https", "a.example", 443)


def test_a_thumbnail_is_small_and_keeps_its_shape() -> None:
    with Image.open(io.BytesIO(shrink(jpeg(), 320))) as made:
        assert (made.format, made.size) == ("WEBP", (320, 240))
    with Image.open(io.BytesIO(shrink(jpeg(64, 64), 320))) as small:
        assert small.size == (64, 64)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>not found</html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        jpeg()[:400],
        b"%PDF-1.4",
    ],
    ids=["empty", "page", "svg", "torn", "pdf"],
)
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    with pytest.raises(NoPicture):
        shrink(body, 320)


def test_a_picture_that_would_fill_the_memory_is_not_opened() -> None:
    with pytest.raises(NoPicture, match="too large"):
        media_of(jpeg(9000, 4000, "PNG"))


class Shop:
    """A source of pictures: status and body by path, and how often it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.asked: list[str] = []


@contextmanager
def _open(shop: Shop) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shop.asked.append(self.path)
            status, body, headers = shop.answers.get(self.path, (404, b"gone", {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def shop() -> Iterator[tuple[Shop, str]]:
    """A source that runs, and its origin."""
    opened = Shop()
    with _open(opened) as url:
        yield opened, url


@pytest.fixture
def options(shop: tuple[Shop, str]) -> dict[str, Any]:
    """Pictures may come from the shop."""
    return {"picture_origins": (shop[1],)}


def _archived(site: Site, url: str, path: str) -> None:
    from mm_dashboard import queries

    row = frame("PIC_1.JPG", img_src=f"{url}{path}")
    site.warehouse.answers[queries.ADDRESSES_OF_SOL] = [row]


def test_a_thumbnail_is_fetched_once_and_kept(site: Site, shop: tuple[Shop, str]) -> None:
    source, url = shop
    source.answers["/p.jpg"] = (200, jpeg(), {"Content-Type": "text/html"})
    _archived(site, url, "/p.jpg")
    for _ in range(3):
        answer = site.client.get("/thumbnails/curiosity/1000/PIC_1")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert source.asked == ["/p.jpg"]
    assert list(site.store.objects) == ["thumbnails/curiosity/1000/PIC_1-small.webp"]
    full = site.client.get("/originals/curiosity/1000/PIC_1")
    # By its content: what the sender calls it is not passed on.
    assert (full.headers["content-type"], full.content) == ("image/jpeg", jpeg())


def test_a_picture_that_its_source_no_longer_has_is_told_and_not_asked_for_again(
    site: Site, shop: tuple[Shop, str]
) -> None:
    source, url = shop
    _archived(site, url, "/gone.jpg")
    for _ in range(2):
        assert "gone at the source" in site.client.get("/thumbnails/curiosity/1000/PIC_1").text
    assert source.asked == ["/gone.jpg"]
    full = site.client.get("/originals/curiosity/1000/PIC_1")
    assert (full.status_code, full.text) == (404, "The source no longer has this picture.\n")


def test_a_redirect_to_another_origin_is_not_followed(site: Site, shop: tuple[Shop, str]) -> None:
    source, url = shop
    inner = Shop()
    inner.answers["/secret.jpg"] = (200, jpeg(), {})
    with _open(inner) as inside:
        source.answers["/p.jpg"] = (302, b"", {"Location": f"{inside}/secret.jpg"})
        _archived(site, url, "/p.jpg")
        assert "not available now" in site.client.get("/thumbnails/curiosity/1000/PIC_1").text
        assert inner.asked == []
    source.answers["/p.jpg"] = (302, b"", {"Location": "/q.jpg"})
    source.answers["/q.jpg"] = (200, jpeg(), {})
    assert site.client.get("/thumbnails/curiosity/1000/PIC_1").headers["content-type"] == "image/webp"


def test_names_that_are_no_pictures_are_refused(site: Site) -> None:
    for path in ("/thumbnails/curiosity/1/..%2f..%2fx", "/thumbnails/moon/1/x", "/thumbnails/curiosity/x/x"):
        assert site.client.get(path).status_code == 404
    assert site.client.get("/thumbnails/curiosity/1/NONE").text.count("not available now") == 1
