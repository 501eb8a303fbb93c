"""A Kubernetes API of one namespace in memory, over HTTP: enough of it for what the dashboard asks and does."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Body = dict[str, Any]
PARTS = {"app.kubernetes.io/part-of": "martian-moments", "app.kubernetes.io/instance": "mars"}


def plan(name: str, phase: str = "Running", **changes: Any) -> Body:
    """A plan of Curiosity's sols 0 to 99 in ten batches, six of them done."""
    status: Body = {
        "phase": phase,
        "batches": {"total": 10, "succeeded": 6, "active": 3, "failed": 0, "waiting": 1},
        "sols": 60,
        "photos": 12_345,
        "bytes": 2_000_000,
        "requests": 64,
        "startedAt": "2025-10-07T12:00:05Z",
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "completedIndexes": "0-5",
        "records": [],
    }
    return {
        "apiVersion": "martian-moments.io/v1alpha1",
        "kind": "IngestionPlan",
        "metadata": {
            "name": name,
            "namespace": "mars",
            "uid": f"uid-{name}",
            "creationTimestamp": "2025-10-07T12:00:00Z",
            "labels": dict(changes.pop("labels", {})),
            "annotations": {},
        },
        "spec": {"dataset": "photos", "rovers": [{"name": "Curiosity", "sols": ["0-99"]}], **changes.pop("spec", {})},
        "status": status | changes,
    }


def job(name: str, kind: str, state: str = "active", **labels: str) -> Body:
    """A Job of some kind."""
    ends = {"active": [], "succeeded": ["Complete"], "failed": ["Failed"]}[state]
    conditions = [
        {"type": end, "status": "True", "lastTransitionTime": "2025-10-07T12:05:00Z", "message": "it ended"}
        for end in ends
    ]
    status: Body = {"conditions": conditions}
    if state == "succeeded":
        status["completionTime"] = "2025-10-07T12:05:00Z"
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": "2025-10-07T12:01:00Z",
            "labels": {"martian-moments.io/kind": kind} | {f"martian-moments.io/{k}": v for k, v in labels.items()},
        },
        "spec": {},
        "status": status,
    }


def pod(component: str, ready: bool = True, waiting: str = "") -> Body:
    """A standing part's pod."""
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": "2025-10-07T12:00:00Z"}
    containers = [{"state": {"waiting": {"reason": "X", "message": waiting}}}] if waiting else []
    return {
        "metadata": {"name": f"mars-{component}-0", "labels": PARTS | {"app.kubernetes.io/component": component}},
        "status": {"phase": "Running", "conditions": [condition], "containerStatuses": containers},
    }


class FakeKube:
    """Objects by resource and name; ``down`` answers every request with 503, ``calls`` remembers what was changed."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Body]] = {"ingestionplans": {}, "jobs": {}, "pods": {}, "events": {}}
        self.logs: dict[str, str] = {}
        self.calls: list[tuple[str, str, Body | None]] = []
        self.down = False

    def put(self, resource: str, *bodies: Body) -> FakeKube:
        """Add objects."""
        for body in bodies:
            self.objects[resource][body["metadata"]["name"]] = body
        return self

    def answer(self, method: str, target: str, body: Body | None) -> tuple[int, Any]:
        """Return (status, JSON or text) for a request."""
        if self.down:
            return 503, {"message": "away"}
        url = urlsplit(target)
        parts = url.path.split("/namespaces/mars/", 1)[-1].split("/")
        resource, name = parts[0], parts[1] if len(parts) > 1 else ""
        kept = self.objects.get(resource)
        if kept is None:
            return 404, {"message": "no such resource"}
        if method == "GET" and parts[2:] == ["log"]:
            return (200, self.logs[name]) if name in self.logs else (404, {"message": "no log"})
        if method == "GET" and not name:
            selector = parse_qs(url.query).get("labelSelector", [""])[0]
            return 200, {"items": [one for one in kept.values() if _selected(one, selector)], "metadata": {}}
        if method != "GET":
            self.calls.append((method, f"{resource}/{name}", copy.deepcopy(body)))
        if method == "POST" and body is not None:
            made = str(body["metadata"]["name"])
            if made in kept:
                return 409, {"message": f"{made} already exists"}
            body["metadata"] |= {"uid": f"uid-{made}", "creationTimestamp": "2025-10-07T12:00:00Z"}
            kept[made] = body
            return 201, body
        if name not in kept:
            return 404, {"message": f"{name} not found"}
        if method == "PATCH" and body is not None:
            kept[name] = _merged(kept[name], body)
        if method == "DELETE":
            return 200, kept.pop(name)
        return 200, kept[name]


def _selected(body: Body, selector: str) -> bool:
    labels = body["metadata"].get("labels") or {}
    for term in filter(None, selector.split(",")):
        key, equals, value = term.partition("=")
        if equals and labels.get(key) != value:
            return False
        if not equals and (key.removeprefix("!") in labels) == key.startswith("!"):
            return False
    return True


def _merged(old: Body, change: Body) -> Body:
    new = dict(old)
    for key, value in change.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, dict):
            new[key] = _merged(new.get(key) or {}, value)
        else:
            new[key] = value
    return new


@contextmanager
def serving(kube: FakeKube, port: int = 0) -> Iterator[str]:
    """Yield the URL of a server that answers with it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            status, answer = kube.answer(self.command, self.path, body)
            data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _any

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
