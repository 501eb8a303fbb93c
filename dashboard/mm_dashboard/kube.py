"""The Kubernetes API as plain JSON over one small pool of connections: the official client's models cost 70 MB."""

import asyncio
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

import urllib3
from mm_contracts.plan import GROUP, PLURAL, VERSION

from mm_dashboard.settings import Settings

log = logging.getLogger(__name__)

Body = dict[str, Any]
_TIMEOUT: Final = urllib3.Timeout(connect=2.0, read=8.0)
_PAGE: Final = "500"


class KubeError(Exception):
    """The API refused (``status``) or did not answer (status 0). The message is for people, and names no address."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Kube(Protocol):
    """What the pages need of it."""

    async def list(self, resource: str, selector: str = "", fields: str = "", limit: int = 0) -> list[Body]:
        """Return a resource's objects (``plans``, ``jobs``, ``pods``, ``events``); limit 0 is all. Raises KubeError."""

    async def get(self, resource: str, name: str) -> Body:
        """Return one object. Raises KubeError, with status 404 where there is none."""

    async def log(self, pod: str, lines: int) -> str:
        """Return the last lines of a pod's log. Raises KubeError."""

    async def write(self, method: str, resource: str, name: str = "", body: Body | None = None) -> Body:
        """POST, PATCH (as a merge patch) or DELETE an object. Raises KubeError."""


class Api:
    """One namespace of the cluster that this process runs in."""

    def __init__(self, settings: Settings) -> None:
        self._base, self._account, self._namespace = settings.kube_url, settings.kube_account, settings.namespace
        authority = str(self._account / "ca.crt") if self._account else None
        self._pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=_TIMEOUT, ca_certs=authority)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="kube")

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def list(self, resource: str, selector: str = "", fields: str = "", limit: int = 0) -> list[Body]:
        """Read page by page."""
        query = {"limit": str(limit or _PAGE), "labelSelector": selector, "fieldSelector": fields}
        found: list[Body] = []
        while True:
            page = await self._json("GET", self._path(resource), query=query)
            found += page.get("items") or []
            more = (page.get("metadata") or {}).get("continue")
            if not more or (limit and len(found) >= limit):
                return found
            query["continue"] = more

    async def get(self, resource: str, name: str) -> Body:
        """Read one object."""
        return await self._json("GET", self._path(resource, name))

    async def log(self, pod: str, lines: int) -> str:
        """Read the end of a log."""
        path = self._path("pods", pod) + "/log"
        data = await self._call("GET", path, query={"tailLines": str(lines), "limitBytes": "200000"})
        return data.decode("utf-8", "replace")

    async def write(self, method: str, resource: str, name: str = "", body: Body | None = None) -> Body:
        """Change an object."""
        return await self._json(method, self._path(resource, name), body=body)

    def _path(self, resource: str, name: str = "") -> str:
        space = f"namespaces/{self._namespace}"
        base = {
            "plans": f"/apis/{GROUP}/{VERSION}/{space}/{PLURAL}",
            "jobs": f"/apis/batch/v1/{space}/jobs",
        }.get(resource, f"/api/v1/{space}/{resource}")
        return f"{base}/{quote(name, safe='')}" if name else base

    async def _json(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> Body:
        answer = json.loads(await self._call(method, path, query, body))
        return answer if isinstance(answer, dict) else {}

    async def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> bytes:
        if not self._base:
            raise KubeError(0, "There is no Kubernetes API to ask.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._request, method, path, dict(query or {}), body)

    def _request(self, method: str, path: str, query: dict[str, str], body: Body | None) -> bytes:
        headers = {"Accept": "application/json"}
        if self._account:
            # Read each time: the kubelet renews it.
            headers["Authorization"] = f"Bearer {(self._account / 'token').read_text(encoding='ascii').strip()}"
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        url = f"{self._base}{path}?{urlencode({k: v for k, v in query.items() if v})}"
        try:
            answer = self._pool.request(
                method, url, headers=headers, body=None if body is None else json.dumps(body).encode()
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            log.warning("the Kubernetes API does not answer: %s", type(error).__name__)
            raise KubeError(0, "The Kubernetes API does not answer.") from None
        if answer.status >= 400:
            raise KubeError(answer.status, _message(answer.data) or f"Kubernetes answered {answer.status}.")
        data: bytes = answer.data
        return data


def _message(data: bytes) -> str:
    try:
        said = json.loads(data)
        return str(said.get("message") or "")[:500]
    except (ValueError, AttributeError):
        return ""
