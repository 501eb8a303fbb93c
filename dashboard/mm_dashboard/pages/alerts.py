"""Alerts: what fires now, since when and why, and what needs a person beside."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import urllib3
from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard.alerts import RULES, WHERE
from mm_dashboard.context import Context, context
from mm_dashboard.pages import overview
from mm_dashboard.watch import read_metrics

log = logging.getLogger(__name__)

PERIOD = 30.0
"""Seconds between two looks at the operator's metrics."""
PARTS = ("alerts",)


async def keep_watch(parts: Context) -> None:
    """Look at the operator's metrics for ever."""
    pool = urllib3.PoolManager(maxsize=1, retries=False, timeout=urllib3.Timeout(connect=2.0, read=5.0))
    url = f"{parts.settings.operator_url}/metrics"

    def read() -> dict[Any, float] | None:
        try:
            answer = pool.request("GET", url)
        except (urllib3.exceptions.HTTPError, OSError):
            return None
        return read_metrics(answer.data.decode("utf-8", "replace")) if answer.status == 200 else None

    while True:
        seen = await asyncio.to_thread(read)
        parts.watch.samples.take(time.time(), seen)
        parts.watch.look(time.time())
        await asyncio.sleep(PERIOD)


async def _values(parts: Context) -> dict[str, Any]:
    known = await overview.values(parts)
    since = parts.watch.samples.since
    return {
        "alerts": parts.watch.alerts,
        "rules": RULES,
        "where": WHERE,
        "since": datetime.fromtimestamp(since, UTC) if since is not None else None,
        "watched": bool(parts.settings.operator_url),
        "runbooks": parts.settings.runbook_url,
        "attention": known["attention"],
        "problem": known["problem"],
        "state": known["state"],
    }


async def alerts(request: Request) -> Response:
    """Answer with the page."""
    parts = context(request)
    return parts.pages.page(request, "alerts.html", **await _values(parts))


async def fragments(parts: Context, _query: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the page that renews itself."""
    return {"alerts": parts.pages.fragment("parts/alerts.html", **await _values(parts))}
