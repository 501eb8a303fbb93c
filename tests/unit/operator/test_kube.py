"""The API client against a real HTTP server: answers, refusals, pages, and no answer at all."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mm_operator.kube import ApiError, Kube

from tests.unit.jobs.scripted_source import Reply, ScriptedSource, json_reply, scripted_source

JOBS = "/apis/batch/v1/namespaces/mars/jobs"


@pytest.fixture
def api() -> Iterator[ScriptedSource]:
    with scripted_source() as source:
        yield source


@pytest.fixture
def kube(api: ScriptedSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kube]:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": api.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    found = Kube("mars")
    yield found
    found.close()


def status(code: int, message: str) -> Reply:
    return json_reply({"kind": "Status", "message": message, "code": code}, code)


def test_what_exists_is_success_and_is_returned(kube: Kube, api: ScriptedSource) -> None:
    body = {"metadata": {"name": "j"}}
    api.on(JOBS, status(409, "exists"))
    api.on(f"{JOBS}/j", json_reply({"metadata": {"name": "j", "uid": "u"}}))
    made, fresh = asyncio.run(kube.create("jobs", body))
    assert (made["metadata"]["uid"], fresh) == ("u", False)
    assert [(method, path) for method, path, _, _ in api.seen] == [("POST", JOBS), ("GET", f"{JOBS}/j")]


def test_lists_are_read_page_by_page(kube: Kube, api: ScriptedSource) -> None:
    def page(name: str, following: str) -> Reply:
        return json_reply(
            {"items": [{"metadata": {"name": name}}], "metadata": {"continue": following, "resourceVersion": "7"}}
        )

    api.on(JOBS, page("a", "more"), page("b", ""))
    items, version = asyncio.run(kube.list("jobs", "x=y"))
    assert ([item["metadata"]["name"] for item in items], version) == (["a", "b"], "7")
    assert "labelSelector=x%3Dy" in api.seen[0][1]
    assert "continue=more" in api.seen[1][1]


@pytest.mark.parametrize(
    ("code", "message", "for_good", "refused", "quota"),
    [
        (403, "admission policy 'p' with binding 'b' denied request: no", True, True, False),
        (403, 'admission webhook "g" denied the request: no', True, True, False),
        (403, "exceeded quota: jobs, requested: count/jobs.batch=1", False, True, True),
        (403, 'User "x" cannot create resource "jobs"', False, True, False),
        (422, "Job.batch is invalid", True, True, False),
        (404, "namespaces not found", False, True, False),
        (429, "too many requests", False, False, False),
        (500, "etcd", False, False, False),
    ],
)
def test_a_refusal_is_told_from_an_api_that_is_busy(
    kube: Kube, api: ScriptedSource, code: int, message: str, for_good: bool, refused: bool, quota: bool
) -> None:
    api.on(JOBS, status(code, message))
    with pytest.raises(ApiError) as caught:
        asyncio.run(kube.create("jobs", {"metadata": {"name": "j"}}))
    error = caught.value
    assert (error.status, error.message) == (code, message)
    assert (error.refused_for_good, error.refused, error.quota) == (for_good, refused, quota)


def test_no_answer_is_an_error_without_a_status(kube: Kube, api: ScriptedSource) -> None:
    api.on(JOBS, Reply(reset=True))
    with pytest.raises(ApiError, match="does not answer") as caught:
        asyncio.run(kube.list("jobs"))
    assert caught.value.status == 0
    assert not caught.value.refused


def test_gone_already_is_a_successful_deletion_of_that_very_object(kube: Kube, api: ScriptedSource) -> None:
    api.on(f"{JOBS}/j", status(404, "gone"))
    asyncio.run(kube.delete("jobs", "j", "uid-1"))
    options: dict[str, Any] = json.loads(api.seen[0][3])
    assert options == {"propagationPolicy": "Background", "preconditions": {"uid": "uid-1"}}
