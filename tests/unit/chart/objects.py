"""Pure helpers to look at rendered objects."""

import base64
from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]


def named(objects: list[Object], kind: str, name: str) -> Object:
    """Return the one object of a kind and name."""
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pod_templates(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield (name, pod template) of everything that makes pods."""
    for one in objects:
        name = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield name, one["spec"]["template"]
        elif one["kind"] == "CronJob":
            yield name, one["spec"]["jobTemplate"]["spec"]["template"]
        elif one["kind"] == "Pod":
            yield name, one


def containers(template: Object) -> list[Object]:
    """Return all containers of a pod template, those that only run at its start included."""
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Return whether a label selector selects these labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for term in selector.get("matchExpressions", []):
        assert term["operator"] == "In"
        if labels.get(term["key"]) not in term["values"]:
            return False
    return True


def environment(objects: list[Object], container: Object, secrets: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the variables of a container as a kubelet would set them; fieldRefs are left out.

    Args:
        objects: what the chart renders: its ConfigMaps and Secrets are looked up here.
        container: has ``env`` and ``envFrom``.
        secrets: Secrets that others make, as text by key. A reference to any other object is an error.
    """

    def data(kind: str, name: str) -> dict[str, str]:
        if kind == "Secret" and name in secrets:
            return secrets[name]
        found: dict[str, str] = named(objects, kind, name)["data"]
        if kind == "Secret":
            return {key: base64.b64decode(value).decode() for key, value in found.items()}
        return found

    env: dict[str, str] = {}
    for one in container.get("envFrom", []):
        if "configMapRef" in one:
            env |= data("ConfigMap", one["configMapRef"]["name"])
        else:
            env |= data("Secret", one["secretRef"]["name"])
    for one in container.get("env", []):
        if "value" in one:
            env[one["name"]] = one["value"]
        elif "secretKeyRef" in one["valueFrom"]:
            reference = one["valueFrom"]["secretKeyRef"]
            held = data("Secret", reference["name"])
            if reference["key"] in held or not reference.get("optional"):
                env[one["name"]] = held[reference["key"]]
    return env
