"""From watches into the store, and from ended Jobs to all that their pods still tell."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from mm_operator.core.diagnose import tail
from mm_operator.core.fold import completed
from mm_operator.core.observe import Job
from mm_operator.kube import Kube
from mm_operator.store import Kind, Store, version_of

log = logging.getLogger(__name__)

LAG_SWEEPS: Final = 3
"""Sweeps in a row in which a watch has not told what a list shows, before it counts as dead."""


async def ended_job(kube: Kube, store: Store, job: Job) -> Job:
    """Return an ended Job with its pods' last state, and its log's last lines where it failed.

    A Job's end may be seen before its pod's: then the pods are asked for. Raises ApiError.
    """
    if not any(pod.ended for pod in job.pods):
        pods, _ = await kube.list("pods", f"batch.kubernetes.io/job-name={job.name}")
        for pod in pods:
            store.put("pods", pod)
        job = store.job(job.name) or job
    if completed(job) or not job.pods:
        return job
    return replace(job, log_tail=tail(await kube.log_tail(job.pods[0].name)) or None)


class Observer:
    """Takes what watches and lists say into the store, and says which plans and Jobs that concerns."""

    def __init__(
        self,
        store: Store,
        plan_changed: Callable[[str], None],
        plan_gone: Callable[[str], None],
        work_changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._plan_changed, self._plan_gone, self._work_changed = plan_changed, plan_gone, work_changed
        self._watched: dict[tuple[Kind, str], int] = {}
        self._lagging: dict[tuple[Kind, str], tuple[int, int]] = {}

    def watched(self, kind: Kind, event: str | None, body: dict[str, Any]) -> None:
        """Take one watch event in. ``event`` is ADDED, MODIFIED, DELETED, or None for an initial listing."""
        key = (kind, body["metadata"]["name"])
        if event == "DELETED":
            self._watched.pop(key, None)
            if self._store.remove(kind, body):
                self._tell(kind, body, gone=True)
            return
        self._watched[key] = max(version_of(body), self._watched.get(key, 0))
        if self._store.put(kind, body):
            self._tell(kind, body)

    def listed(self, kind: Kind, bodies: list[dict[str, Any]], version: str) -> bool:
        """Take a whole list in. Returns whether the watch of this kind has kept up with it."""
        present = {body["metadata"]["name"] for body in bodies}
        for body in self._store.replace(kind, bodies, version):
            self._tell(kind, body, gone=body["metadata"]["name"] not in present)
        lagging: dict[tuple[Kind, str], tuple[int, int]] = {}
        for body in bodies:
            key = (kind, body["metadata"]["name"])
            before, sweeps = self._lagging.get(key, (version_of(body), 0))
            if self._watched.get(key, 0) < before:
                lagging[key] = (before, sweeps + 1)
        self._lagging = {k: v for k, v in self._lagging.items() if k[0] != kind} | lagging
        for key in [k for k in self._watched if k[0] == kind and k[1] not in present]:
            del self._watched[key]
        return all(sweeps < LAG_SWEEPS for _, sweeps in lagging.values())

    def _tell(self, kind: Kind, body: dict[str, Any], gone: bool = False) -> None:
        if kind == "plans":
            name = body["metadata"]["name"]
            (self._plan_gone if gone else self._plan_changed)(name)
            return
        labels = body["metadata"].get("labels") or {}
        if labels.get("martian-moments.io/kind") == "ingest":
            self._plan_changed(labels.get("martian-moments.io/plan") or "")
        self._work_changed()
