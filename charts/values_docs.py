"""Write values.schema.json, the values table and the defaults from the comments in values.yaml and the models.

The comment above a value is its description; a comment line ``@schema {...}`` adds to its schema. In it
``{"$model": "package.module:Model"}`` stands for the schema of the pydantic model that reads the value, so that Helm
refuses what the reader would. A section that has a model passes it on: each value below whose name is a field has that
field's schema. Null is taken everywhere, since to Helm it means the default; templates put the default in its place.
``"$nulls": "meant"`` leaves a model's own nulls alone.

Run it with the project's Python after a change of values.yaml or of such a model; ``--check`` only tells whether the
files are what they should be.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "martian-moments"
BEGIN, END = "<!-- values: written by charts/values_docs.py -->", "<!-- end of values -->"
SHAPES: dict[str, dict[str, Any]] = {
    "name": {"pattern": "^$|^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"},
    "word": {"pattern": "^[A-Za-z0-9_$.:/-]*$", "maxLength": 255},
    "repository": {"pattern": "^[a-z0-9]+([._/-]+[a-z0-9]+)*$"},
    "registry": {"pattern": "^$|^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._/-]*[a-z0-9])?$"},
    "tag": {"pattern": "^$|^[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}$"},
    "some tag": {"pattern": "^[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}$"},
    "digest": {"pattern": "^$|^sha256:[0-9a-f]{64}$"},
    "key": {"pattern": "^[-A-Za-z0-9_.]{1,253}$"},
    "size": {"pattern": "^[1-9][0-9]*([.][0-9]+)?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"},
    "duration": {"pattern": "^([0-9]{1,7}h)?([0-9]{1,7}m)?([0-9]{1,7}s)?$", "minLength": 2},
    "cron": {
        "pattern": "^$|^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$"
        "|^[0-9A-Za-z*/,?#-]+( +[0-9A-Za-z*/,?#-]+){4}$"
    },
    "cidrs": {"items": {"type": "string", "pattern": "^[0-9a-fA-F:.]+/[0-9]{1,3}$"}},
    "ports": {"items": {"type": "integer", "minimum": 1, "maximum": 65_535}, "minItems": 1},
    "url": {"pattern": "^$|^https?://[A-Za-z0-9.:_-]+(/[^ ]*)?$|^https?://\\[[0-9a-fA-F:.]+\\](:[0-9]+)?(/[^ ]*)?$"},
}
"""Forms of texts and lists that many values share: ``{"$shape": "name"}`` in a value's ``@schema``."""
_NOISE = ("title", "default", "$defs")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


class ValuesError(ValueError):
    """values.yaml cannot be documented; the message says which value and what to do."""


@dataclass
class Value:
    """A documented value, or a section of values (``children`` not empty)."""

    path: tuple[str, ...]
    default: Any
    description: str
    extra: dict[str, Any]
    children: list["Value"] = field(default_factory=list)

    def leaves(self) -> Iterator["Value"]:
        """Yield the values below, or this one."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def schema(self, inherited: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the value's JSON schema; a section refuses names it does not have.

        Args:
            inherited: what the model of the section around it says of this value.

        Raises:
            ValuesError: a default of null without a type.
        """
        own = dict(self.extra)
        given = (inherited or {}) | (model_schema(own.pop("$model")) if "$model" in own else {})
        said = {"description": self.description} if self.description else {}
        if self.children:
            fields = given.get("properties", {})
            properties = {child.path[-1]: child.schema(fields.get(child.path[-1])) for child in self.children}
            about = {key: given[key] for key in ("description",) if key in given} | said
            return {"type": ["object", "null"], **about, "additionalProperties": False, "properties": properties}
        if self.default is None and not given and "type" not in own:
            raise ValuesError(f"{'.'.join(self.path)}: a default of null needs @schema with a type")
        kind = {} if self.default is None or given else {"type": _TYPES[type(self.default)]}
        return nullable({**kind, **given, **said, **resolved(own)})


def model_schema(name: str) -> dict[str, Any]:
    """Return the schema of ``package.module:Model`` (or ``...:Model.field``), references resolved, noise left out."""
    module, _, path = name.partition(":")
    model, _, leaf = path.partition(".")
    whole = getattr(importlib.import_module(module), model).model_json_schema(by_alias=True)
    definitions = whole.get("$defs", {})

    def plain(part: Any) -> Any:
        if isinstance(part, list):
            return [plain(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return plain(definitions[part["$ref"].rpartition("/")[2]] | {k: v for k, v in part.items() if k != "$ref"})
        names = part.get("properties")
        clean = {key: plain(value) for key, value in part.items() if key not in (*_NOISE, "properties")}
        if isinstance(names, dict):
            clean["properties"] = {key: plain(value) for key, value in names.items()}
        if "patternProperties" in clean:
            # pydantic refuses other keys, and forgets to say so.
            clean.setdefault("additionalProperties", False)
        return clean

    found: dict[str, Any] = plain(whole)
    return found["properties"][leaf] if leaf else found


def resolved(part: Any) -> Any:
    """Return a schema with each ``$model`` and ``$shape`` in it replaced by what it stands for."""
    if isinstance(part, list):
        return [resolved(item) for item in part]
    if not isinstance(part, dict):
        return part
    rest = {key: resolved(value) for key, value in part.items() if key not in ("$model", "$shape")}
    given = model_schema(part["$model"]) if "$model" in part else {}
    return given | (SHAPES[part["$shape"]] if "$shape" in part else {}) | rest


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with null allowed for the value and for whatever in it may be left out."""
    out = dict(schema)
    if out.pop("$nulls", None):
        return out
    needed = out.get("required", [])
    if "properties" in out:
        out["properties"] = {k: v if k in needed else nullable(v) for k, v in out["properties"].items()}
    for key in ("additionalProperties",):
        if isinstance(out.get(key), dict):
            out[key] = nullable(out[key])
    if "patternProperties" in out:
        out["patternProperties"] = {key: nullable(value) for key, value in out["patternProperties"].items()}
    if "const" in out:
        out["enum"] = [out.pop("const")]
    if "enum" in out:
        out["enum"] = [*(one for one in out["enum"] if one is not None), None]
    if "anyOf" in out:
        out["anyOf"] = [*(one for one in out["anyOf"] if one != {"type": "null"}), {"type": "null"}]
    if kind := out.get("type"):
        kinds = kind if isinstance(kind, list) else [kind]
        out["type"] = [*(one for one in kinds if one != "null"), "null"]
    return out


def _comment(lines: list[str], key_line: int) -> tuple[str, dict[str, Any]]:
    """Return the description and the ``@schema`` object of the comment right above a line."""
    first = key_line
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    words: list[str] = []
    extra: dict[str, Any] = {}
    for line in lines[first:key_line]:
        text = line.lstrip().removeprefix("#").strip()
        if text.startswith("@schema "):
            extra |= json.loads(text.removeprefix("@schema "))
        elif text:
            words.append(text)
    return " ".join(words), extra


def _read(node: yaml.MappingNode, plain: dict[str, Any], lines: list[str], path: tuple[str, ...]) -> list[Value]:
    found = []
    for key, child in node.value:
        name = (*path, key.value)
        description, extra = _comment(lines, key.start_mark.line)
        value = Value(name, plain[key.value], description, extra)
        block = isinstance(child, yaml.MappingNode) and not child.flow_style
        if block:
            value.children = _read(child, plain[key.value], lines, name)
            if description and not any(leaf.description for below in value.children for leaf in below.leaves()):
                # Described as a whole: an object of the reader's own making, such as resources.
                value.children = []
        found.append(value)
    return found


def read_values(text: str) -> list[Value]:
    """Return the top-level values of a values.yaml, each with what is below it.

    Raises:
        ValuesError: a value has no comment.
    """
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    values = _read(node, yaml.safe_load(text), text.splitlines(), ())
    for leaf in (leaf for value in values for leaf in value.leaves()):
        if not leaf.description:
            raise ValuesError(f"{'.'.join(leaf.path)}: say in a comment above it what it is for")
    return values


def schema_text(values: list[Value]) -> str:
    """Return values.schema.json."""
    properties = {value.path[-1]: value.schema() for value in values}
    # Parent charts put what they share there.
    properties["global"] = properties.get("global", {"type": "object"}) | {"additionalProperties": True}
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "martian-moments",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    return json.dumps(schema, indent=2) + "\n"


def table(values: list[Value]) -> str:
    """Return the README's table of values."""
    rows = ["| value | default | what it is for |", "| --- | --- | --- |"]
    for leaf in (leaf for value in values for leaf in value.leaves()):
        default = json.dumps(leaf.default).replace("|", "\\|")
        description = leaf.description.replace("|", "\\|").replace("<", "&lt;")
        if choices := leaf.extra.get("enum"):
            description += " One of: " + ", ".join(f"`{choice}`" for choice in choices) + "."
        rows.append(f"| `{'.'.join(leaf.path)}` | `{default}` | {description} |")
    return "\n".join(rows) + "\n"


def defaults_text(values: list[Value]) -> str:
    """Return the default of each value by its path: what templates put where a value is null or removed."""
    leaves = (leaf for value in values for leaf in value.leaves())
    return json.dumps({".".join(leaf.path): leaf.default for leaf in leaves}, indent=1) + "\n"


def with_table(readme: str, rows: str) -> str:
    """Return the README with its table replaced. Raises ValuesError where it has no markers."""
    if BEGIN not in readme or END not in readme:
        raise ValuesError(f"README.md has no place for the values: put {BEGIN} and {END} in it")
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{rows}{END}{tail}"


def outputs(chart: Path = CHART) -> dict[Path, str]:
    """Return what the files should hold, by path."""
    values = read_values((chart / "values.yaml").read_text())
    readme = chart / "README.md"
    return {
        chart / "values.schema.json": schema_text(values),
        chart / "files" / "defaults.json": defaults_text(values),
        readme: with_table(readme.read_text(), table(values)),
    }


def main() -> int:
    """Write the files, or tell with ``--check`` whether they differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is out of date")
    check = parser.parse_args().check
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{path.name}: {'out of date' if check else 'written'}")
        if not check:
            path.write_text(outputs()[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
