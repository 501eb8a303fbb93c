"""The IngestionPlan's CustomResourceDefinition, generated from the pydantic models.

``python -m mm_operator.crd`` prints it; with a path it writes the file. A test fails where ``crds/`` differs.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from mm_contracts.plan import DURATION, FORMER_STATUS, GROUP, KIND, PLURAL, SHORT_NAME, VERSION, PlanSpec, PlanStatus

FILE: Final = f"{PLURAL}.{GROUP}.yaml"
NAME_LIMIT: Final = 48
"""Longest plan name: with batch and attempt it is a Job's name, which labels hold up to 63 characters."""

_KEEP: Final = (
    *("type", "description", "enum", "default", "pattern", "items", "properties"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
)

COLUMNS: Final[list[dict[str, Any]]] = [
    {"name": "Dataset", "type": "string", "jsonPath": ".spec.dataset"},
    {"name": "Rovers", "type": "string", "jsonPath": ".status.rovers"},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Done", "type": "string", "jsonPath": ".status.progress"},
    {"name": "Failed", "type": "integer", "jsonPath": ".status.batches.failed"},
    {"name": "Photos", "type": "integer", "jsonPath": ".status.photos"},
    {"name": "Reason", "type": "string", "jsonPath": ".status.reason"},
    {"name": "Not promised", "type": "integer", "jsonPath": ".status.notPromisedSols", "priority": 1},
    {"name": "Mismatched", "type": "integer", "jsonPath": ".status.mismatchedSols", "priority": 1},
    {"name": "Failed batches", "type": "string", "jsonPath": ".status.failedIndexes", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def _rule(rule: str, message: str, **more: str) -> dict[str, str]:
    return {"rule": rule, "message": message, **more}


SPEC_RULES: Final = [
    _rule(
        "self.dataset != 'photos' || self.rovers.all(r, size(r.sols) > 0)",
        "a photos plan needs sols for each rover, such as sols: ['0-99', '150']",
    ),
    _rule(
        "self.dataset in ['photos', 'images', 'timelapse'] || self.rovers.all(r, size(r.sols) == 0)",
        "a manifests or coordinates plan takes no sols: leave them out",
    ),
    _rule(
        "self.dataset != 'timelapse' || size(self.images.cameras) == 1",
        "a timelapse is of one camera: name it in images.cameras",
    ),
    _rule("self.dataset == oldSelf.dataset", "dataset cannot be changed: apply a new plan", fieldPath=".dataset"),
    _rule("self.rovers == oldSelf.rovers", "rovers and sols cannot be changed: apply a new plan", fieldPath=".rovers"),
    _rule("self.batch == oldSelf.batch", "batch limits cannot be changed: apply a new plan", fieldPath=".batch"),
    _rule("self.images == oldSelf.images", "images cannot be changed: apply a new plan", fieldPath=".images"),
    _rule("self.source == oldSelf.source", "source cannot be changed: apply a new plan", fieldPath=".source"),
]
ROOT_RULES: Final = [
    _rule(
        f"size(self.metadata.name) <= {NAME_LIMIT} && !self.metadata.name.contains('.')",
        f"a plan's name has at most {NAME_LIMIT} characters and no dot, because its Jobs are named after it",
    ),
]
SOLS_RULES: Final = [
    _rule(
        "!self.contains('-') || self.contains(',') || int(self.split('-')[0]) <= int(self.split('-')[1])",
        "a range of sols runs backwards: write the smaller sol first, such as '0-99'",
    ),
]
DURATION_RULES: Final = [
    _rule(f"self != '' && self.matches('{DURATION}')", "a duration is written as 90s, 15m or 1h30m"),
]


def structural(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pydantic JSON schema as a structural one: references inlined, nullable unions made plain."""
    merged: dict[str, Any] = dict(schema)
    while "$ref" in merged or "anyOf" in merged or "allOf" in merged:
        union = merged.pop("anyOf", None)
        if union is not None:
            (choice,) = [option for option in union if option.get("type") != "null"]
            merged = {**choice, **merged}
            merged.pop("default", None)  # a default of null says nothing
        for part in merged.pop("allOf", ()):
            merged = {**part, **merged}
        reference = merged.pop("$ref", None)
        if reference is not None:
            merged = {**definitions[reference.rpartition("/")[2]], **merged}
    if "const" in merged:
        merged["enum"] = [merged["const"]]
    kept = {key: value for key, value in merged.items() if key in _KEEP}
    if "properties" in merged:
        kept["properties"] = {name: structural(part, definitions) for name, part in merged["properties"].items()}
        required = [name for name in merged.get("required", ()) if "default" not in kept["properties"][name]]
        if required:
            kept["required"] = required
    if "items" in merged:
        kept["items"] = structural(merged["items"], definitions)
    extra = merged.get("additionalProperties")
    if isinstance(extra, Mapping) and "properties" not in merged:
        kept["additionalProperties"] = structural(extra, definitions)
    if kept.get("type") == "integer":
        kept["format"] = "int64"
    if kept.get("pattern") == DURATION:
        # A rule has a sentence of its own; a pattern that fails is only recited.
        del kept["pattern"], kept["minLength"]
        kept["x-kubernetes-validations"] = DURATION_RULES
    if "description" in kept:
        kept["description"] = " ".join(str(kept["description"]).replace("``", "").split())
    return kept


def _schema(model: type[PlanSpec] | type[PlanStatus]) -> dict[str, Any]:
    raw = model.model_json_schema(by_alias=True)
    return structural(raw, raw.get("$defs", {}))


def _spec_schema() -> dict[str, Any]:
    spec = _schema(PlanSpec)
    rovers = spec["properties"]["rovers"]
    rovers |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    sols = rovers["items"]["properties"]["sols"]
    sols["default"] = []
    sols["description"] = "Each item becomes one batch or more: a range '0-99', a sol '150', or a list '3,7,9'."
    sols["items"]["x-kubernetes-validations"] = SOLS_RULES
    for name, part in spec["properties"].items():
        if name in ("batch", "retry", "images"):
            part["default"] = {}
    spec["x-kubernetes-validations"] = SPEC_RULES
    return spec


def _status_schema() -> dict[str, Any]:
    status = _schema(PlanStatus)
    conditions = status["properties"]["conditions"]
    conditions |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    for name, now in FORMER_STATUS.items():
        # The API forgets fields that the schema does not name: of a live plan, what is done would be fetched again.
        status["properties"][name] = {"type": "string", "description": f"As earlier versions wrote {now}."}
    return status


def custom_resource_definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition as an API object."""
    schema = {
        "type": "object",
        "description": "What to ingest from a rover's source, and what became of it.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _spec_schema(),
            "status": _status_schema(),
        },
        "x-kubernetes-validations": ROOT_RULES,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": PLURAL,
                "singular": KIND.lower(),
                "kind": KIND,
                "listKind": f"{KIND}List",
                "shortNames": [SHORT_NAME],
                "categories": ["mars"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": COLUMNS,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes shared parts out each time instead of anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def render() -> str:
    """Return the file's text."""
    head = "# Generated from contracts/mm_contracts/plan.py by `python -m mm_operator.crd`: change it there.\n"
    return head + yaml.dump(custom_resource_definition(), Dumper=_Dumper, sort_keys=False, width=110)


def main() -> None:
    """Print the CRD, or write it to the path that is given."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(render(), encoding="utf-8")
    else:
        sys.stdout.write(render())


if __name__ == "__main__":
    main()
