"""What is known of the cluster, and what is told of it."""

from typing import Any

from mm_operator.health import Health
from mm_operator.observer import LAG_SWEEPS, Observer
from mm_operator.plans import read_status, status_patch
from mm_operator.store import Store


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
    news = store.replace("jobs", [job("kept", 4)], "7")
    assert [body["metadata"]["name"] for body in news] == ["gone"]
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
    return Observer(Store(), told.append, lambda name: told.append(f"gone {name}"), lambda: told.append("work"))


def test_watch_events_say_whom_they_concern() -> None:
    told: list[str] = []
    found = observer(told)
    found.watched("plans", "ADDED", thing("p", 1))
    found.watched("jobs", None, job("j", 2))
    found.watched("jobs", "MODIFIED", job("j", 2))
    found.watched("plans", "DELETED", thing("p", 3))
    assert told == ["p", "p", "work", "gone p"]


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


def test_a_damaged_status_is_read_as_far_as_it_goes() -> None:
    status = read_status({"status": {"done": "0-3", "records": "nonsense", "phase": "Lost", "unknown": 1}})
    assert (status.done, status.records, status.phase) == ("0-3", [], "Pending")


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
