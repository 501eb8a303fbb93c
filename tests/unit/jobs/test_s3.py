"""What the bucket's client makes of the store's answers."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mm_contracts.reasons import ExitCode
from mm_jobs.common.ending import JobError
from mm_jobs.common.s3 import Bucket

from tests.unit.jobs.test_ingest_routes import private_authority


class Client:
    """Answers HEAD requests, or refuses them with a code."""

    def __init__(self, answer: dict[str, Any] | str) -> None:
        self._answer = answer

    def head_object(self, **_: str) -> dict[str, Any]:
        if isinstance(self._answer, str):
            raise ClientError({"Error": {"Code": self._answer, "Message": "no"}}, "HeadObject")
        return self._answer


def _bucket(answer: dict[str, Any] | str) -> Bucket:
    bucket = Bucket()
    bucket._client = Client(answer)  # type: ignore[assignment]
    return bucket


def test_an_etag_comes_without_its_quotes_and_metadata_as_they_are() -> None:
    bucket = _bucket({"ETag": '"abc-2"', "Metadata": {"trace": "t"}})
    assert bucket.etag("k") == "abc-2"
    assert bucket.metadata("k") == {"trace": "t"}


def test_what_is_not_there_is_none_and_a_refusal_is_an_error() -> None:
    assert _bucket("404").etag("k") is _bucket("404").metadata("k") is None
    with pytest.raises(JobError, match="refused to look at k: 403") as caught:
        _bucket("403").etag("k")
    assert caught.value.code == ExitCode.STORAGE_ERROR


@contextmanager
def _store(body: bytes, length: int, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A store that promises ``length`` bytes of every object and gives these."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("ETag", '"e"')
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("length", [4, 100])
def test_an_object_that_ends_too_soon_is_an_error_and_never_a_short_object(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _store(b"half", length) as url:
        for name, value in {
            "S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        if length == 4:
            assert Bucket().get("k") == (b"half", "e", {})
        else:
            with pytest.raises(JobError, match="did not read k") as caught:
                Bucket().get("k")
            assert caught.value.code == ExitCode.STORAGE_ERROR


def test_an_object_is_made_new_once() -> None:
    class Conditional:
        def __init__(self) -> None:
            self.keys: set[str] = set()

        def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> None:
            assert (Bucket, Body, IfNoneMatch) == ("mars", b"x", "*")
            if Key in self.keys:
                raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "no"}}, "PutObject")
            self.keys.add(Key)

        def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: ARG002
            self.keys.discard(Key)

    bucket = Bucket()
    bucket._client = Conditional()  # type: ignore[assignment]
    assert [bucket.put_new("k", b"x"), bucket.put_new("k", b"x")] == [True, False]
    bucket.delete("k")
    assert bucket.put_new("k", b"x")


def test_a_store_whose_authority_is_private_is_trusted_where_the_bundle_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, certificate, key = private_authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _store(b"body", 4, context) as url:
        for name, value in {
            "S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        with pytest.raises(JobError, match="SSL"):
            Bucket().get("k")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
        assert Bucket().get("k") == (b"body", "e", {})
