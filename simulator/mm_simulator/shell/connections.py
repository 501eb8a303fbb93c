"""Open connections by peer, so that a fault can cut the one its request came by."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_OPEN: dict[tuple[str, int], asyncio.Transport] = {}


class TrackedProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """The server's HTTP protocol, which also remembers its transport by the peer's address."""

    def connection_made(self, transport: Any) -> None:
        """Remember the connection."""
        super().connection_made(transport)
        self._peer = _peer(transport)
        _OPEN[self._peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        _OPEN.pop(self._peer, None)
        super().connection_lost(exc)


def _peer(transport: asyncio.Transport) -> tuple[str, int]:
    address = transport.get_extra_info("peername") or ("", 0)
    return str(address[0]), int(address[1])


def cut(client: tuple[str, int] | None, reset: bool) -> bool:
    """Close a peer's connection: at once with a TCP reset, or after what was written has gone out.

    False if there is no such connection (an application under test has none).
    """
    transport = _OPEN.get((str(client[0]), int(client[1]))) if client else None
    if transport is None:
        return False
    if not reset:
        transport.close()
        return True
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return True
