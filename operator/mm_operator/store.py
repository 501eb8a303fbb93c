"""What the cluster holds, as far as it was told: plans, Jobs and pods, from watches, lists and our own writes.

An older version never replaces a newer one, so that a watch that lags behind our own write cannot undo it. Each object
is read once for each of its versions, and only what was read is kept of Jobs and pods.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from mm_contracts.plan import ANNOTATION_TRACE, GROUP, KIND, LABEL_FINISHED, LABEL_INSTANCE, LABEL_KIND, VERSION

from mm_operator.core.observe import Job, Pod, image_of, job_view, pod_view

Kind = Literal["plans", "jobs", "pods"]
Body = dict[str, Any]

# Objects in lists do not say of which kind they are; Events about them must.
_PLAN: Final = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND}
_JOB: Final = {"apiVersion": "batch/v1", "kind": "Job"}


def selectors(instance: str) -> dict[Kind, str]:
    """Return what is watched and listed of each kind: plans that have not finished, and a release's Jobs and pods.

    Plans are told apart here (``is_ours``): those that name no release have no label to select by.
    """
    work = f"{LABEL_KIND},{LABEL_INSTANCE}={instance}" if instance else LABEL_KIND
    return {"plans": f"!{LABEL_FINISHED}", "jobs": work, "pods": work}


def is_ours(plan: Body, instance: str, without: bool) -> bool:
    """Return whether a plan is this release's; ``without`` says whether those are that name none."""
    named = (plan["metadata"].get("labels") or {}).get(LABEL_INSTANCE)
    return not instance or named == instance or (named is None and without)


def version_of(body: Body) -> int:
    """Return an object's resource version as a number (they grow with each change of the cluster)."""
    text = str(body["metadata"].get("resourceVersion") or "0")
    return int(text) if text.isdigit() else 0


def _now() -> datetime:
    return datetime.now(UTC)


def job_of(pod: Body) -> str:
    """Return the name of the Job that a pod belongs to, or an empty text."""
    labels = pod["metadata"].get("labels") or {}
    return str(labels.get("batch.kubernetes.io/job-name") or labels.get("job-name") or "")


def _slim_job(body: Body) -> Body:
    """Return what is read of a Job's object, and what Events about it need."""
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    whole, status = body.get("spec") or {}, body.get("status") or {}
    spec = {"suspend": whole.get("suspend"), "template": {"spec": {"containers": [{"image": image_of(whole)}]}}}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": status.get("conditions") or []}, **_JOB}


@dataclass
class _Job:
    """A Job, as it was read last, and what its end's lookups brought."""

    body: Body
    view: Job
    pods_asked: bool = False
    log_tail: str | None = None


def _nobody(_kind: Kind, _name: str, _gone: bool) -> None:
    return None


@dataclass
class Store:
    """The objects by kind and name."""

    instance: str = ""
    plans_without_instance: bool = True
    clock: Callable[[], datetime] = _now
    changed: Callable[[Kind, str, bool], None] = _nobody
    """Called with the kind and name of each plan or Job that has changed, and whether it is gone. A pod's change is
    its Job's."""
    _plans: dict[str, Body] = field(default_factory=dict)
    _jobs: dict[str, _Job] = field(default_factory=dict)
    _pods: dict[str, tuple[int, str, Pod]] = field(default_factory=dict)
    _pods_of: dict[str, dict[str, None]] = field(default_factory=dict)
    _by_kind: dict[str, dict[str, None]] = field(default_factory=dict)

    def put(self, kind: Kind, body: Body) -> bool:
        """Take an object in. Returns whether it was news."""
        name, version = body["metadata"]["name"], version_of(body)
        known = self._version(kind, name)
        if known is not None and known >= version:
            return False
        if kind == "plans":
            if not is_ours(body, self.instance, self.plans_without_instance):
                if known is not None:
                    self._drop("plans", name)
                return False
            metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
            spec, status = body.get("spec") or {}, body.get("status") or {}
            self._plans[name] = {"metadata": metadata, "spec": spec, "status": status, **_PLAN}
            self.changed("plans", name, False)
        elif kind == "jobs":
            self._put_job(name, _slim_job(body))
        else:
            self._put_pod(name, version, body)
        return True

    def _version(self, kind: Kind, name: str) -> int | None:
        if kind == "plans":
            return version_of(self._plans[name]) if name in self._plans else None
        if kind == "jobs":
            return version_of(self._jobs[name].body) if name in self._jobs else None
        return self._pods[name][0] if name in self._pods else None

    def _put_job(self, name: str, body: Body) -> None:
        known = self._jobs.get(name)
        if known is not None and known.body["metadata"].get("uid") != body["metadata"].get("uid"):
            self._drop("jobs", name)
            known = None
        view = job_view(body)
        if known is None:
            known = self._jobs[name] = _Job(body, view)
            known.view = self._read(known, None)
        else:
            known.body = body
            known.view = self._read(known, known.view)
        self._by_kind.setdefault(view.kind, {})[name] = None
        self.changed("jobs", name, False)

    def _put_pod(self, name: str, version: int, body: Body) -> None:
        view, job = pod_view(body), job_of(body)
        known = self._pods.get(name)
        since = known[2].since if known is not None and known[2].situation == view.situation else self.clock()
        self._pods[name] = (version, job, replace(view, since=since))
        self._pods_of.setdefault(job, {})[name] = None
        self._pods_changed(job)

    def _pods_changed(self, job: str) -> None:
        if kept := self._jobs.get(job):
            kept.view = self._read(kept, kept.view)
            self.changed("jobs", job, False)

    def _read(self, kept: _Job, before: Job | None) -> Job:
        """Return a Job's view with its pods, its times by this process's clock, and what was looked up."""
        name, now = kept.body["metadata"]["name"], self.clock()
        view = job_view(kept.body, [self._pods[pod][2] for pod in self._pods_of.get(name, ())])
        seen_at = before.seen_at if before and before.suspended == view.suspended else now
        ended_at = None
        if view.state != "active" and before is None:
            # It ended before this process saw it: the API server's word is believed, but not about the future.
            ended_at = min(view.finished_at or now, now)
        elif view.state != "active" and before is not None:
            ended_at = before.ended_at or now
        return replace(view, seen_at=seen_at, ended_at=ended_at, pods_asked=kept.pods_asked, log_tail=kept.log_tail)

    def note_lookup(self, name: str, pods_asked: bool = False, log_tail: str | None = None) -> None:
        """Note that a Job's pods have been asked for, or what its log's last lines are."""
        kept = self._jobs.get(name)
        if kept is None:
            return
        kept.pods_asked = kept.pods_asked or pods_asked
        kept.log_tail = log_tail if log_tail is not None else kept.log_tail
        kept.view = replace(kept.view, pods_asked=kept.pods_asked, log_tail=kept.log_tail)
        self.changed("jobs", name, False)

    def remove(self, kind: Kind, body: Body) -> bool:
        """Forget a deleted object, unless a newer one of its name is known. Returns whether it was known."""
        name = body["metadata"]["name"]
        known = self._version(kind, name)
        if known is None or known > version_of(body):
            return False
        self._drop(kind, name)
        return True

    def replace(self, kind: Kind, bodies: Iterable[Body], list_version: str) -> None:
        """Take a whole list in and forget what is older than it and not in it."""
        version = int(list_version) if list_version.isdigit() else 0
        present = set()
        for body in bodies:
            present.add(body["metadata"]["name"])
            self.put(kind, body)
        known = {"plans": list(self._plans), "jobs": list(self._jobs), "pods": list(self._pods)}[kind]
        for name in [name for name in known if name not in present]:
            if (self._version(kind, name) or 0) <= version:
                self._drop(kind, name)

    def _drop(self, kind: Kind, name: str) -> None:
        if kind == "plans":
            del self._plans[name]
            self.changed("plans", name, True)
        elif kind == "jobs":
            view = self._jobs[name].view
            # Told while it can still be asked of which plan and kind it was.
            self.changed("jobs", name, True)
            del self._jobs[name]
            self._by_kind[view.kind].pop(name, None)
        else:
            _, job, _ = self._pods.pop(name)
            pods = self._pods_of[job]
            del pods[name]
            if not pods:
                del self._pods_of[job]
            self._pods_changed(job)

    def plan(self, name: str) -> Body | None:
        """Return a plan that has not finished, or None."""
        return self._plans.get(name)

    def plans(self) -> list[Body]:
        """Return all plans that have not finished."""
        return list(self._plans.values())

    def job(self, name: str) -> Job | None:
        """Return a Job with its pods, or None."""
        kept = self._jobs.get(name)
        return kept.view if kept else None

    def jobs(self, *kinds: str) -> list[Job]:
        """Return all Jobs of some kinds (ingest, load, sweep, transform)."""
        return [self._jobs[name].view for kind in kinds for name in self._by_kind.get(kind, ())]

    def job_body(self, name: str) -> Body | None:
        """Return a Job's API object, of its template the image only, or None."""
        kept = self._jobs.get(name)
        return kept.body if kept else None

    def job_uid(self, name: str) -> str:
        """Return a Job's uid, or an empty text."""
        kept = self._jobs.get(name)
        return str(kept.body["metadata"].get("uid") or "") if kept else ""

    def job_trace(self, name: str) -> str:
        """Return the trace id on a Job, or an empty text."""
        kept = self._jobs.get(name)
        return str((kept.body["metadata"].get("annotations") or {}).get(ANNOTATION_TRACE) or "") if kept else ""

    def sizes(self) -> dict[str, int]:
        """Return how many objects of each kind are held."""
        return {"plans": len(self._plans), "jobs": len(self._jobs), "pods": len(self._pods)}
