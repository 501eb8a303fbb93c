"""A Kubernetes API of the imagination, with versions, conflicts and sudden ends, and the Jobs' and pods' life in it."""

from __future__ import annotations

import copy
import itertools
import json
import random
from dataclasses import dataclass, field
from typing import Any

from mm_operator.core.times import format_time
from mm_operator.kube import ApiError
from mm_operator.store import Store, selectors

Body = dict[str, Any]


class Killed(BaseException):
    """The process is gone, in the middle of whatever it did."""


def matches(selector: str, body: Body) -> bool:
    labels = body["metadata"].get("labels") or {}
    return selector[1:] not in labels if selector.startswith("!") else selector in labels


def merge(into: Body, patch: Body) -> None:
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


@dataclass
class FakeKube:
    """Looks like ``mm_operator.kube.Kube`` to those who use it. ``chance`` decides when the process is killed."""

    chance: random.Random = field(default_factory=random.Random)
    kill_rate: float = 0.0
    namespace: str = "mars"
    now: Any = None
    objects: dict[str, dict[str, Body]] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    _versions: Any = field(default_factory=lambda: itertools.count(1))
    _uids: Any = field(default_factory=lambda: itertools.count(1))

    def kind(self, resource: str) -> dict[str, Body]:
        return self.objects.setdefault(resource, {})

    def stamp(self, body: Body) -> Body:
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        return body

    def add(self, resource: str, body: Body) -> Body:
        body = copy.deepcopy(body)
        body["metadata"] |= {
            "uid": f"uid-{next(self._uids)}",
            "creationTimestamp": format_time(self.now),
            "generation": 1,
        }
        self.kind(resource)[body["metadata"]["name"]] = self.stamp(body)
        return body

    def _maybe_killed(self) -> None:
        if self.chance.random() < self.kill_rate:
            raise Killed

    async def call(self, method: str, resource: str, name: str = "", _sub: str = "", **_: Any) -> Body:
        self.calls.append((method, resource, name))
        assert method == "GET"
        found = self.kind(resource).get(name)
        if found is None:
            raise ApiError(404, "Not Found", f"{resource} {name} not found")
        return copy.deepcopy(found)

    async def list(self, resource: str, selector: str = "") -> tuple[list[Body], str]:
        self.calls.append(("LIST", resource, selector))
        if "=" in selector:
            job = selector.partition("=")[2]
            found = [b for b in self.kind(resource).values() if b["metadata"]["labels"].get("job-name") == job]
        else:
            found = [b for b in self.kind(resource).values() if matches(selector, b)]
        return copy.deepcopy(found), str(next(self._versions))

    async def create(self, resource: str, body: Body) -> tuple[Body, bool]:
        self._maybe_killed()
        name = body["metadata"]["name"]
        self.calls.append(("POST", resource, name))
        known = self.kind(resource).get(name)
        if known is not None:
            return copy.deepcopy(known), False
        made = self.add(resource, body)
        self._maybe_killed()
        return copy.deepcopy(made), True

    async def patch(self, resource: str, name: str, body: Body, sub: str = "") -> Body:
        self._maybe_killed()
        self.calls.append(("PATCH", f"{resource}/{sub}" if sub else resource, name))
        found = self.kind(resource).get(name)
        if found is None:
            raise ApiError(404, "Not Found", f"{resource} {name} not found")
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted not in (None, found["metadata"]["resourceVersion"]):
            raise ApiError(409, "Conflict", "the object has been modified")
        merge(found, body)
        self.stamp(found)
        self._maybe_killed()
        return copy.deepcopy(found)

    async def delete(self, resource: str, name: str, _uid: str = "") -> None:
        self._maybe_killed()
        self.calls.append(("DELETE", resource, name))
        if resource == "jobs" and name in self.kind("jobs"):
            self.kind("jobs")[name]["metadata"]["deletionTimestamp"] = format_time(self.now)
            self.stamp(self.kind("jobs")[name])
        else:
            self.kind(resource).pop(name, None)

    async def log_tail(self, pod: str, _lines: int = 40) -> str:
        return f"last words of {pod}"

    def drop_job(self, name: str) -> None:
        """The garbage collector's work."""
        self.kind("jobs").pop(name, None)
        self.kind("pods").pop(f"{name}-pod", None)

    def end_job(self, name: str, code: int, **said: Any) -> None:
        """A Job's pod ends with an exit code and a termination message."""
        job = self.kind("jobs")[name]
        end = json.dumps({"status": "failed" if code else "success", **said})
        pod = {
            "metadata": {"name": f"{name}-pod", "labels": {**job["metadata"]["labels"], "job-name": name}},
            "status": {
                "phase": "Failed" if code else "Succeeded",
                "containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": code, "message": end}}}],
            },
        }
        self.kind("pods").pop(f"{name}-pod", None)
        self.add("pods", pod)
        condition = {
            "type": "Failed" if code else "Complete",
            "status": "True",
            "lastTransitionTime": format_time(self.now),
        }
        job["status"] = {"conditions": [condition]}
        self.stamp(job)

    def live_jobs(self, *kinds: str) -> list[Body]:
        """Jobs that have not ended."""
        label = "martian-moments.io/kind"
        jobs = [j for j in self.kind("jobs").values() if not kinds or j["metadata"]["labels"][label] in kinds]
        return [job for job in jobs if not (job.get("status") or {}).get("conditions")]

    def tell(self, store: Store) -> None:
        """What watches do, all at once: the store knows everything."""
        for kind, selector in reversed(selectors("").items()):
            found = [b for b in self.kind(kind).values() if matches(selector, b)]
            store.replace(kind, copy.deepcopy(found), str(next(self._versions)))
