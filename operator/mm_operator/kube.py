"""The Kubernetes API as plain JSON, through the official client's transport (authentication, TLS, token refresh).

Answers are not turned into the client's model classes: a list of thousands of objects would cost seconds and memory.
Calls run in a few threads of their own, so that the event loop never waits for the network.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import kubernetes
import urllib3
from mm_contracts.plan import GROUP, PLURAL, VERSION

TIMEOUT: Final = (3.0, 15.0)
"""Seconds to connect and to wait for an answer."""
THREADS: Final = 16
PAGE: Final = 500
MERGE_PATCH: Final = "application/merge-patch+json"

Body = dict[str, Any]


class ApiError(Exception):
    """The API refused, or did not answer (status 0)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def refused_for_good(self) -> bool:
        """Whether the object itself is at fault, by its form or by a rule of the cluster: it never succeeds."""
        return self.status in (400, 413, 422) or (self.status == 403 and "denied" in self.message)

    @property
    def refused(self) -> bool:
        """Whether the API understood and said no, for good or for now; not that it is busy, away, or met a conflict."""
        return self.status in (400, 403, 404, 413, 422)

    @property
    def quota(self) -> bool:
        """Whether a ResourceQuota has no room, which passes."""
        return self.status == 403 and "exceeded quota" in self.message


def _error(error: kubernetes.client.ApiException) -> ApiError:
    try:
        said = json.loads(error.body or "{}")
    except ValueError:
        said = {}
    message = said.get("message") if isinstance(said, dict) else None
    return ApiError(int(error.status or 0), str(error.reason or ""), str(message or error.reason or error))


class Kube:
    """One namespace of a cluster."""

    def __init__(self, namespace: str) -> None:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            kubernetes.config.load_incluster_config()
        else:
            kubernetes.config.load_kube_config()
        configuration = kubernetes.client.Configuration.get_default_copy()
        configuration.connection_pool_maxsize = THREADS
        configuration.retries = urllib3.Retry(total=0)
        self.namespace = namespace
        self._client = kubernetes.client.ApiClient(configuration)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="kube")

    def close(self) -> None:
        """Give up waiting calls and end the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _url(self, resource: str, name: str = "", sub: str = "") -> str:
        base = {
            "plans": f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{PLURAL}",
            "jobs": f"/apis/batch/v1/namespaces/{self.namespace}/jobs",
            "deployments": f"/apis/apps/v1/namespaces/{self.namespace}/deployments",
        }.get(resource, f"/api/v1/namespaces/{self.namespace}/{resource}")
        return "/".join(part for part in (base, name, sub) if part)

    def request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        timeout: tuple[float, float] = TIMEOUT,
    ) -> bytes:
        """Make a request and return the answer's bytes (blocking).

        Raises:
            ApiError: refused, or no answer.
        """
        try:
            answer = self._client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=timeout,
            )
            data: bytes = answer.data
            return data
        except kubernetes.client.ApiException as error:
            raise _error(error) from None
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "Unreachable", f"the Kubernetes API does not answer: {type(error).__name__}") from None

    async def call(
        self,
        method: str,
        resource: str,
        name: str = "",
        sub: str = "",
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Body:
        """Make a request in a thread and return the answer's JSON. Raises ApiError."""
        loop = asyncio.get_running_loop()
        path = self._url(resource, name, sub)
        data = await loop.run_in_executor(self._threads, self.request, method, path, body, query, content_type)
        found: Body = json.loads(data)
        return found

    async def list(self, resource: str, selector: str = "") -> tuple[list[Body], str]:
        """Return all objects of a kind, page by page, and the list's resource version. Raises ApiError."""
        items: list[Body] = []
        query = {"limit": str(PAGE), **({"labelSelector": selector} if selector else {})}
        while True:
            page = await self.call("GET", resource, query=query)
            items += page.get("items") or ()
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                return items, str(page["metadata"].get("resourceVersion") or "0")

    async def create(self, resource: str, body: Body) -> tuple[Body, bool]:
        """Create an object; return it and whether it is new. One that exists is success, and is returned.

        Raises:
            ApiError: refused, or no answer.
        """
        try:
            return await self.call("POST", resource, body=body), True
        except ApiError as error:
            if error.status != 409:
                raise
            return await self.call("GET", resource, body["metadata"]["name"]), False

    async def patch(self, resource: str, name: str, body: Body, sub: str = "") -> Body:
        """Apply a JSON merge patch. Raises ApiError."""
        return await self.call("PATCH", resource, name, sub, body, content_type=MERGE_PATCH)

    async def delete(self, resource: str, name: str, uid: str = "") -> None:
        """Delete an object and, in the background, what it owns. Gone already is success. Raises ApiError."""
        options: Body = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            await self.call("DELETE", resource, name, body=options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def log_tail(self, pod: str, lines: int = 40) -> str:
        """Return the last lines of a pod's log, or an empty text where there is none (any more)."""
        loop = asyncio.get_running_loop()
        query = {"tailLines": str(lines), "limitBytes": "65536"}
        path = self._url("pods", pod, "log")
        try:
            data = await loop.run_in_executor(self._threads, self.request, "GET", path, None, query)
        except ApiError:
            return ""
        return data.decode(errors="replace")
