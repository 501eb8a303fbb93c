"""The CRD in crds/ is what the models say, and is a structural schema."""

from pathlib import Path
from typing import Any

import yaml
from mm_contracts.plan import FORMER_STATUS, PlanSpec, PlanStatus
from mm_operator.crd import FILE, custom_resource_definition, render

ROOT = Path(__file__).parents[3]


def test_the_file_is_generated_from_the_models() -> None:
    text = (ROOT / "crds" / FILE).read_text(encoding="utf-8")
    assert text == render(), "run: uv run python -m mm_operator.crd crds/" + FILE


def schema() -> dict[str, Any]:
    (version,) = custom_resource_definition()["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return found


def walk(node: Any) -> list[dict[str, Any]]:
    if not isinstance(node, dict):
        return []
    found = [node] if "type" in node or "properties" in node else []
    for part in node.get("properties", {}).values():
        found += walk(part)
    return found + walk(node.get("items")) + walk(node.get("additionalProperties"))


def test_the_schema_is_structural() -> None:
    for node in walk(schema()):
        assert isinstance(node.get("type"), str), node
        assert not {"$ref", "anyOf", "allOf", "oneOf", "$defs", "title", "const"} & set(node)
        if node["type"] == "array":
            assert "items" in node


def test_every_field_of_the_models_is_in_the_schema() -> None:
    parts = schema()["properties"]
    for name, model in (("spec", PlanSpec), ("status", PlanStatus)):
        former = set(FORMER_STATUS) if model is PlanStatus else set()
        assert set(parts[name]["properties"]) - former == {f.alias for f in model.model_fields.values()}
        assert former <= set(parts[name]["properties"])


def test_every_rule_has_a_sentence_and_every_list_and_text_of_the_spec_a_bound() -> None:
    spec = schema()["properties"]["spec"]
    rules = [rule for node in walk(schema()) for rule in node.get("x-kubernetes-validations", ())]
    assert len(rules) >= 8
    assert all(" " in rule["message"] for rule in rules)
    for node in walk(spec):
        if node["type"] == "array":
            assert "maxItems" in node
        if node["type"] == "string" and "enum" not in node:
            assert "maxLength" in node


def test_defaults_of_the_schema_are_those_of_the_model() -> None:
    properties = schema()["properties"]["spec"]["properties"]
    plan = PlanSpec.model_validate({"rovers": [{"name": "Spirit", "sols": ["1"]}]}).model_dump(by_alias=True)
    for name, part in properties.items():
        if name in ("rovers", "batch", "retry", "images"):
            continue
        assert part["default"] == plan[name], name
    for name in ("batch", "retry", "images"):
        assert {key: sub["default"] for key, sub in properties[name]["properties"].items()} == plan[name]


def test_the_example_is_a_valid_plan() -> None:
    body = yaml.safe_load((ROOT / "examples" / "plan.yaml").read_text(encoding="utf-8"))
    assert PlanSpec.model_validate(body["spec"]).rovers[0].name == "Perseverance"
    body = yaml.safe_load((ROOT / "examples" / "images.yaml").read_text(encoding="utf-8"))
    assert PlanSpec.model_validate(body["spec"]).images.cameras == ["NAVCAM"]
