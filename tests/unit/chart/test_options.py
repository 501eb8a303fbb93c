"""What values say of pods reaches every pod and every kind of Job, set-up steps and init containers included."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mm_contracts.batch import BatchSpec, LoadSpec, TransformSpec
from mm_contracts.connections import kafka_settings
from mm_contracts.plan import PlanSpec
from mm_operator.core.jobs import build_ingest_job, build_load_job, build_transform_job
from mm_operator.core.settings import OperatorSettings, PodOptions

from .conftest import CHART, EXTERNAL, VARIANTS, helm_template
from .objects import Object, containers, named, pod_templates
from .samples import SCHEMA, nested

Render = Callable[..., list[Object]]
JOBS = ("ingest", "load", "transform")
PARTS = {
    "operator.pod": ["Deployment/mars-operator"],
    "simulator.pod": ["Deployment/mars-simulator"],
    "docs.pod": ["Deployment/mars-docs"],
    "dashboard.pod": ["Deployment/mars-dashboard"],
    "setup.pod": [
        "CronJob/mars-schedule-coordinates",
        "CronJob/mars-schedule-images",
        "CronJob/mars-schedule-manifests",
        "Job/mars-setup",
        "Job/mars-topics",
        "Pod/mars-test-loop",
    ],
    "kafka.embedded.pod": ["StatefulSet/mars-kafka"],
    "minio.embedded.pod": ["StatefulSet/mars-minio"],
    "warehouse.embedded.pod": ["StatefulSet/mars-warehouse"],
    **{f"jobs.{kind}.pod": [f"made/{kind}"] for kind in JOBS},
}
"""Values with options of a part's pods, and the pods."""


def _rendered(values: dict[str, Any], folder: Path, *arguments: str) -> list[Object]:
    text = json.dumps(nested(values))
    # A name of its own for each: renderings are remembered by their arguments.
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    path.write_text(text)
    answer = helm_template(f"--values={path}", *arguments)
    assert answer.returncode == 0, answer.stderr
    return [one for one in yaml.load_all(answer.stdout, yaml.CSafeLoader) if one]


def made_jobs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield (name, pod template) of the Jobs that the operator makes with the rendered settings."""
    (text,) = [one["data"]["operator.json"] for one in objects if "operator.json" in one.get("data", {})]
    settings = OperatorSettings.model_validate_json(text).model_copy(update={"namespace": "mars"})
    plan = PlanSpec.model_validate({"rovers": [{"name": "Curiosity", "sols": ["1"]}]})
    batch = BatchSpec(
        plan="p", batch=0, attempt=1, dataset="photos", rover="Curiosity", sols="1", source="", stamp="a", trace_id="b"
    )
    made = {
        "ingest": build_ingest_job(settings, "uid", plan, batch),
        "load": build_load_job(settings, LoadSpec(load_id="a", trace_id="b")),
        "transform": build_transform_job(settings, TransformSpec(run_id="a", trace_id="b")),
    }
    yield from ((f"made/{kind}", job["spec"]["template"]) for kind, job in made.items())


def every_pod(objects: list[Object]) -> dict[str, Object]:
    """Return all pod templates by name, those of the operator's Jobs included."""
    # The topics' Job has a name of its own in each release.
    named_pods = ((re.sub(r"-topics-.*", "-topics", name), template) for name, template in pod_templates(objects))
    return dict([*named_pods, *made_jobs(objects)])


OPTIONS: dict[str, Any] = {
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "labels": {"team": "mars"},
    "annotations": {"example.org/note": "yes"},
    "priorityClassName": "low",
    "runAsUser": 4242,
    "securityContext": {"supplementalGroups": [7]},
    "containerSecurityContext": {"readOnlyRootFilesystem": False},
    "extraEnv": [{"name": "EXTRA", "value": "1"}],
    "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
    "extraVolumes": [{"name": "extra", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
}


def _has_options(name: str, template: Object) -> None:
    pod, metadata = template["spec"], template["metadata"]
    for field in ("nodeSelector", "affinity", "topologySpreadConstraints", "priorityClassName"):
        assert pod[field] == OPTIONS[field], f"{name}: {field}"
    # Jobs tolerate a lost node for a while, by themselves.
    assert OPTIONS["tolerations"][0] in pod["tolerations"], name
    assert metadata["labels"]["team"] == "mars", name
    assert metadata["annotations"]["example.org/note"] == "yes", name
    security = pod["securityContext"]
    assert (security["runAsUser"], security["fsGroup"], security["supplementalGroups"]) == (4242, 4242, [7]), name
    assert security["runAsNonRoot"] is True, name
    assert {"name": "extra", "emptyDir": {}} in pod["volumes"], name
    for container in containers(template):
        where = f"{name}/{container['name']}"
        assert container["securityContext"]["readOnlyRootFilesystem"] is False, where
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, where
        assert {"name": "EXTRA", "value": "1"} in container["env"], where
        assert {"configMapRef": {"name": "more"}} in container["envFrom"], where
        assert {"name": "extra", "mountPath": "/extra"} in container["volumeMounts"], where
        mounts = [mount["name"] for mount in container["volumeMounts"]]
        volumes = [volume["name"] for volume in pod["volumes"]] + ["data"]
        assert set(mounts) <= set(volumes), where


def test_values_have_every_option_of_the_model() -> None:
    names = set(PodOptions.model_json_schema(by_alias=True)["properties"])
    assert set(SCHEMA["properties"]["pod"]["properties"]) - {"setUser"} == names
    assert set(OPTIONS) == names


def test_options_of_all_pods_reach_all_pods(tmp_path: Path) -> None:
    objects = _rendered({f"pod.{name}": value for name, value in OPTIONS.items()}, tmp_path)
    pods = every_pod(objects)
    assert set(pods) >= {name for names in PARTS.values() for name in names}
    for name, template in pods.items():
        _has_options(name, template)


def test_options_of_a_part_reach_its_pods_alone(tmp_path: Path) -> None:
    classes = {path: f"class-{number}" for number, path in enumerate(PARTS)}
    pods = every_pod(
        _rendered({path: {**OPTIONS, "priorityClassName": name} for path, name in classes.items()}, tmp_path)
    )
    for path, names in PARTS.items():
        found = {name for name, template in pods.items() if template["spec"]["priorityClassName"] == classes[path]}
        assert found == set(names), path
        for name in names:
            # Which part's they are is seen: now whether they are whole.
            pods[name]["spec"]["priorityClassName"] = OPTIONS["priorityClassName"]
            _has_options(name, pods[name])
    own = every_pod(_rendered({"jobs.load.pod": OPTIONS}, tmp_path))
    assert {name for name, pod in own.items() if pod["metadata"]["labels"].get("team")} == {"made/load"}


def test_a_part_comes_before_what_all_share(tmp_path: Path) -> None:
    shared = {"pod.labels": {"team": "mars", "cost": "low"}, "pod.priorityClassName": "low"}
    own = {"jobs.load.pod": {"labels": {"cost": "high"}, "priorityClassName": ""}}
    pods = every_pod(_rendered(shared | own, tmp_path))
    load = pods["made/load"]
    assert (load["metadata"]["labels"]["team"], load["metadata"]["labels"]["cost"]) == ("mars", "high")
    assert "priorityClassName" not in load["spec"]
    assert pods["made/ingest"]["metadata"]["labels"]["cost"] == "low"


def test_no_option_breaks_what_selects_the_pods(tmp_path: Path) -> None:
    theirs = {"app.kubernetes.io/instance": "other", "app.kubernetes.io/component": "other"}
    objects = _rendered({"pod.labels": theirs, "commonLabels": theirs}, tmp_path)
    for name, template in every_pod(objects).items():
        labels = template["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "mars", name
        assert labels["app.kubernetes.io/component"] != "other", name


def test_every_container_may_have_a_limit_of_cpu(tmp_path: Path) -> None:
    """As a ResourceQuota on limits.cpu asks of each of them."""
    limits = {"limits": {"cpu": "1", "memory": "512Mi"}}
    sections = [
        "operator",
        "simulator",
        "docs",
        "dashboard",
        "setup",
        "kafka.embedded",
        "minio.embedded",
        "warehouse.embedded",
    ]
    values = {f"{section}.resources": limits for section in [*sections, *(f"jobs.{kind}" for kind in JOBS)]}
    for variant in ("default", "everything"):
        for name, template in every_pod(_rendered(values, tmp_path, *VARIANTS[variant])).items():
            for container in containers(template):
                assert container["resources"]["limits"]["cpu"] == "1", f"{name}/{container['name']}"


def test_the_cluster_may_choose_the_user(tmp_path: Path) -> None:
    for name, template in every_pod(_rendered({"pod.setUser": False}, tmp_path)).items():
        security = template["spec"]["securityContext"]
        assert not set(security) & {"runAsUser", "runAsGroup", "fsGroup"}, name
        assert security["runAsNonRoot"] is True, name


def test_common_labels_are_on_everything(tmp_path: Path) -> None:
    objects = _rendered({"commonLabels": {"team": "mars"}, "crds.install": False}, tmp_path)
    assert not [one["metadata"]["name"] for one in objects if one["metadata"]["labels"].get("team") != "mars"]
    assert not [name for name, pod in every_pod(objects).items() if pod["metadata"]["labels"].get("team") != "mars"]


def test_names_follow_the_override_everywhere(tmp_path: Path) -> None:
    values = {"fullnameOverride": "archive", "nameOverride": "martian", "access.aggregatedClusterRoles": True}
    objects = _rendered(values | {"crds.install": False}, tmp_path)
    for one in objects:
        assert "archive" in one["metadata"]["name"], one["metadata"]["name"]
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "martian"
    text = json.dumps(objects).replace("app.kubernetes.io/instance", "")
    # The namespace and the release are called mars; of what objects are called nothing begins with the release.
    assert "mars-" not in text.replace("mars-photos", "").replace("mars-archive-ingestionplans", "")
    for name, pod in every_pod(objects).items():
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "martian", name


def test_every_image_comes_from_the_mirror(tmp_path: Path) -> None:
    values = {"global.imageRegistry": "mirror.example.org:5000", "image.registry": "elsewhere.example.org"}
    for name, template in every_pod(_rendered(values, tmp_path)).items():
        for container in containers(template):
            assert container["image"].startswith("mirror.example.org:5000/"), name


def test_a_digest_names_the_image(tmp_path: Path) -> None:
    digest = "sha256:" + "0" * 64
    values = {f"{image}.digest": digest for image in ("image", "kafka.embedded.image", "minio.embedded.image")}
    objects = _rendered(values | {"image.registry": "r.example.org"}, tmp_path)
    for name, template in every_pod(objects).items():
        for container in containers(template):
            assert container["image"].endswith(f"@{digest}"), name
    assert every_pod(objects)["made/load"]["spec"]["containers"][0]["image"].startswith("r.example.org/martian")


@pytest.mark.parametrize("tag", ["v1.2.3_build.7", "A" * 128, "1e3", "0123", "_x_"])
def test_odd_tags_break_no_label(tag: str, tmp_path: Path) -> None:
    for one in _rendered({"image.tag": tag, "crds.install": False}, tmp_path):
        version = one["metadata"]["labels"]["app.kubernetes.io/version"]
        assert len(version) <= 63
        assert version.strip("-_.") == version


def test_a_private_authority_is_trusted_by_all_that_speak_tls(tmp_path: Path) -> None:
    tls = [*EXTERNAL, "--set=kafka.external.caSecret="]
    objects = _rendered({"trustedCa.secret": "corporate", "trustedCa.key": "root.pem"}, tmp_path, *tls)
    for name, template in every_pod(objects).items():
        if name == "Deployment/mars-simulator":
            continue
        assert {
            "name": "trusted-ca",
            "secret": {"secretName": "corporate", "items": [{"key": "root.pem", "path": "root.pem"}]},
        } in template["spec"]["volumes"], name
        for container in containers(template):
            words = [*container.get("command", []), *container.get("args", [])]
            assert "mars-trust" in words, f"{name}: {words}"
            env = {one["name"]: one.get("value") for one in container["env"]}
            assert env["MARS_TRUSTED_CA"] == "/etc/martian-moments-ca/root.pem"
            assert env["SSL_CERT_FILE"] == env["REQUESTS_CA_BUNDLE"] == env["AWS_CA_BUNDLE"] == "/tmp/trusted-ca.crt"
            assert {"name": "trusted-ca", "mountPath": "/etc/martian-moments-ca", "readOnly": True} in container[
                "volumeMounts"
            ], name
    env = named(objects, "ConfigMap", "mars-env")["data"] | {"KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "p"}
    assert kafka_settings(env, lambda where: where)["ssl.ca.pem"] == "/tmp/trusted-ca.crt"


def test_the_bundle_holds_the_systems_authorities_too(tmp_path: Path) -> None:
    own, bundle = tmp_path / "own.crt", tmp_path / "bundle.crt"
    own.write_text("OUR AUTHORITY\n")
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    if not system.exists():
        pytest.skip("this machine has no /etc/ssl/certs/ca-certificates.crt")
    env = {**os.environ, "MARS_TRUSTED_CA": str(own), "SSL_CERT_FILE": str(bundle)}
    script = CHART.parents[1] / "docker/trust.sh"
    said = subprocess.run([script, "echo", "ran", "$HOME"], env=env, capture_output=True, text=True, check=True)
    assert said.stdout == "ran $HOME\n"
    assert bundle.read_text() == system.read_text() + own.read_text()
    failed = subprocess.run([script, "echo", "ran"], env=env | {"MARS_TRUSTED_CA": "/nowhere"}, capture_output=True)
    assert (failed.returncode != 0, failed.stdout) == (True, b"")


def test_two_places_of_an_authority_are_refused() -> None:
    answer = helm_template("--set=trustedCa.secret=a", "--set=trustedCa.configMap=b")
    assert "trustedCa: name a ConfigMap or a Secret, not both" in answer.stderr


def test_a_proxy_is_told_to_all_and_left_alone_inside(tmp_path: Path) -> None:
    values = {"proxy.https": "http://proxy.example.org:3128", "proxy.noProxy": ["s3.example.org"]}
    objects = _rendered(values, tmp_path, *VARIANTS["team"])
    for name, template in every_pod(objects).items():
        if name.startswith("StatefulSet"):
            continue
        for container in containers(template):
            env = {one["name"]: one.get("value") for one in container["env"]}
            assert env["HTTPS_PROXY"] == env["https_proxy"] == "http://proxy.example.org:3128", name
            assert "HTTP_PROXY" not in env
            direct = env["NO_PROXY"].split(",")
            assert {"s3.example.org", ".svc", "mars-minio", "mars-operator", "$(KUBERNETES_SERVICE_HOST)"} <= set(
                direct
            )


def test_without_a_proxy_nothing_is_said_of_one(render: Render) -> None:
    for name, template in every_pod(render()).items():
        for container in containers(template):
            assert not [one for one in container.get("env", []) if "PROXY" in one["name"]], name


def test_a_service_account_stands_for_the_stores_key(tmp_path: Path) -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/mars"}
    external = [one for one in EXTERNAL if "minio.existingSecret" not in one]
    values = {"minio.external.credentials": "serviceAccount", "serviceAccounts.jobs.annotations": role}
    objects = _rendered(values, tmp_path, *external)
    assert named(objects, "ServiceAccount", "mars-jobs")["metadata"]["annotations"] == role
    for name, template in every_pod(objects).items():
        for container in containers(template):
            keys = [one for one in container.get("env", []) if "ACCESS_KEY" in one["name"]]
            assert not keys, name
        if name.startswith("made/") or name in ("Job/mars-setup", "Deployment/mars-docs"):
            assert template["spec"]["serviceAccountName"] == "mars-jobs", name


def test_service_accounts_may_be_anothers(tmp_path: Path) -> None:
    values = {f"serviceAccounts.{who}": {"create": False, "name": f"their-{who}"} for who in ("operator", "jobs")}
    objects = _rendered(values, tmp_path)
    made = {one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"}
    assert not made & {"mars-operator", "mars-jobs"}
    pods = every_pod(objects)
    assert pods["Deployment/mars-operator"]["spec"]["serviceAccountName"] == "their-operator"
    assert pods["made/ingest"]["spec"]["serviceAccountName"] == "their-jobs"
    (binding,) = named(objects, "RoleBinding", "mars-operator")["subjects"]
    assert binding["name"] == "their-operator"
    renamed = _rendered({"serviceAccounts.jobs.name": "archivist"}, tmp_path)
    assert named(renamed, "ServiceAccount", "archivist")
    assert every_pod(renamed)["made/load"]["spec"]["serviceAccountName"] == "archivist"


def test_keys_of_secrets_may_have_other_names(tmp_path: Path) -> None:
    values = {
        "minio.secretKeys": {"accessKeyId": "id", "secretAccessKey": "secret"},
        "warehouse.secretKeys": {"user": "u", "privateKey": "k.p8", "passphrase": "pp"},
        "kafka.external.secretKeys": {"username": "username", "password": "password"},
    }
    objects = _rendered(values, tmp_path, *EXTERNAL)
    load = every_pod(objects)["made/load"]["spec"]
    keys = {
        one["name"]: one["valueFrom"]["secretKeyRef"]["key"]
        for one in load["containers"][0]["env"]
        if "secretKeyRef" in one.get("valueFrom", {})
    }
    assert keys == {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "SNOWFLAKE_USER": "u",
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "pp", "KAFKA_USERNAME": "username", "KAFKA_PASSWORD": "password",
    }  # fmt: skip
    (key,) = [one for one in load["volumes"] if one["name"] == "snowflake-key"]
    assert key["secret"]["items"] == [{"key": "k.p8", "path": "key.p8"}]
    own = _rendered({"minio.secretKeys.accessKeyId": "id", "warehouse.secretKeys.user": "u"}, tmp_path)
    assert set(named(own, "Secret", "mars-minio")["data"]) == {"id", "AWS_SECRET_ACCESS_KEY"}
    assert set(named(own, "Secret", "mars-warehouse")["data"]) == {"u", "SNOWFLAKE_PASSWORD"}


def test_services_may_have_two_families(tmp_path: Path) -> None:
    values = {
        "service.ipFamilyPolicy": "PreferDualStack",
        "service.ipFamilies": ["IPv6", "IPv4"],
        "service.listen": "::",
    }
    objects = _rendered(values, tmp_path)
    services = [one["spec"] for one in objects if one["kind"] == "Service"]
    assert services
    assert all(one["ipFamilyPolicy"] == "PreferDualStack" for one in services)
    assert all(one["ipFamilies"] == ["IPv6", "IPv4"] for one in services)
    pods = every_pod(objects)
    env = pods["StatefulSet/mars-warehouse"]["spec"]["containers"][0]["env"]
    assert {"name": "WAREHOUSE_HOST", "value": "::"} in env
    assert {"name": "SIM_HOST", "value": "::"} in pods["Deployment/mars-simulator"]["spec"]["containers"][0]["env"]


def test_nobody_reaches_the_clouds_metadata(render: Render) -> None:
    seen = 0
    for variant in ("default", "team", "external"):
        for one in render(*VARIANTS[variant]):
            if one["kind"] != "NetworkPolicy":
                continue
            for rule in one["spec"].get("egress", []):
                for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
                    if block["cidr"] == "0.0.0.0/0":
                        assert block["except"] == ["169.254.169.254/32"], one["metadata"]["name"]
                        seen += 1
                    if block["cidr"] == "::/0":
                        assert block["except"] == ["fd00:ec2::254/128"], one["metadata"]["name"]
    assert seen > 3


def test_an_exception_lies_in_its_block(tmp_path: Path) -> None:
    narrow = {"networkPolicy.externalCidrs": ["10.0.0.0/8"], "networkPolicy.apiServerCidrs": ["10.96.0.1/32"]}
    for values in (narrow, {"networkPolicy.exceptCidrs": []}):
        assert '"except"' not in json.dumps(_rendered(values, tmp_path, *VARIANTS["team"]))


def test_the_proxys_port_is_open(tmp_path: Path) -> None:
    values = {"proxy.http": "http://proxy.example.org:3128", "proxy.https": "http://proxy.example.org"}
    policy = named(_rendered(values, tmp_path, *VARIANTS["team"]), "NetworkPolicy", "mars-ingest")
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert 3128 in ports


def test_metrics_are_read_from_the_namespaces_that_are_named_alone(tmp_path: Path) -> None:
    def readers(values: dict[str, Any]) -> list[Any]:
        policy = named(_rendered(values, tmp_path), "NetworkPolicy", "mars-operator")
        peers = [peer for rule in policy["spec"]["ingress"] for peer in rule["from"]]
        return [peer["namespaceSelector"]["matchLabels"] for peer in peers if "namespaceSelector" in peer]

    assert readers({}) == [{"kubernetes.io/metadata.name": "monitoring"}]
    assert readers({"networkPolicy.metricsNamespaceLabels": {"team": "sre"}}) == [{"team": "sre"}]


def test_a_changed_line_of_the_brokers_configuration_restarts_it(tmp_path: Path) -> None:
    def checksum(value: Any) -> str:
        objects = _rendered({"kafka.embedded.extraConfig": {"log.segment.bytes": value}}, tmp_path)
        properties = named(objects, "ConfigMap", "mars-kafka")["data"]["server.properties"]
        assert f"log.segment.bytes={value}" in properties.splitlines()
        template = named(objects, "StatefulSet", "mars-kafka")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum(16_777_216) != checksum(33_554_432)


def test_whole_numbers_are_written_out(tmp_path: Path) -> None:
    values = {"simulator.env": {"SIM_RATE_LIMIT_PER_HOUR": 1_000_000}, "planning.maxPhotos": 10_000_000}
    objects = _rendered(values, tmp_path)
    env = every_pod(objects)["Deployment/mars-simulator"]["spec"]["containers"][0]["env"]
    assert {"name": "SIM_RATE_LIMIT_PER_HOUR", "value": "1000000"} in env
    assert named(objects, "ConfigMap", "mars-env")["data"]["MARS_PLANNING_MAX_PHOTOS"] == "10000000"
