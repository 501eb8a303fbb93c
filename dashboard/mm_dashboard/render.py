"""Templates, the words that pages share, and the headers that every answer carries."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mm_dashboard.marstime import clock

HERE: Final = Path(__file__).parent
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/", "Overview"),
    ("/sols", "Sols"),
    ("/pictures", "Pictures"),
    ("/route", "Route"),
    ("/work", "Work"),
    ("/alerts", "Alerts"),
    ("/letters", "Dead letters"),
    ("/tests", "Data tests"),
    ("/lineage", "Lineage"),
)
"""The pages: address and name."""

REASONS: Final[Mapping[str, str]] = {
    "NotAskedYet": "not asked yet",
    "NoOutcome": "asked, no answer yet",
    "StableMismatch": "source and manifest disagree",
    "Mismatch": "count differs",
    "ManifestGrew": "still growing at the source",
    "ManifestBehind": "manifest lags behind",
    "ArchiveDisagrees": "archive disagrees with itself",
    "RateLimited": "rate limited",
    "SourceError": "source failed",
    "SourceGone": "source is gone",
    "BadResponse": "unusable answer",
    "Unauthorized": "key refused",
}
"""Reasons of gaps in words; one without words is shown as it is."""


class Assets:
    """The files under ``static/``, each under an address that changes with its content."""

    def __init__(self, folder: Path = HERE / "static") -> None:
        self.files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self._digests = {name: hashlib.sha384(body).digest() for name, body in self.files.items()}

    def url(self, name: str) -> str:
        """Return a file's address."""
        return f"/static/{self._digests[name].hex()[:12]}/{name}"

    def integrity(self, name: str) -> str:
        """Return the hash that a browser checks a file against."""
        return "sha384-" + base64.b64encode(self._digests[name]).decode()


def utc(moment: datetime | None) -> datetime | None:
    """Return a time with its zone: the warehouse's times are UTC without one."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def when(moment: object) -> str:
    """Return a time or date in UTC for people."""
    if isinstance(moment, datetime):
        return f"{utc(moment):%Y-%m-%d %H:%M} UTC"
    return str(moment) if moment is not None else "—"


def span(seconds: float) -> str:
    """Return a duration in the largest unit that says enough."""
    seconds = abs(seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(moment: object, now: datetime | None = None) -> str:
    """Return how long ago a time was, or in how long it will be."""
    if not isinstance(moment, datetime):
        return "—"
    seconds = ((now or datetime.now(UTC)) - (utc(moment) or moment)).total_seconds()
    if abs(seconds) < 2:
        return "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(seconds)}"


def number(value: object) -> str:
    """Return a count with thousands separated, a dash for none."""
    return f"{value:,.0f}" if isinstance(value, int | float) or hasattr(value, "quantize") else "—"


def size(value: object) -> str:
    """Return bytes for people."""
    amount = float(value) if isinstance(value, int | float) else 0.0
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def percent(part: object, whole: object) -> float:
    """Return a share from 0 to 100, never 100 where something is lacking."""
    have, want = float(part or 0), float(whole or 0)  # type: ignore[arg-type]
    if want <= 0:
        return 0.0
    return 100.0 if have >= want else min(99.9, round(100 * have / want, 1))


def distance(metres: object) -> str:
    """Return a length for people."""
    if metres is None:
        return "—"
    value = float(metres)  # type: ignore[arg-type]
    return f"{value / 1000:,.2f} km" if value >= 1000 else f"{value:,.0f} m"


class Pages:
    """Renders templates."""

    def __init__(self, assets: Assets, common: Callable[[Request], Mapping[str, Any]]) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "when": when, "ago": ago, "n": number, "size": size, "distance": distance, "span": span,
            "moment": lambda seconds: datetime.fromtimestamp(float(seconds), UTC),
            "count": lambda number, one, many: f"{number:,} {one if number == 1 else many}",
            "lmst": lambda hours: clock(float(hours)) if hours is not None else "—",
            "reason": lambda text: REASONS.get(str(text), str(text or "")),
        }  # fmt: skip
        self._environment.globals |= {"asset": assets.url, "integrity": assets.integrity, "percent": percent}
        self._common = common

    def fragment(self, template: str, **values: Any) -> str:
        """Return part of a page."""
        return self._environment.get_template(template).render(values)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a whole page."""
        path = request.url.path
        here = next((link for link, _ in NAVIGATION[1:] if path == link or path.startswith(f"{link}/")), "/")
        shared = {"loading": False, "navigation": NAVIGATION, "here": here, "path": path, **self._common(request)}
        body = self._environment.get_template(template).render(shared | values)
        # A page that is sent before everything is read asks for itself again, with scripts or without.
        again = {"Refresh": "2"} if values.get("loading") else {}
        return HTMLResponse(body, status, headers={"Cache-Control": "private, no-cache", **again})
