"""Where a request may go, and by which way: origins, redirects and proxies."""

import os
from typing import Final
from urllib.parse import urljoin, urlsplit

from mm_contracts.reasons import Reason

from mm_jobs.ingest.failures import SourceFailure

MOST_REDIRECTS: Final = 3
_PORTS: Final = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def origin(url: str) -> Origin | None:
    """Return an http(s) URL's scheme, host and port (RFC 6454), or None where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme]


def redirected(url: str, location: str, status: int) -> str:
    """Return where a redirect leads.

    Raises:
        SourceFailure: ConfigError, where it leads to nothing that can be asked, or out of TLS.
    """
    try:
        target = urljoin(url, location) if location else ""
    except ValueError:
        target = ""
    there = origin(target)
    if there is None or (there[0] == "http" and url.startswith("https:")):
        message = (
            f"the source moved to {location[:200] or 'nowhere'} (HTTP {status}): set its baseUrl to the new address"
        )
        raise SourceFailure(Reason.CONFIG_ERROR, message, status=status)
    return target


def proxy_of(url: str) -> str | None:
    """Return the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY (also in lower case) ask for, or None."""
    if not any(name in os.environ for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")):
        return None
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
