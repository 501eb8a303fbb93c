"""What the cluster holds, as far as it was told: plans, Jobs and pods, from watches, lists and our own writes.

An older version never replaces a newer one, so that a watch that lags behind our own write cannot undo it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mm_contracts.plan import ANNOTATION_TRACE, GROUP, KIND, LABEL_FINISHED, LABEL_KIND, VERSION

from mm_operator.core.observe import Job, Pod, image_of, job_view, pod_view

Kind = Literal["plans", "jobs", "pods"]
Body = dict[str, Any]

SELECTORS: Final[dict[Kind, str]] = {"plans": f"!{LABEL_FINISHED}", "jobs": LABEL_KIND, "pods": LABEL_KIND}
"""What is watched and listed of each kind: finished plans cost nothing, and other people's Jobs are not ours."""


# Objects in lists do not say of which kind they are; Events about them must.
_PLAN: Final = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND}
_JOB: Final = {"apiVersion": "batch/v1", "kind": "Job"}


def version_of(body: Body) -> int:
    """Return an object's resource version as a number (they grow with each change of the cluster)."""
    text = str(body["metadata"].get("resourceVersion") or "0")
    return int(text) if text.isdigit() else 0


def _slim(kind: Kind, body: Body) -> Body:
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    if kind == "jobs":
        whole = body.get("spec") or {}
        containers = [{"image": image_of(whole)}]
        spec = {"suspend": whole.get("suspend"), "template": {"spec": {"containers": containers}}}
        return {"metadata": metadata, "spec": spec, "status": body.get("status") or {}, **_JOB}
    if kind == "pods":
        return {"metadata": metadata, "status": body.get("status") or {}}
    return {"metadata": metadata, "spec": body.get("spec") or {}, "status": body.get("status") or {}, **_PLAN}


@dataclass
class Store:
    """The objects by kind and name."""

    _objects: dict[Kind, dict[str, Body]] = field(default_factory=lambda: {"plans": {}, "jobs": {}, "pods": {}})
    _views: dict[str, tuple[int, Job]] = field(default_factory=dict)
    _pods: dict[str, dict[str, tuple[int, Pod]]] = field(default_factory=dict)

    def put(self, kind: Kind, body: Body) -> bool:
        """Take an object in. Returns whether it was news."""
        name = body["metadata"]["name"]
        known = self._objects[kind].get(name)
        if known is not None and version_of(known) >= version_of(body):
            return False
        slim = _slim(kind, body)
        self._objects[kind][name] = slim
        if kind == "pods":
            self._pods.setdefault(self._job_of(slim), {})[name] = (version_of(slim), pod_view(slim))
        return True

    def remove(self, kind: Kind, body: Body) -> bool:
        """Forget a deleted object, unless a newer one of its name is known. Returns whether it was known."""
        name = body["metadata"]["name"]
        known = self._objects[kind].get(name)
        if known is None or version_of(known) > version_of(body):
            return False
        self._drop(kind, name)
        return True

    def replace(self, kind: Kind, bodies: Iterable[Body], list_version: str) -> list[Body]:
        """Take a whole list in and forget what is older than it and not in it. Returns what was news or is gone."""
        version = int(list_version) if list_version.isdigit() else 0
        present, news = set(), []
        for body in bodies:
            present.add(body["metadata"]["name"])
            if self.put(kind, body):
                news.append(body)
        for name, body in list(self._objects[kind].items()):
            if name not in present and version_of(body) <= version:
                self._drop(kind, name)
                news.append(body)
        return news

    def _drop(self, kind: Kind, name: str) -> None:
        body = self._objects[kind].pop(name)
        if kind == "jobs":
            self._views.pop(name, None)
        if kind == "pods":
            job = self._job_of(body)
            self._pods.get(job, {}).pop(name, None)
            if not self._pods.get(job):
                self._pods.pop(job, None)

    @staticmethod
    def _job_of(pod: Body) -> str:
        labels = pod["metadata"].get("labels") or {}
        return str(labels.get("batch.kubernetes.io/job-name") or labels.get("job-name") or "")

    def plan(self, name: str) -> Body | None:
        """Return a plan that has not finished, or None."""
        return self._objects["plans"].get(name)

    def plans(self) -> list[Body]:
        """Return all plans that have not finished."""
        return list(self._objects["plans"].values())

    def job(self, name: str) -> Job | None:
        """Return a Job with its pods, or None."""
        body = self._objects["jobs"].get(name)
        if body is None:
            return None
        pods = self._pods.get(name, {})
        stamp = version_of(body) + sum(version for version, _ in pods.values())
        cached = self._views.get(name)
        if cached is None or cached[0] != stamp:
            cached = (stamp, job_view(body, [pod for _, pod in pods.values()]))
            self._views[name] = cached
        return cached[1]

    def jobs(self, *kinds: str) -> list[Job]:
        """Return all Jobs of some kinds (ingest, load, sweep, transform)."""
        found = (self.job(name) for name in list(self._objects["jobs"]))
        return [job for job in found if job is not None and job.kind in kinds]

    def job_body(self, name: str) -> Body | None:
        """Return a Job's API object, of its template the image only, or None."""
        return self._objects["jobs"].get(name)

    def job_uid(self, name: str) -> str:
        """Return a Job's uid, or an empty text."""
        return str(self._objects["jobs"].get(name, {"metadata": {}})["metadata"].get("uid") or "")

    def job_trace(self, name: str) -> str:
        """Return the trace id on a Job, or an empty text."""
        metadata = self._objects["jobs"].get(name, {"metadata": {}})["metadata"]
        return str((metadata.get("annotations") or {}).get(ANNOTATION_TRACE) or "")

    def sizes(self) -> dict[str, int]:
        """Return how many objects of each kind are held."""
        return {kind: len(objects) for kind, objects in self._objects.items()}
