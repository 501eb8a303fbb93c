"""The Kafka resources against Strimzi's own definitions, where this machine has them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from .conftest import CHART, VARIANTS
from .objects import Object

pytestmark = pytest.mark.shared


def _definitions() -> dict[str, Any]:
    folder = Path(os.environ.get("MARS_SHARED") or CHART.parents[2] / "shared") / "data/strimzi-crds"
    if not folder.is_dir():
        pytest.skip("Strimzi's CRDs are not on this machine: set MARS_SHARED to a folder with data/strimzi-crds")
    found = {}
    for path in folder.glob("*.yaml"):
        crd = yaml.load(path.read_text(), yaml.CSafeLoader)
        for version in crd["spec"]["versions"]:
            if version["name"] == "v1":
                found[crd["spec"]["names"]["kind"]] = _strict(version["schema"]["openAPIV3Schema"])
    return found


def _strict(schema: Any) -> Any:
    """Return the schema with unknown fields refused: a cluster would drop them in silence."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    open_ended = strict.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in strict
    if strict.get("type") == "object" and "properties" in strict and not open_ended:
        strict["additionalProperties"] = False
    return strict


def test_strimzi_takes_every_resource(render: Callable[..., list[Object]]) -> None:
    definitions = _definitions()
    seen = []
    for one in render(*VARIANTS["strimzi"]):
        if one["apiVersion"] == "kafka.strimzi.io/v1":
            seen.append(one["kind"])
            body = {key: value for key, value in one.items() if key not in ("apiVersion", "kind", "metadata")}
            schema = definitions[one["kind"]] | {"required": ["spec"]}
            jsonschema.validate(body, schema)
    assert sorted(seen) == ["Kafka", "KafkaNodePool", *["KafkaTopic"] * 6, *["KafkaUser"] * 4]


def test_a_wrong_field_would_be_seen(render: Callable[..., list[Object]]) -> None:
    definitions = _definitions()
    (pool,) = [one for one in render(*VARIANTS["strimzi"]) if one["kind"] == "KafkaNodePool"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"spec": {**pool["spec"], "replicass": 1}}, definitions["KafkaNodePool"])
