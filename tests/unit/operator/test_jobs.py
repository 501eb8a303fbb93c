"""Job objects."""

import json

from factories import settings
from mm_contracts.batch import BatchSpec, LoadSpec, ObjectRef, TransformSpec
from mm_contracts.plan import PlanSpec
from mm_operator.core.jobs import build_ingest_job, build_load_job, build_transform_job, ingest_job_name, load_id

PLAN = PlanSpec.model_validate({"rovers": [{"name": "Spirit", "sols": ["1"]}], "activeDeadline": "5m"})
BATCH = BatchSpec(
    plan="p", batch=3, attempt=2, dataset="photos", rover="Spirit", sols="1", source="s", stamp="t", trace_id="a" * 32
)
OBJECTS = [ObjectRef(key="photos/a", etag="1"), ObjectRef(key="photos/b", etag="2")]


def container(job: dict[str, object]) -> dict[str, object]:
    return job["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index,no-any-return]


def test_an_ingest_job_is_named_after_its_cause_and_goes_with_its_plan() -> None:
    job = build_ingest_job(settings(), "uid-1", PLAN, BATCH)
    assert job["metadata"]["name"] == "p-3-2" == ingest_job_name("p", 3, 2)
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["blockOwnerDeletion"]) == ("IngestionPlan", "uid-1", False)
    assert job["spec"]["activeDeadlineSeconds"] == 300
    assert job["spec"]["backoffLimit"] == 0
    env = {entry["name"]: entry.get("value") for entry in container(job)["env"]}
    assert BatchSpec.model_validate_json(env["MM_BATCH"]) == BATCH
    assert env["TRACEPARENT"].split("-")[1] == BATCH.trace_id
    assert build_ingest_job(settings(), "uid-1", PLAN, BATCH) == job


def test_an_ingest_job_runs_no_longer_than_any_may() -> None:
    jobs = {kind: {"command": [f"mm-{kind}"]} for kind in ("ingest", "load", "transform")}
    jobs["ingest"]["activeDeadlineSeconds"] = 120  # type: ignore[assignment]
    assert build_ingest_job(settings(jobs=jobs), "u", PLAN, BATCH)["spec"]["activeDeadlineSeconds"] == 120
    shorter = PLAN.model_copy(update={"active_deadline": "1m"})
    assert build_ingest_job(settings(jobs=jobs), "u", shorter, BATCH)["spec"]["activeDeadlineSeconds"] == 60


def test_every_job_runs_under_the_restricted_pod_security_standard() -> None:
    loads = LoadSpec(load_id="x", objects=tuple(OBJECTS), trace_id="a" * 32)
    runs = TransformSpec(run_id="x", trace_id="a" * 32)
    for job in (
        build_ingest_job(settings(), "u", PLAN, BATCH),
        build_load_job(settings(), loads),
        build_transform_job(settings(), runs),
    ):
        pod, main = job["spec"]["template"]["spec"], container(job)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert main["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert pod["automountServiceAccountToken"] is False
        assert pod["restartPolicy"] == "Never"
        assert {"name": "tmp", "mountPath": "/tmp"} in main["volumeMounts"]
        rules = job["spec"]["podFailurePolicy"]["rules"]
        assert rules[0]["action"] == "Ignore"
        assert rules[1]["onExitCodes"] == {"containerName": main["name"], "operator": "In", "values": [64, 69]}


def test_jobs_of_a_kind_wish_to_lie_on_different_nodes_unless_values_say_otherwise() -> None:
    job = build_ingest_job(settings(), "uid-1", PLAN, BATCH)
    pod = job["spec"]["template"]
    (spread,) = pod["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_a_sweep_is_a_load_of_another_name() -> None:
    spec = LoadSpec(load_id="20260101t000000", sweep=True, trace_id="a" * 32)
    job = build_load_job(settings(), spec)
    assert job["metadata"]["name"] == "mars-sweep-20260101t000000"
    assert job["metadata"]["labels"]["martian-moments.io/kind"] == "sweep"
    assert container(job)["command"] == ["mm-load"]


def test_a_load_s_id_is_its_set_of_objects() -> None:
    assert load_id(OBJECTS) == load_id(OBJECTS[::-1])
    assert load_id(OBJECTS) != load_id([OBJECTS[0], ObjectRef(key="photos/b", etag="3")])


def test_the_chart_s_options_reach_the_pod() -> None:
    jobs = {kind: {"command": ["x"]} for kind in ("ingest", "transform")}
    jobs["load"] = {
        "command": ["mm-load"],
        "env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "envFrom": [{"configMapRef": {"name": "c"}}],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "resources": {"limits": {"memory": "1Gi"}},
    }
    wanted = settings(
        jobs=jobs, imagePullSecrets=[{"name": "pull"}],
        pod={"nodeSelector": {"a": "b"}, "labels": {"team": "x"}, "priorityClassName": "low", "runAsUser": 5},
    )  # fmt: skip
    job = build_load_job(wanted, LoadSpec(load_id="x", trace_id="a" * 32))
    pod, main = job["spec"]["template"]["spec"], container(job)
    assert main["env"][0]["name"] == "K"
    assert main["resources"] == {"limits": {"memory": "1Gi"}}
    assert pod["volumes"][1] == {"name": "v", "emptyDir": {}}
    assert (pod["nodeSelector"], pod["priorityClassName"], pod["securityContext"]["runAsUser"]) == (
        {"a": "b"},
        "low",
        5,
    )
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert job["spec"]["template"]["metadata"]["labels"]["team"] == "x"
    json.dumps(job)


def test_kueue_gets_a_suspended_job_with_its_label() -> None:
    plan = PLAN.model_copy(update={"queue_name": "rovers"})
    job = build_ingest_job(settings(), "u", plan, BATCH)
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "rovers"
    assert "suspend" not in build_ingest_job(settings(), "u", PLAN, BATCH)["spec"]
