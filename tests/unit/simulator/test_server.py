"""The server over a real socket: what an in-process client cannot show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from mm_simulator import main as main_module
from mm_simulator import settings as settings_module
from mm_simulator.shell.connections import TrackedProtocol

PATH = "/mars-photos/api/v1/rovers/spirit/photos?sol=1&api_key=" + "k" * 40
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


async def ask(port: int) -> bytes:
    """Send one request, return all bytes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    try:
        return await reader.read(-1)
    finally:
        writer.close()


def served(simulator: Any, work: Callable[[int], Awaitable[Any]]) -> Any:
    """Run a server as main does, on a free port, and some work against it."""

    async def run() -> Any:
        config = uvicorn.Config(
            simulator,
            host="127.0.0.1",
            port=0,
            http=TrackedProtocol,
            ws="none",
            log_level="critical",
            lifespan="on",
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        try:
            return await work(server.servers[0].sockets[0].getsockname()[1])
        finally:
            await server.shutdown()

    return asyncio.run(run())


def test_a_reset_is_a_reset(tiny: Any) -> None:
    tiny.fault(kind="reset", path="photos", times=1)

    async def work(port: int) -> bytes:
        with pytest.raises(ConnectionResetError):
            await ask(port)
        return await ask(port)

    assert served(tiny.simulator, work).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_cut_connection_sends_less_than_it_announced(tiny: Any) -> None:
    tiny.fault(kind="truncated", mode="connection", path="photos", times=1)

    async def work(port: int) -> tuple[bytes, bytes]:
        return await ask(port), await ask(port)

    cut, whole = served(tiny.simulator, work)
    size = len(whole.partition(b"\r\n\r\n")[2])
    head, _, body = cut.partition(b"\r\n\r\n")
    assert f"content-length: {size}".encode() in head
    assert whole.partition(b"\r\n\r\n")[2].startswith(body)
    assert len(body) == size // 2


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main_module.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in (
        "SIM_PROFILE",
        "SIM_SEED",
        "SIM_NOW",
        "SIM_CAPTURES_DIR",
        "SIM_FAULTS",
        "SIM_RATE_LIMIT_PER_HOUR",
    ):
        assert name in text


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("SIM_PROFILE", "huge", "demo, full, living, tiny"),
        ("SIM_NOW", "soon", "an instant such as"),
        ("SIM_PORT", "x", "a port number"),
        ("SIM_REQUIRE_KEY", "maybe", "true or false"),
        ("SIM_CLOCK_RATE", "-1", "0 or more"),
        ("SIM_FAULTS", "{}", "a JSON list"),
        ("SIM_FAULTS", '[{"kind": "nope"}]', "kind must be one of"),
        ("SIM_SEED", "mårs", "ASCII"),
        ("SIM_CAPTURES_DIR", "/nowhere", "no folder"),
    ],
)
def test_bad_settings_end_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, word: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main_module.main([]) == 64
    assert word in capsys.readouterr().err


def test_settings_from_the_environment() -> None:
    found = settings_module.load(
        {"SIM_PROFILE": "tiny", "SIM_REQUIRE_KEY": "no", "SIM_PORT": "", "SIM_CLOCK_RATE": "60"}
    )
    assert (found.profile, found.require_key, found.port, found.clock_rate) == ("tiny", False, 8000, 60.0)
    assert settings_module.load({}) == settings_module.Settings(faults=[])
