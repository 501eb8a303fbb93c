"""What is known of the cluster, and what is told of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from mm_contracts.plan import LABEL_INSTANCE
from mm_operator.core.observe import pod_view
from mm_operator.core.plan_view import read_status, status_patch
from mm_operator.health import Health
from mm_operator.observer import LAG_SWEEPS, Observer
from mm_operator.store import Store, selectors


def thing(name: str, version: int, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"u-{name}", "resourceVersion": str(version), **metadata}}


def pod(name: str, job: str, version: int, phase: str = "Running") -> dict[str, Any]:
    return thing(name, version, labels={"batch.kubernetes.io/job-name": job}) | {"status": {"phase": phase}}


def job(name: str, version: int, plan: str = "p") -> dict[str, Any]:
    return thing(name, version, labels={"martian-moments.io/kind": "ingest", "martian-moments.io/plan": plan})


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    assert store.put("jobs", job("j", 5))
    assert not store.put("jobs", job("j", 4))
    assert not store.remove("jobs", job("j", 4))
    assert store.job("j") is not None
    assert store.remove("jobs", job("j", 6))
    assert store.job("j") is None


def test_a_job_is_kept_without_its_template_but_with_its_image() -> None:
    store = Store()
    containers = [{"name": "job", "image": "app:1", "command": ["mm-load"]}]
    store.put("jobs", job("j", 5) | {"spec": {"template": {"spec": {"containers": containers}}}})
    assert store.job("j").image == "app:1"  # type: ignore[union-attr]
    assert "mm-load" not in str(store.job_body("j"))


def test_a_list_drops_what_is_gone_but_not_what_is_newer_than_it() -> None:
    store = Store()
    for name, version in (("gone", 3), ("kept", 4), ("born-later", 9)):
        store.put("jobs", job(name, version))
    told: list[tuple[str, str, bool]] = []
    store.changed = lambda *change: told.append(change)
    store.replace("jobs", [job("kept", 4)], "7")
    assert told == [("jobs", "gone", True)]
    assert {found.name for found in store.jobs("ingest")} == {"kept", "born-later"}


def test_a_job_s_view_follows_its_pods() -> None:
    store = Store()
    store.put("jobs", job("j", 1))
    store.put("pods", pod("a", "j", 2))
    before = store.job("j")
    assert before is not None
    assert [p.phase for p in before.pods] == ["Running"]
    store.put("pods", pod("a", "j", 3, "Succeeded"))
    after = store.job("j")
    assert after is not None
    assert after.pods[0].ended
    store.remove("pods", pod("a", "j", 4))
    assert store.job("j").pods == ()  # type: ignore[union-attr]


def observer(told: list[str]) -> Observer:
    def note(kind: str, name: str, gone: bool) -> None:
        told.append(f"{kind} {name} gone" if gone else f"{kind} {name}")

    return Observer(Store(changed=note))


def test_watch_events_say_whom_they_concern() -> None:
    told: list[str] = []
    found = observer(told)
    found.watched("plans", "ADDED", thing("p", 1))
    found.watched("jobs", None, job("j", 2))
    found.watched("jobs", "MODIFIED", job("j", 2))
    found.watched("pods", "ADDED", pod("x", "j", 3))
    found.watched("plans", "DELETED", thing("p", 3))
    assert told == ["plans p", "jobs j", "jobs j", "plans p gone"]


def test_a_watch_that_does_not_tell_what_lists_show_is_noticed() -> None:
    found = observer([])
    bodies = [thing("p", 5)]
    answers = [found.listed("plans", bodies, "5") for _ in range(LAG_SWEEPS)]
    assert answers == [True] * (LAG_SWEEPS - 1) + [False]
    found.watched("plans", "ADDED", thing("p", 5))
    assert found.listed("plans", bodies, "6")


def test_a_quiet_cluster_is_no_dead_watch() -> None:
    found = observer([])
    found.watched("plans", None, thing("p", 5))
    assert all(found.listed("plans", [thing("p", 5)], "9") for _ in range(10))


def test_a_status_patch_holds_only_what_changed_and_nulls_what_is_gone() -> None:
    old = {"phase": "Running", "photos": 3, "finishedAt": "2026-01-01T00:00:00Z"}
    status = read_status({"status": old})
    assert status_patch(status.model_dump(by_alias=True, exclude_none=True, mode="json"), status) == {}
    changed = status.model_copy(update={"photos": 4, "finished_at": None})
    patch = status_patch(status.model_dump(by_alias=True, exclude_none=True, mode="json"), changed)
    assert patch == {"photos": 4, "finishedAt": None}


def test_fields_of_an_earlier_version_are_written_under_their_names_of_now() -> None:
    old = {"done": "0-3", "failedBatches": "7"}
    patch = status_patch(old, read_status({"status": old}))
    assert (patch["completedIndexes"], patch["failedIndexes"]) == ("0-3", "7")
    assert (patch["done"], patch["failedBatches"]) == (None, None)


def test_a_damaged_status_is_read_as_far_as_it_goes() -> None:
    status = read_status({"status": {"completedIndexes": "0-3", "records": "nonsense", "phase": "Lost", "unknown": 1}})
    assert (status.completed_indexes, status.records, status.phase) == ("0-3", [], "Pending")


def test_health_tells_who_has_gone_quiet() -> None:
    now = [0.0]
    health = Health(clock=lambda: now[0])
    health.expect("watch", 60)
    now[0] = 61
    assert "watch has been quiet for 61 s" in health.problems()[0]
    health.beat("watch")
    assert health.problems() == []
    health.broken("watch of jobs", "it lags")
    assert health.problems() == ["watch of jobs: it lags"]
    health.broken("watch of jobs", None)
    assert health.problems() == []


def test_a_release_sees_its_own_plans_and_those_of_nobody_where_it_may() -> None:
    def names(**options: Any) -> list[str]:
        store = Store(**options)
        for name, labels in (("mine", {LABEL_INSTANCE: "mars"}), ("theirs", {LABEL_INSTANCE: "moon"}), ("bare", {})):
            store.put("plans", thing(name, 1, labels=labels))
        return [plan["metadata"]["name"] for plan in store.plans()]

    assert names(instance="mars") == ["mine", "bare"]
    assert names(instance="mars", plans_without_instance=False) == ["mine"]
    assert names() == ["mine", "theirs", "bare"]


def test_a_plan_that_is_given_to_another_release_is_gone() -> None:
    told: list[tuple[str, str, bool]] = []
    store = Store("mars", changed=lambda *change: told.append(change))
    store.put("plans", thing("p", 1))
    store.put("plans", thing("p", 2, labels={LABEL_INSTANCE: "moon"}))
    assert told == [("plans", "p", False), ("plans", "p", True)]
    assert store.plans() == []


def test_jobs_and_pods_are_selected_by_the_release() -> None:
    wanted = selectors("mars")
    assert wanted["jobs"] == wanted["pods"] == "martian-moments.io/kind,app.kubernetes.io/instance=mars"
    assert "instance" not in wanted["plans"], "plans that name no release have nothing to select by"


def test_times_are_of_this_process_s_clock() -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    store = Store(clock=lambda: now[0])
    store.put("jobs", job("j", 1))
    assert store.job("j").seen_at == now[0]  # type: ignore[union-attr]
    now[0] += timedelta(minutes=5)
    end = {"type": "Complete", "status": "True", "lastTransitionTime": "2031-01-01T00:00:00Z"}
    store.put("jobs", job("j", 2) | {"status": {"conditions": [end]}})
    assert store.job("j").ended_at == now[0]  # type: ignore[union-attr]
    fresh = Store(clock=lambda: now[0])
    fresh.put("jobs", job("j", 2) | {"status": {"conditions": [end]}})
    assert fresh.job("j").ended_at == now[0], "a clock that is ahead"  # type: ignore[union-attr]


def test_a_pod_s_situation_is_timed_from_when_it_was_first_seen() -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    store = Store(clock=lambda: now[0])
    store.put("jobs", job("j", 1))
    store.put("pods", pod("a", "j", 2))
    now[0] += timedelta(minutes=1)
    body = pod("a", "j", 3)
    body["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z"
    store.put("pods", body)
    since = now[0]
    now[0] += timedelta(minutes=1)
    body["metadata"]["resourceVersion"] = "4"
    store.put("pods", body)
    assert store.job("j").pods[0].since == since  # type: ignore[union-attr]


def test_a_job_has_ended_with_its_pod_unless_a_disruption_took_it() -> None:
    store = Store()
    store.put("jobs", job("j", 1))
    store.put("pods", pod("a", "j", 2, "Failed"))
    assert store.job("j").state == "failed"  # type: ignore[union-attr]
    body = pod("a", "j", 3, "Failed")
    body["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]
    store.put("pods", body)
    assert store.job("j").state == "active", "the Job replaces it"  # type: ignore[union-attr]


def test_the_container_main_is_read_beside_a_sidecar() -> None:
    said = '{"status": "failed", "reason": "RateLimited"}'
    statuses = [
        {"name": "istio-proxy", "state": {"running": {}}},
        {"name": "main", "state": {"terminated": {"exitCode": 75, "message": said}}},
    ]
    body = pod("a", "j", 2) | {"status": {"phase": "Running", "containerStatuses": statuses}}
    view = pod_view(body)
    assert (view.exit_code, view.kept_by) == (75, "istio-proxy")
    assert view.termination is not None
    assert view.termination.reason == "RateLimited"
