"""What Strimzi (1.2.0) was seen to make of our resources: the names, ports, keys and labels that we lean on."""

import json
from collections.abc import Callable

import pytest

from .conftest import VARIANTS, helm_template
from .objects import Object, matches, named, pod_templates

SERVICE, PORT = "mars-kafka-bootstrap", 9093
CA_SECRET = "mars-cluster-ca-cert"
USERS = {user: f"mars-kafka-{user}" for user in ("operator", "jobs", "minio", "dashboard")}
"""Each user's name, and that of its Secret, whose key is ``password``."""
BROKER_POD = {"strimzi.io/cluster": "mars", "strimzi.io/kind": "Kafka", "strimzi.io/name": "mars-kafka"}


@pytest.fixture
def objects(render: Callable[..., list[Object]]) -> list[Object]:
    return render(*VARIANTS["strimzi"])


def test_clients_use_the_service_and_port_that_strimzi_makes(objects: list[Object]) -> None:
    listener = named(objects, "Kafka", "mars")["spec"]["kafka"]["listeners"][0]
    assert (listener["port"], listener["type"], listener["tls"]) == (PORT, "internal", True)
    env = named(objects, "ConfigMap", "mars-env")["data"]
    assert env["KAFKA_BOOTSTRAP_SERVERS"] == f"{SERVICE}:{PORT}"


def test_users_and_secrets_have_the_names_that_strimzi_gives(objects: list[Object]) -> None:
    users = {one["metadata"]["name"]: one for one in objects if one["kind"] == "KafkaUser"}
    assert set(users) == set(USERS.values())
    for user in users.values():
        assert user["spec"]["authentication"] == {"type": "scram-sha-512"}
        assert user["metadata"]["labels"]["strimzi.io/cluster"] == "mars"
    told = json.dumps([template for _, template in pod_templates(objects)])
    assert f'"secretName": "{CA_SECRET}"' in told
    for secret in USERS.values():
        assert f'{{"name": "{secret}", "key": "password"}}' in told


def test_policies_let_every_client_reach_the_brokers(objects: list[Object]) -> None:
    for component in ("operator", "minio", "job-load", "job-sweep", "job-transform", "setup", "schedule", "dashboard"):
        labels = {
            "app.kubernetes.io/name": "martian-moments",
            "app.kubernetes.io/instance": "mars",
            "app.kubernetes.io/part-of": "martian-moments",
            "app.kubernetes.io/component": component,
        }
        ways = [
            rule
            for one in objects
            if one["kind"] == "NetworkPolicy" and matches(one["spec"]["podSelector"], labels)
            for rule in one["spec"].get("egress", [])
            if any("podSelector" in peer and matches(peer["podSelector"], BROKER_POD) for peer in rule.get("to", []))
        ]
        assert any({"port": PORT} in rule["ports"] for rule in ways), component


def test_an_uninstall_can_end(objects: list[Object], render: Callable[..., list[Object]]) -> None:
    def of(found: list[Object]) -> tuple[Object, bool]:
        (env,) = named(found, "Kafka", "mars")["spec"]["entityOperator"]["template"]["topicOperatorContainer"]["env"]
        (volume,) = named(found, "KafkaNodePool", "mars-kafka")["spec"]["storage"]["volumes"]
        return env, volume["deleteClaim"]

    assert of(objects) == ({"name": "STRIMZI_USE_FINALIZERS", "value": "false"}, False)
    values = ("--set=kafka.strimzi.useFinalizers=true", "--set=kafka.strimzi.persistence.deleteClaim=true")
    assert of(render(*VARIANTS["strimzi"], *values)) == ({"name": "STRIMZI_USE_FINALIZERS", "value": "true"}, True)


def test_advertised_ports_are_let_through(render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS["external"], "--set=kafka.external.brokerPorts={9095,9096}")
    (policy,) = [one for one in objects if one["metadata"]["name"] == "mars-kafka-clients"]
    assert {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]} == {9094, 9095, 9096}
    refused = helm_template(*VARIANTS["external"], "--set=kafka.external.brokerPorts={70000}")
    assert "brokerPorts" in refused.stderr


def test_pods_that_stay_are_made_anew_when_kafkas_secrets_changed(objects: list[Object]) -> None:
    # helm template cannot look into a cluster: that the checksum is there at all is what can be seen here.
    for kind, name in (("Deployment", "mars-operator"), ("StatefulSet", "mars-minio")):
        annotations = named(objects, kind, name)["spec"]["template"]["metadata"]["annotations"]
        assert len(annotations["checksum/kafka"]) == 64


def test_the_dashboard_reads_dead_letters_and_writes_only_with_its_buttons(
    objects: list[Object], render: Callable[..., list[Object]]
) -> None:
    def rights(found: list[Object]) -> dict[str, set[str]]:
        (user,) = [one for one in found if one["metadata"]["name"] == USERS["dashboard"]]
        return {one["resource"]["name"]: set(one["operations"]) for one in user["spec"]["authorization"]["acls"]}

    letters = {"ingestion-scheduling.dlq", "minio-events.dlq", "snowflake-load-complete.dlq"}
    assert rights(objects) == {name: {"Read", "Describe"} for name in letters}
    acting = rights(render(*VARIANTS["strimzi"], "--set=dashboard.actions.enabled=true"))
    assert acting == {name: {"Read", "Describe", "Write"} for name in letters} | {
        name.removesuffix(".dlq"): {"Write", "Describe"} for name in letters
    }
