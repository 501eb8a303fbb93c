"""Which addresses pictures may be fetched from. An address comes from a source's answer: it is a stranger's word.

A picture is fetched from its own address where that is at an origin which the release names, or at the origin of the
source that told it. Sources that serve their pictures themselves, as the simulator does, are asked at their own origin
with the address's path. Everything else is refused before a connection is made.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from mm_contracts.sources import Sources

_PORTS: Final = {"http": 80, "https": 443}


def origin(address: str) -> tuple[str, str, int] | None:
    """Return (scheme, host, port) of an http(s) address without user information, None for all else."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or parts.password is not None:
        return None
    if any(ord(char) <= 32 or ord(char) == 127 or char == "\\" for char in address):
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


class Origins:
    """The addresses that one release may fetch from."""

    def __init__(self, allowed: Iterable[str], sources: Sources | None, serving: Iterable[str] = ()) -> None:
        """Args: origins that are allowed, the configured sources, and the names of those that serve pictures."""
        self._allowed = {known for text in allowed if (known := origin(text)) is not None}
        self._bases = {name: source.base_url for name, source in (sources.sources if sources else {}).items()}
        self._serving = frozenset(serving)

    def where(self, address: str, source: str) -> str | None:
        """Return the address to fetch a picture from, None where that is not allowed.

        Args:
            address: as the source told it.
            source: the source's name.
        """
        wanted, base = origin(address), self._bases.get(source)
        if wanted is None:
            return None
        if base is not None and source in self._serving:
            here, there = urlsplit(base), urlsplit(address)
            return urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))
        if wanted in self._allowed or (base is not None and wanted == origin(base)):
            return address
        return None
