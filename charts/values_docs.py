"""Write the chart's values table and values.schema.json from the comments in values.yaml.

The comment above a value is its description; a comment line ``@schema {...}`` adds to its schema. Run it after a change
of values.yaml; ``--check`` only tells whether the files are what they should be.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "martian-moments"
BEGIN, END = "<!-- values: written by charts/values_docs.py -->", "<!-- end of values -->"
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

    def schema(self) -> dict[str, Any]:
        """Return the value's JSON schema; a section refuses names it does not have.

        Raises:
            ValuesError: a default of null without a type in ``@schema``.
        """
        about = {"description": self.description} if self.description else {}
        if self.children:
            properties = {child.path[-1]: child.schema() for child in self.children}
            return {"type": "object", **about, "additionalProperties": False, "properties": properties}
        if self.default is None and "type" not in self.extra:
            raise ValuesError(f"{'.'.join(self.path)}: a default of null needs @schema with a type")
        kind = {} if self.default is None else {"type": _TYPES[type(self.default)]}
        return {**kind, **about, **self.extra}


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
    properties["global"] = {"type": "object", "description": "Helm's own: values that parent charts share."}
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
