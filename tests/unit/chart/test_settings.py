"""What the chart tells the processes, read as the processes read it."""

import base64
import re
from collections.abc import Callable

import pytest
from mm_cli.main import build_parser
from mm_cli.setup_bucket import DEFAULT_ARN
from mm_contracts.connections import external_stage, kafka_names, kafka_settings, warehouse_arguments
from mm_contracts.sources import Sources
from mm_contracts.topics import DLQ_ROOM, TOPICS, dead_letter_topic
from mm_operator.core.settings import OperatorSettings
from mm_operator.topics import GROUP
from mm_simulator.settings import load as simulator_settings

from .conftest import EXTERNAL, VARIANTS, helm_template
from .objects import Object, containers, named, pod_templates


def _env(objects: list[Object]) -> dict[str, str]:
    return dict(named(objects, "ConfigMap", "mars-env")["data"])


def _settings(objects: list[Object]) -> OperatorSettings:
    return OperatorSettings.model_validate_json(named(objects, "ConfigMap", "mars-operator")["data"]["operator.json"])


def test_the_operator_reads_its_settings(variant: list[Object]) -> None:
    settings = _settings(variant)
    assert settings.name_prefix == "mars"
    assert settings.owner_config_map == named(variant, "ConfigMap", "mars-owner")["metadata"]["name"]
    assert settings.instance == "mars"
    assert settings.service_account_name == named(variant, "ServiceAccount", "mars-jobs")["metadata"]["name"]
    assert settings.bucket == _env(variant)["S3_BUCKET"]
    # Fields of the model that the chart leaves to their defaults are few and known.
    assert OperatorSettings.model_fields.keys() - settings.model_fields_set <= {"namespace"}


def test_the_source_is_read(variant: list[Object]) -> None:
    text = named(variant, "ConfigMap", "mars-sources")["data"]["sources.json"]
    name, source = Sources.model_validate_json(text).pick("")
    assert source.base_url.startswith("http")
    assert name in ("simulator", "nebulum")


def test_own_sources_stand_beside_the_simulator(render: Callable[..., list[Object]]) -> None:
    objects = render("--set=source.sources.mine.baseUrl=https://photos.example.org/api/v1", "--set=source.default=mine")
    sources = Sources.model_validate_json(named(objects, "ConfigMap", "mars-sources")["data"]["sources.json"])
    assert set(sources.sources) == {"simulator", "mine"}
    assert sources.pick("")[0] == "mine"


def test_recorded_answers_lie_where_the_simulator_looks_for_them(render: Callable[..., list[Object]]) -> None:
    def of(objects: list[Object]) -> tuple[str, dict[str, Object], dict[str, Object]]:
        pod = named(objects, "Deployment", "mars-simulator")["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        folder = simulator_settings({one["name"]: one["value"] for one in container["env"]}).captures_dir
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        return folder, mounts, {volume["name"]: volume for volume in pod["volumes"]}

    folder, mounts, volumes = of(render("--set=simulator.capturesConfigMap=recorded"))
    assert mounts[folder]["readOnly"] is True
    assert volumes[mounts[folder]["name"]]["configMap"] == {"name": "recorded"}
    folder, mounts, volumes = of(render())
    assert folder == ""
    assert (set(mounts), set(volumes)) == ({"/tmp"}, {"tmp"})


def test_clients_find_embedded_parts(render: Callable[..., list[Object]]) -> None:
    objects = render()
    env = _env(objects)
    secret = {
        key: base64.b64decode(value).decode()
        for key, value in named(objects, "Secret", "mars-warehouse")["data"].items()
    }
    arguments = warehouse_arguments(env | secret)
    assert (arguments["host"], arguments["port"]) == ("mars-warehouse", 8080)
    assert len(arguments["password"]) == 32
    assert kafka_settings(env) == {"bootstrap.servers": "mars-kafka:9092"}
    for host in ("mars-warehouse", "mars-kafka", "mars-minio", "mars-simulator", "mars-operator"):
        assert named(objects, "Service", host)


def test_clients_prove_themselves_to_strimzis_kafka(render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS["strimzi"])
    users = {one["metadata"]["name"] for one in objects if one["kind"] == "KafkaUser"}
    for name, template in pod_templates(objects):
        for container in containers(template):
            names = [
                one["valueFrom"]["secretKeyRef"]["name"]
                for one in container.get("env", [])
                if "PASSWORD" in one["name"] and "KAFKA" in one["name"]
            ]
            assert set(names) <= users, name
    kafka_jobs = _settings(objects).jobs.load
    assert {"name": "KAFKA_USERNAME", "value": "mars-kafka-jobs"} in kafka_jobs.env
    assert any(volume["name"] == "kafka-ca" for volume in kafka_jobs.volumes)


def test_a_key_pair_is_a_file_and_no_variable(render: Callable[..., list[Object]]) -> None:
    load = _settings(render(*VARIANTS["external"])).jobs.load
    names = {one["name"] for one in load.env}
    assert "SNOWFLAKE_PRIVATE_KEY_PATH" in names
    assert not names & {"SNOWFLAKE_PASSWORD", "SNOWFLAKE_PRIVATE_KEY"}
    assert {
        "name": "snowflake-key",
        "mountPath": "/etc/martian-moments-snowflake",
        "readOnly": True,
    } in load.volume_mounts


def test_load_jobs_are_told_the_external_stage(render: Callable[..., list[Object]]) -> None:
    stage = "MARS.BRONZE.ARCHIVE"
    with_one = render(*EXTERNAL, f"--set=warehouse.snowflake.externalStage={stage}")
    assert external_stage(_env(with_one)) == stage
    assert {"configMapRef": {"name": "mars-env"}} in _settings(with_one).jobs.load.env_from
    for variant in ("default", "external"):
        assert external_stage(_env(render(*VARIANTS[variant]))) is None


def test_each_job_gets_the_secrets_of_its_work_alone(render: Callable[..., list[Object]]) -> None:
    def secrets(kind: str, *arguments: str) -> set[str]:
        job = _settings(render(*arguments)).jobs.of(kind)  # type: ignore[arg-type]
        by_key = {one["valueFrom"]["secretKeyRef"]["name"] for one in job.env if "valueFrom" in one}
        return by_key | {one["secretRef"]["name"] for one in job.env_from if "secretRef" in one}

    assert secrets("ingest") == {"mars-minio", "mars-source"}
    assert secrets("load") == {"mars-minio", "mars-warehouse"}
    # The page that describes the models goes to the bucket.
    assert secrets("transform") == {"mars-warehouse", "mars-minio"}
    assert secrets("transform", "--set=docs.enabled=false") == {"mars-warehouse"}


def test_the_docs_are_made_and_served_or_neither(render: Callable[..., list[Object]]) -> None:
    def interval(objects: list[Object]) -> list[str]:
        env = _settings(objects).jobs.of("transform").env
        return [one["value"] for one in env if one["name"] == "MARS_DOCS_INTERVAL_SECONDS"]

    with_docs = render("--set=docs.intervalSeconds=60", "--set=docs.existingSecret=reader")
    assert interval(with_docs) == ["60"]
    (server,) = containers(named(with_docs, "Deployment", "mars-docs")["spec"]["template"])
    assert build_parser().parse_args(server["args"][1:]).port == server["ports"][0]["containerPort"]
    keys = {one["valueFrom"]["secretKeyRef"]["name"] for one in server["env"] if "secretKeyRef" in one["valueFrom"]}
    assert keys == {"reader"}
    assert "envFrom" not in server
    without = render("--set=docs.enabled=false")
    assert interval(without) == []
    assert not [one for one in without if one["metadata"]["name"] == "mars-docs"]


def test_the_operator_pod_holds_no_secret(render: Callable[..., list[Object]]) -> None:
    for name in ("default", "external"):
        template = named(render(*VARIANTS[name]), "Deployment", "mars-operator")["spec"]["template"]
        held = {
            one["valueFrom"]["secretKeyRef"]["name"]
            for container in containers(template)
            for one in container.get("env", [])
            if "secretKeyRef" in one.get("valueFrom", {})
        }
        assert held == ({"my-kafka"} if name == "external" else set())


def test_no_secret_lies_in_a_config_map(render: Callable[..., list[Object]]) -> None:
    objects = render()
    hidden = [
        base64.b64decode(value).decode()
        for one in objects
        if one["kind"] == "Secret"
        for key, value in one["data"].items()
        if key != "SNOWFLAKE_USER"
    ]
    assert len(hidden) == 5
    assert all(len(secret) >= 20 for secret in hidden)
    told = "".join(text for one in objects if one["kind"] == "ConfigMap" for text in one["data"].values())
    assert not [secret for secret in hidden if secret in told]


def test_minio_reports_to_the_topic_that_the_bucket_names(render: Callable[..., list[Object]]) -> None:
    objects = render()
    (minio,) = named(objects, "StatefulSet", "mars-minio")["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one.get("value") for one in minio["env"]}
    assert env["MINIO_NOTIFY_KAFKA_TOPIC_MARS"] in TOPICS
    assert env["MINIO_NOTIFY_KAFKA_BROKERS_MARS"] == "mars-kafka:9092"
    steps = containers(named(objects, "Job", "mars-setup")["spec"]["template"])
    (bucket,) = [step for step in steps if step["name"] == "bucket"]
    assert f"--arn={DEFAULT_ARN}" in bucket["args"]


def test_strimzi_makes_the_topics_of_the_contracts(render: Callable[..., list[Object]]) -> None:
    topics = {one["metadata"]["name"] for one in render(*VARIANTS["strimzi"]) if one["kind"] == "KafkaTopic"}
    assert topics == {name for topic in TOPICS for name in (topic, dead_letter_topic(topic))}


@pytest.mark.parametrize("prefix", ["", "team-a.", "Team_A."])
def test_a_prefix_stands_before_every_topic_and_group(prefix: str, render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS["strimzi"], f"--set=kafka.topicPrefix={prefix}")
    names = kafka_names(_env(objects))
    assert names.prefix == prefix
    wanted = {name for topic in names.topics for name in (topic, dead_letter_topic(topic))}
    topics = [one for one in objects if one["kind"] == "KafkaTopic"]
    assert {one["spec"].get("topicName", one["metadata"]["name"]) for one in topics} == wanted
    assert len({one["metadata"]["name"] for one in topics}) == len(wanted)
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", one["metadata"]["name"]) for one in topics)
    rules = [
        (one["metadata"]["name"], rule)
        for one in objects
        if one["kind"] == "KafkaUser"
        for rule in one["spec"]["authorization"]["acls"]
    ]
    assert {rule["resource"]["name"] for _, rule in rules if rule["resource"]["type"] == "topic"} == wanted
    groups = [rule["resource"] for user, rule in rules if rule["resource"]["type"] == "group"]
    assert all(group["patternType"] == "prefix" for group in groups)
    for group in (GROUP, "mars-cli"):
        assert any(names.group(group).startswith(one["name"]) for one in groups), group
    (minio,) = named(objects, "StatefulSet", "mars-minio")["spec"]["template"]["spec"]["containers"]
    told = {one["name"]: one.get("value") for one in minio["env"]}
    assert told["MINIO_NOTIFY_KAFKA_TOPIC_MARS"] == names.topic("minio-events")


def test_kafka_has_room_for_dead_letters(render: Callable[..., list[Object]]) -> None:
    most = 2_000_000
    larger = f"--set=kafka.topics.maxMessageBytes={most}"
    strimzi = render(*VARIANTS["strimzi"], larger)
    limits = {
        one["metadata"]["name"]: one["spec"]["config"]["max.message.bytes"]
        for one in strimzi
        if one["kind"] == "KafkaTopic"
    }
    assert {limits[topic] for topic in TOPICS} == {most}
    assert {limits[dead_letter_topic(topic)] for topic in TOPICS} == {most + DLQ_ROOM}
    broker = named(strimzi, "Kafka", "mars")["spec"]["kafka"]["config"]
    assert (broker["message.max.bytes"], broker["replica.fetch.max.bytes"]) == (most + DLQ_ROOM, most + DLQ_ROOM)
    embedded = named(render(larger), "ConfigMap", "mars-kafka")["data"]["server.properties"]
    assert f"message.max.bytes={most + DLQ_ROOM}" in embedded.splitlines()


REFUSALS = {
    "kafka.external.bootstrapServers": ("--set=kafka.provider=external",),
    "kafka.external.existingSecret": (
        "--set=kafka.provider=external", "--set=kafka.external.bootstrapServers=a:1",
        "--set=kafka.external.securityProtocol=SASL_SSL",
    ),
    "kafka.external.caSecret": (
        "--set=kafka.provider=external", "--set=kafka.external.bootstrapServers=a:1",
        "--set=kafka.external.caSecret=ca",
    ),
    "minio.existingSecret": ("--set=minio.provider=external",),
    "warehouse.existingSecret": (
        "--set=warehouse.provider=snowflake", "--set=warehouse.snowflake.account=a",
    ),
    "warehouse.snowflake.account": ("--set=warehouse.provider=snowflake", "--set=warehouse.existingSecret=a"),
    "warehouse.snowflake.externalStage": ("--set=warehouse.snowflake.externalStage=MARS.BRONZE.ARCHIVE",),
    "/warehouse/snowflake/externalStage": (*EXTERNAL, "--set=warehouse.snowflake.externalStage=ARCHIVE"),
    "there is no source": ("--set=simulator.enabled=false",),
    'there is no source "nasa"': ("--set=source.default=nasa",),
    "maxConcurentJobs": ("--set=operator.maxConcurentJobs=2",),
    "/kafka/provider": ("--set=kafka.provider=redpanda",),
    "/pod/runAsUser": ("--set=pod.runAsUser=0",),
}  # fmt: skip


@pytest.mark.parametrize("said", sorted(REFUSALS))
def test_values_that_cannot_work_are_refused_by_name(said: str) -> None:
    answer = helm_template(*REFUSALS[said])
    assert answer.returncode != 0
    assert said in answer.stderr


def test_external_parts_leave_nothing_of_their_own(render: Callable[..., list[Object]]) -> None:
    objects = render(*EXTERNAL)
    assert not [one for one in objects if one["kind"] == "StatefulSet"]
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "Secret"] == ["mars-source"]


def test_who_schedules_manifests_knows_the_sources(render: Callable[..., list[Object]]) -> None:
    variant, seen = render(), 0
    for _, template in pod_templates(variant):
        for container in containers(template):
            if "schedule" in container.get("args", []):
                mount = next(one for one in container["volumeMounts"] if one["name"] == "sources")
                volume = next(one for one in template["spec"]["volumes"] if one["name"] == "sources")
                held = named(variant, "ConfigMap", volume["configMap"]["name"])["data"]
                assert mount["mountPath"] == f"/etc/martian-moments/{mount['subPath']}"
                assert mount["mountPath"] == _env(variant)["MARS_SOURCES_FILE"]
                Sources.model_validate_json(held[mount["subPath"]])
                seen += 1
    assert seen == 5  # after the install and by the clock, manifests and coordinates; images by the clock
