"""Which way a request takes and what it carries: keys, redirects, proxies, certificates, budgets, conditions."""

import datetime as dt
import http.server
import io
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mm_contracts.reasons import Reason
from mm_jobs.common.log import Log
from mm_jobs.ingest.budget import read_budget, seconds_closed
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.retrying import RetryRules
from mm_jobs.ingest.routes import origin, proxy_of, redirected

from tests.unit.jobs.scripted_source import Reply, ScriptedSource, json_reply, scripted_source

GOOD = json_reply({"photos": []})
KEY = "k" * 40


@pytest.fixture
def other() -> Iterator[ScriptedSource]:
    """Another host: another port is another origin."""
    with scripted_source() as running:
        yield running


@pytest.fixture
def client(source: ScriptedSource, log: Log) -> SourceClient:
    return SourceClient(
        OpenGate(), log, timeout=5, api_key=KEY, base_url=f"{source.url}/api/v1", rules=RetryRules(waits=())
    )


def keys(source: ScriptedSource) -> list[str | None]:
    return [headers.get("X-Api-Key") for _, _, headers, _ in source.seen]


def test_a_key_goes_to_its_sources_origin_alone(
    client: SourceClient, source: ScriptedSource, other: ScriptedSource, lines: io.StringIO
) -> None:
    source.on("/photos", GOOD)
    source.on("/moved", Reply(302, b"", {"Location": f"{other.url}/photos"}))
    source.on("/renamed", Reply(308, b"", {"Location": "/photos"}))
    other.on("/photos", GOOD)
    other.on("/back", Reply(307, b"", {"Location": f"{source.url}/photos"}))
    for url in (f"{source.url}/photos", f"{other.url}/photos", f"{source.url}/moved", f"{source.url}/renamed"):
        assert client.get(url, "photos") == {"photos": []}
    assert keys(other) == [None, None]
    assert keys(source) == [KEY] * 4
    client.get(f"{other.url}/back", "photos")
    assert (keys(other)[-1], keys(source)[-1]) == (None, KEY)
    assert "kkkk" not in lines.getvalue()


def test_a_redirect_that_turns_in_a_circle_ends(client: SourceClient, source: ScriptedSource) -> None:
    source.on("/photos", Reply(302, b"", {"Location": "/photos"}))
    with pytest.raises(SourceFailure, match="redirects more than 3 times") as caught:
        client.get(f"{source.url}/photos", "photos")
    assert caught.value.reason is Reason.CONFIG_ERROR
    assert client.requests == 4


@pytest.mark.parametrize("location", ["", "ftp://x.example/", "http://[", "javascript:1", "http://a.example/"])
def test_a_redirect_that_leads_nowhere_or_out_of_tls_is_refused(location: str) -> None:
    with pytest.raises(SourceFailure, match="set its baseUrl"):
        redirected("https://a.example/photos", location, 302)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://A.example:443/x", ("https", "a.example", 443)),
        ("http://a.example", ("http", "a.example", 80)),
        ("http://a.example:8000/x?y", ("http", "a.example", 8000)),
        ("a.example", None),
        ("http://a.example:port/", None),
        ("", None),
    ],
)
def test_origins(url: str, expected: object) -> None:
    assert origin(url) == expected


def test_who_asks_is_told(source: ScriptedSource, log: Log) -> None:
    source.on("/photos", GOOD)
    for contact in ("", "mars@example.org"):
        SourceClient(OpenGate(), log, timeout=5, contact=contact).get(f"{source.url}/photos", "photos")
    agents = [headers["User-Agent"] for _, _, headers, _ in source.seen]
    assert agents[0].startswith("martian-moments/")
    assert agents[1] == f"{agents[0]} (+mars@example.org)"


def test_requests_go_through_the_proxy_and_not_where_it_is_not_wanted(
    client: SourceClient, source: ScriptedSource, other: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = other
    proxy.on("http://mars.example/photos", GOOD)
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://me:secret@"))
    assert client.get("http://mars.example/photos", "photos") == {"photos": []}
    assert proxy.paths() == ["http://mars.example/photos"]
    assert proxy.seen[0][2]["proxy-authorization"].startswith("Basic ")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    source.on("/photos", GOOD)
    client.get(f"{source.url}/photos", "photos")
    assert (len(proxy.seen), len(source.seen)) == (1, 1)


@pytest.mark.parametrize(
    ("url", "no_proxy", "expected"),
    [
        ("https://a.example/x", "", "http://p.example:3128"),
        ("https://a.example/x", "a.example", None),
        ("https://b.a.example/x", ".a.example", None),
        ("https://mars-minio:9000/x", "mars-minio", None),
        ("https://a.example/x", "*", None),
        ("http://a.example/x", "", None),
    ],
)
def test_no_proxy(monkeypatch: pytest.MonkeyPatch, url: str, no_proxy: str, expected: str | None) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "p.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_of(url) == expected


def test_a_proxys_password_stays_out_of_the_log(
    client: SourceClient, monkeypatch: pytest.MonkeyPatch, lines: io.StringIO
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:verysecret@127.0.0.1:1")
    with pytest.raises(SourceFailure) as caught:
        client.get("http://mars.example/photos", "photos")
    assert "verysecret" not in str(caught.value) + lines.getvalue()


def private_authority(folder: Path) -> tuple[Path, Path, Path]:
    """Make a CA and a certificate of 127.0.0.1 that it signed; return CA bundle, certificate and key."""
    now = dt.datetime.now(dt.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Own CA", "127.0.0.1")]

    def builder(index: int) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(names[index]).issuer_name(names[0])
        made = made.public_key(keys[index].public_key()).serial_number(x509.random_serial_number())
        return made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))

    authority = builder(0).add_extension(x509.BasicConstraints(True, None), critical=True)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    paths = (folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    for path, made in ((paths[0], authority), (paths[1], builder(1).add_extension(address, critical=False))):
        path.write_bytes(made.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[2].write_bytes(keys[1].private_bytes(*form))
    return paths


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A TLS server whose certificate a CA of its own signed: its URL, and the CA's bundle."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"photos":[]}')

        def log_message(self, *_: object) -> None:
            pass

    authority, certificate, key = private_authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", authority
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_private_ca_is_trusted_where_the_bundle_names_it_and_only_there(
    tls: tuple[str, Path], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, authority = tls
    with pytest.raises(SourceFailure, match="certificate verify failed"):
        SourceClient(OpenGate(), log, timeout=5, rules=RetryRules(waits=())).get(f"{url}/photos", "photos")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert SourceClient(OpenGate(), log, timeout=5).get(f"{url}/photos", "photos") == {"photos": []}


NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("headers", "limit", "remaining", "seconds"),
    [
        ({}, None, None, None),
        ({"X-RateLimit-Limit": "2000", "X-RateLimit-Remaining": "1999"}, 2000, 1999, None),
        ({"X-RateLimit-Limit": "2000", "X-RateLimit-Remaining": "0"}, 2000, 0, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "90"}, None, 0, 90),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "90"}, None, 5, None),
        ({"X-RateLimit-Remaining-Hour": "0", "X-RateLimit-Reset-Hour": str(int(NOW.timestamp()) + 60)}, None, 0, 60),
        ({"X-RateLimit-Remaining-Hour": "7", "X-RateLimit-Remaining-Day": "3"}, None, 3, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "2026-01-02T03:05:05Z"}, None, 0, 60),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 30}, None, 0, None),
        ({"X-RateLimit-Remaining": "soon"}, None, None, None),
    ],
)
def test_what_a_source_says_of_its_limits(
    headers: dict[str, str], limit: int | None, remaining: int | None, seconds: float | None
) -> None:
    budget = read_budget(headers, NOW)
    assert (budget and budget["limit"], budget and budget["remaining"]) == (limit, remaining)
    assert (budget and seconds_closed(budget, NOW)) == seconds


def test_a_budget_that_is_used_up_is_not_tried(client: SourceClient, source: ScriptedSource) -> None:
    spent = {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "120"}
    source.on("/photos", json_reply({"photos": []}, **spent))
    assert client.get(f"{source.url}/photos", "photos") == {"photos": []}
    with pytest.raises(SourceFailure, match="30 requests are used up until") as caught:
        client.get(f"{source.url}/photos", "photos")
    assert caught.value.reason is Reason.RATE_LIMITED
    assert 100 < (caught.value.retry_after or 0) <= 120
    assert (len(source.seen), client.budget["remaining"]) == (1, 0)


def test_a_job_that_has_run_for_long_asks_no_more(source: ScriptedSource, log: Log) -> None:
    source.on("/photos", GOOD)
    client = SourceClient(OpenGate(), log, timeout=5, longest_run=-1)
    with pytest.raises(SourceFailure, match="has run for long") as caught:
        client.get(f"{source.url}/photos", "photos")
    assert (caught.value.reason, source.seen) == (Reason.DEADLINE, [])
