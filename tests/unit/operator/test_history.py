"""What has ended is told until it is kept, whatever dies in between, and once more after a restart."""

import json
from datetime import timedelta
from typing import Any

import pytest
from factories import NOW, seconds
from mm_contracts.batch import BatchSpec
from mm_contracts.history import HISTORY_ENV, WorkRecord, unpack
from mm_contracts.plan import ANNOTATION_SPEC, ANNOTATION_TRACE, LABEL_BATCH, LABEL_KIND, LABEL_PLAN
from mm_operator import history as module
from mm_operator.core.history import PATIENCE
from mm_operator.history import History, Package
from mm_operator.store import Kind, Store

SPEC = BatchSpec(
    plan="p", batch=3, attempt=2, dataset="photos", rover="Spirit", sols="1-5", source="s", stamp="x", trace_id="t" * 32
).model_dump_json()


class Cluster:
    """Jobs and pods, told to a store as the API does; times as the operator has them."""

    def __init__(self) -> None:
        self.now, self.version = NOW, 0
        self.bodies: dict[str, dict[str, Any]] = {}
        self.restart()

    def restart(self) -> None:
        self.store = Store(clock=lambda: self.now, changed=self.changed)
        self.history = History(self.store, lambda: self.now)
        for body in self.bodies.values():
            self.store.put("jobs" if "spec" in body else "pods", body)

    def changed(self, kind: Kind, name: str, gone: bool) -> None:
        if kind == "jobs":
            self.history.changed(name, gone)

    def _put(self, kind: Kind, name: str, body: dict[str, Any]) -> None:
        self.version += 1
        body["metadata"] |= {"name": name, "uid": f"uid-{name}", "resourceVersion": str(self.version)}
        body["metadata"]["creationTimestamp"] = "2026-01-01T11:59:00Z"
        self.bodies[name] = body
        self.store.put(kind, body)

    def job(self, name: str, kind: str = "ingest", end: str = "") -> None:
        labels = {LABEL_KIND: kind} | ({LABEL_PLAN: "p", LABEL_BATCH: "3"} if kind == "ingest" else {})
        notes = {ANNOTATION_SPEC: SPEC, ANNOTATION_TRACE: "t" * 32}
        done = [{"type": end, "status": "True", "lastTransitionTime": "2026-01-01T12:00:00Z"}] if end else []
        body = {"metadata": {"labels": labels, "annotations": notes}, "spec": {}, "status": {"conditions": done}}
        self._put("jobs", name, body)

    def end(self, name: str, kind: str = "ingest", code: int = 0, **said: Any) -> None:
        """Let a Job end, and its pod with a last word."""
        word = json.dumps({"status": "failed" if code else "success", **said})
        times = {"startedAt": "2026-01-01T05:00:00Z", "finishedAt": "2026-01-01T05:00:07Z"}
        ended = {"terminated": {"exitCode": code, "message": word, **times}}
        labels = {"batch.kubernetes.io/job-name": name, LABEL_KIND: kind}
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [{"name": "main", "state": ended}]}
        self._put("pods", f"{name}-pod", {"metadata": {"labels": labels}, "status": status})
        self.job(name, kind, "Failed" if code else "Complete")

    def delete(self, name: str) -> None:
        body = self.bodies.pop(name)
        body["metadata"]["resourceVersion"] = "999999"
        self.store.remove("jobs", body)

    def send(self, name: str) -> list[WorkRecord]:
        """Create a load Job that takes what is to be told."""
        package = self.history.package()
        self.history.sent(name, package)
        self.job(name, "load")
        return list(unpack(package.text)) if package.text else []


def names(records: list[WorkRecord]) -> list[str]:
    return [record.name for record in records]


def test_a_record_says_what_ran_when_how_it_ended_and_what_it_cost() -> None:
    cluster = Cluster()
    cluster.job("p-3-2")
    assert cluster.send("load-0") == []
    counts = {"sols": 5, "photos": 70, "bytes": 9, "requests": 6, "cpu_seconds": 1.5, "mismatched": 1}
    cluster.end("p-3-2", **counts, details={"key": "photos/x"})
    (told,) = cluster.send("load-1")
    assert told == WorkRecord(
        uid="uid-p-3-2", kind="ingest", name="p-3-2", plan="p", batch=3, attempt=1, dataset="photos", rover="Spirit",
        sols="1-5", source="s", outcome="succeeded", created_at="2026-01-01T11:59:00Z",
        ended_at="2026-01-01T12:00:00Z", run_seconds=7.0, cpu_seconds=1.5, requests=6, bytes=9, photos=70, sol_count=5,
        mismatched=1, trace_id="t" * 32, details={"key": "photos/x"},
    )  # fmt: skip


def test_a_failure_waits_for_its_log_and_is_told_without_secrets() -> None:
    cluster = Cluster()
    cluster.end("p-3-2", code=75, reason="RateLimited", message="429 for api_key=ABCDEF", failed_sols={"1": "x"})
    assert cluster.send("load-1") == []
    cluster.store.note_lookup("p-3-2", log_tail="last words")
    (told,) = cluster.send("load-2")
    assert (told.outcome, told.reason, told.log_tail) == ("failed", "RateLimited", "last words")
    assert "ABCDEF" not in told.model_dump_json()
    assert told.details["failed_sols"] == {"1": "x"}


def test_a_log_that_never_comes_is_not_waited_for_for_ever() -> None:
    cluster = Cluster()
    cluster.end("p-3-2", code=1)
    cluster.now += PATIENCE
    assert names(cluster.send("load-1")) == ["p-3-2"]


def test_a_record_goes_along_until_a_job_says_that_it_has_kept_it() -> None:
    cluster = Cluster()
    cluster.end("p-3-2")
    assert names(cluster.send("load-1")) == ["p-3-2"]
    assert cluster.send("load-2") == []  # it is on its way
    cluster.end("load-1", "load", code=75, reason="WarehouseError")
    cluster.store.note_lookup("load-1", log_tail="")
    assert names(cluster.send("load-3")) == ["p-3-2", "load-1"]
    assert cluster.history.is_open("uid-p-3-2")
    cluster.delete("load-3")  # somebody's hand
    assert names(cluster.send("load-4")) == ["p-3-2", "load-1", "load-3"]
    cluster.end("load-4", "load", history=3)
    assert names(cluster.send("load-5")) == ["load-4"]
    assert not cluster.history.is_open("uid-p-3-2")
    assert cluster.history.is_kept("uid-p-3-2")


def test_a_job_that_ends_without_a_word_has_kept_nothing() -> None:
    cluster = Cluster()
    cluster.end("p-3-2")
    cluster.send("load-1")
    cluster.job("load-1", "load", "Failed")
    assert cluster.send("load-2") == []  # its pod may tell yet
    cluster.now += PATIENCE
    assert names(cluster.send("load-3")) == ["p-3-2", "load-1"]


def test_a_job_that_failed_after_it_had_kept_them_need_not_be_followed_by_another() -> None:
    cluster = Cluster()
    cluster.end("p-3-2")
    cluster.send("run-1")
    cluster.end("run-1", "transform", code=1, reason="TestFailed", history=1)
    assert cluster.history.is_kept("uid-p-3-2")


def test_what_cannot_be_read_is_given_up_and_counted() -> None:
    before = module.metrics.HISTORY_LOST._value.get()
    cluster = Cluster()
    cluster.end("p-3-2")
    cluster.send("load-1")
    cluster.end("load-1", "load", history=-1)
    assert names(cluster.send("load-2")) == ["load-1"]
    assert module.metrics.HISTORY_LOST._value.get() == before + 1


def test_after_a_restart_everything_that_is_there_is_told_again() -> None:
    cluster = Cluster()
    cluster.end("p-3-2")
    cluster.send("load-1")
    cluster.restart()
    assert names(cluster.send("load-2")) == ["p-3-2"]


def test_a_job_that_is_deleted_is_told_once_and_of_a_running_one_that_it_was() -> None:
    cluster = Cluster()
    cluster.end("ended")
    cluster.job("running")
    cluster.delete("ended")
    cluster.delete("running")
    told = cluster.send("load-1")
    assert [(one.name, one.outcome) for one in told] == [("ended", "succeeded"), ("running", "deleted")]
    cluster.end("load-1", "load", history=2)
    cluster.delete("load-1")
    assert names(cluster.send("load-2")) == ["load-1"]


def test_a_plan_s_end_is_told_and_told_anew_after_a_retry() -> None:
    cluster = Cluster()
    status = {"phase": "Failed", "reason": "SourceGone", "photos": 3, "startedAt": "2026-01-01T11:00:00Z",
              "finishedAt": "2026-01-01T12:00:00Z", "batches": {"total": 2, "failed": 1},
              "conditions": [{"type": "Failed", "status": "True", "reason": "SourceGone", "message": "1 of 2."}],
              }  # fmt: skip
    body = {
        "metadata": {"name": "p", "uid": "uid-p", "creationTimestamp": "2026-01-01T10:59:00Z"},
        "spec": {"rovers": [{"name": "Spirit", "sols": ["1-5", "7"]}]},
        "status": status,
    }
    cluster.history.plan_ended(body)
    (told,) = cluster.send("load-1")
    assert (told.kind, told.plan, told.outcome, told.reason, told.message) == (
        "plan", "p", "failed", "SourceGone", "1 of 2.",
    )  # fmt: skip
    assert (told.rover, told.sols, told.run_seconds, told.photos) == ("Spirit", "1-5,7", 3600, 3)
    cluster.end("load-1", "load", history=1)
    assert cluster.history.is_kept("uid-p")
    body["status"] = status | {"phase": "Complete", "reason": "Complete"}
    cluster.history.plan_ended(body)
    assert not cluster.history.is_kept("uid-p")
    plan = next(one for one in cluster.send("load-2") if one.kind == "plan")
    assert (plan.outcome, plan.reason) == ("succeeded", "")


def test_it_is_bounded_and_what_is_given_up_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    before = module.metrics.HISTORY_LOST._value.get()
    cluster = Cluster()
    for number in range(15):
        cluster.end(f"p-{number}-1")
    assert names(cluster.send("load-1")) == [f"p-{number}-1" for number in range(5, 15)]
    assert module.metrics.HISTORY_LOST._value.get() == before + 5


def test_a_package_is_a_variable_of_the_job() -> None:
    from mm_operator.core.jobs import with_history

    job = {"spec": {"template": {"spec": {"containers": [{"env": []}]}}}}
    assert with_history(json.loads(json.dumps(job)), "") == job
    (container,) = with_history(job, "abc")["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": HISTORY_ENV, "value": "abc"}]
    assert Package().uids == ()
    assert PATIENCE == timedelta(minutes=1) == seconds(60)
