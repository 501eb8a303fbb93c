"""Every pod that the chart makes: what it may, what it names, what it costs."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from mm_operator.core.settings import OperatorSettings

from .conftest import VARIANTS
from .objects import Object, containers, matches, named, pod_templates


def test_pods_meet_pod_security_restricted(variant: list[Object]) -> None:
    for name, template in pod_templates(variant):
        pod = template["spec"]["securityContext"]
        assert pod["runAsNonRoot"] is True, name
        assert pod["runAsUser"] > 0, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
        kinds = {key for volume in template["spec"]["volumes"] for key in volume if key != "name"}
        assert kinds <= {"emptyDir", "configMap", "secret", "projected"}, name


def test_containers_say_what_they_need_and_no_more(variant: list[Object]) -> None:
    for name, template in pod_templates(variant):
        for container in containers(template):
            resources = container["resources"]
            assert set(resources["requests"]) == {"cpu", "memory"}, name
            # A limit of CPU would throttle starts; a limit of memory keeps one part from taking the node.
            assert set(resources["limits"]) == {"memory"}, name
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"], name


def test_only_the_operator_and_the_dashboard_have_a_token(variant: list[Object]) -> None:
    with_token = [name for name, template in pod_templates(variant) if template["spec"]["automountServiceAccountToken"]]
    assert sorted(with_token) == ["Deployment/mars-dashboard", "Deployment/mars-operator"]
    assert all(template["spec"]["enableServiceLinks"] is False for _, template in pod_templates(variant))


def test_images_are_pinned(variant: list[Object]) -> None:
    for name, template in pod_templates(variant):
        for container in containers(template):
            assert re.search(r":[\w.-]*\d[\w.-]*$", container["image"]), f"{name}: {container['image']}"


def _millis(cpu: str) -> int:
    return int(cpu.removesuffix("m")) if cpu.endswith("m") else int(cpu) * 1000


def test_the_demo_leaves_most_of_two_cores_to_its_jobs(render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS["demo"])
    standing = [
        container["resources"]["requests"]["cpu"]
        for name, template in pod_templates(objects)
        if name.startswith(("Deployment", "StatefulSet"))
        for container in template["spec"]["containers"]
    ]
    # The control plane of a one-node cluster itself requests half of them, and tests run a second release.
    assert sum(map(_millis, standing)) <= 250


def _references(value: Any) -> list[tuple[str, str, str | None, bool]]:
    """Return (kind, name, key, optional) of all ConfigMaps and Secrets named anywhere in a value."""
    found: list[tuple[str, str, str | None, bool]] = []
    if isinstance(value, list):
        for item in value:
            found += _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("configMapKeyRef", "secretKeyRef", "configMapRef", "secretRef") and "name" in item:
                kind = "ConfigMap" if key.startswith("configMap") else "Secret"
                found.append((kind, item["name"], item.get("key"), item.get("optional", False)))
            elif key == "configMap" and "name" in item:
                found.append(("ConfigMap", item["name"], None, False))
            elif key == "secret" and "secretName" in item:
                keys = [entry["key"] for entry in item.get("items", [])]
                found += [("Secret", item["secretName"], key, False) for key in keys or [None]]
            else:
                found += _references(item)
    return found


THEIRS = {
    "default": set(),
    "external": {"my-kafka", "my-ca", "my-store", "my-snowflake"},
    "strimzi": {
        "mars-cluster-ca-cert", "mars-kafka-operator", "mars-kafka-jobs", "mars-kafka-minio", "mars-kafka-dashboard",
    },
    "team": {
        "mars-cluster-ca-cert", "mars-kafka-operator", "mars-kafka-jobs", "mars-kafka-minio", "mars-kafka-dashboard",
        "mars-snowflake",
    },
}  # fmt: skip
"""Secrets that somebody else makes: the user, or Strimzi for its users and its authority."""


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_what_pods_name_is_there(name: str, render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS[name])
    data = {
        (one["kind"], one["metadata"]["name"]): set(one.get("data", {}))
        for one in objects
        if one["kind"] in ("ConfigMap", "Secret")
    }
    settings = OperatorSettings.model_validate_json(
        named(objects, "ConfigMap", "mars-operator")["data"]["operator.json"]
    )
    wanted = _references([template for _, template in pod_templates(objects)])
    wanted += _references(
        [settings.jobs.of(kind).model_dump(by_alias=True) for kind in ("ingest", "load", "transform")]
    )
    assert wanted
    missing = set()
    for kind, secret, key, optional in wanted:
        if (kind, secret) not in data:
            missing.add(secret)
        elif key and not optional:
            assert key in data[kind, secret], f"{kind} {secret} has no {key}"
    assert missing == THEIRS[name]


def test_services_lead_to_pods(variant: list[Object]) -> None:
    services = [one for one in variant if one["kind"] == "Service"]
    assert services
    for service in services:
        targets = [
            template
            for _, template in pod_templates(variant)
            if matches({"matchLabels": service["spec"]["selector"]}, template["metadata"]["labels"])
        ]
        assert len(targets) == 1, service["metadata"]["name"]
        ports = {port["name"] for container in targets[0]["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_settings_for_all_pods_reach_all_pods(render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS["everything"])
    for name, template in pod_templates(objects):
        assert template["spec"]["nodeSelector"] == {"disk": "fast"}, name
        assert template["spec"]["priorityClassName"] == "low", name
        assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}], name
        assert template["metadata"]["labels"]["team"] == "mars", name
    settings = OperatorSettings.model_validate_json(
        named(objects, "ConfigMap", "mars-operator")["data"]["operator.json"]
    )
    assert settings.pod.node_selector == {"disk": "fast"}
    assert settings.pod.priority_class_name == "low"
    assert settings.pod.labels["team"] == "mars"
    assert settings.image_pull_secrets == [{"name": "pull"}]
