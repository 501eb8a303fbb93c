"""Files that are derived from others are what they would be if derived now."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mm_hack.venv import ensure_uv

from .conftest import CHART, VARIANTS, helm_template

ROOT = CHART.parents[1]
sys.path.insert(0, str(CHART.parent))
import values_docs  # noqa: E402


def test_the_charts_crd_is_the_generated_one() -> None:
    (generated,) = (ROOT / "crds").glob("*.yaml")
    copy = CHART / "files/crds" / generated.name
    assert copy.read_text() == generated.read_text(), f"run: cp {generated.relative_to(ROOT)} {copy.relative_to(ROOT)}"


def test_schema_and_table_are_those_of_the_values() -> None:
    stale = [path.name for path, text in values_docs.outputs().items() if path.read_text() != text]
    assert not stale, "run: python charts/values_docs.py"


def test_a_value_without_a_comment_cannot_be_documented() -> None:
    with pytest.raises(values_docs.ValuesError, match=r"a\.b"):
        values_docs.read_values("a:\n  # Described.\n  c: 1\n\n  b: 2\n")


def test_a_section_refuses_names_that_it_has_not() -> None:
    (section,) = values_docs.read_values('a:\n  # One.\n  # @schema {"minimum": 1}\n  b: 2\n')
    assert section.schema() == {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {"b": {"type": ["integer", "null"], "description": "One.", "minimum": 1}},
    }


def _used() -> set[tuple[str, ...]]:
    """Return the paths of values that templates name, variables that stand for a part of the values resolved."""
    texts = [path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file()]
    found: set[tuple[str, ...]] = set()
    for text in texts:
        aliases = dict(re.findall(r"\{\{-? \$(\w+) := (?:\$root)?\.Values\.([\w.]+) *[-}]", text))
        aliases |= dict(re.findall(r"\{\{-? \$(\w+) := \$root\.Values\.([\w.]+) -", text))
        found |= {tuple(path.split(".")) for path in re.findall(r"\.Values\.([\w.]+)", text)} - {
            tuple(path.split(".")) for path in aliases.values()
        }
        for name, path in aliases.items():
            found |= {(*path.split("."), *rest.split(".")) for rest in re.findall(rf"\${name}\.([\w.]+)", text)}
    return found


def _leaves() -> Iterator[tuple[str, ...]]:
    for value in values_docs.read_values((CHART / "values.yaml").read_text()):
        for leaf in value.leaves():
            yield leaf.path


def test_every_value_is_used_by_a_template() -> None:
    used = _used()
    unused = [".".join(leaf) for leaf in _leaves() if not any(leaf[: len(path)] == path for path in used)]
    assert not unused


def test_every_value_that_a_template_uses_is_documented() -> None:
    leaves = list(_leaves())
    known = {leaf[:length] for leaf in leaves for length in range(1, len(leaf) + 1)}
    assert not [
        ".".join(path)
        for path in _used()
        if path not in known and not any(path[: len(leaf)] == leaf for leaf in leaves)
    ]


def _summary(rendered: str) -> str:
    """Return one line for each object, and one for each container with what it runs."""
    lines = []
    for one in yaml.load_all(rendered, yaml.CSafeLoader):
        if not one:
            continue
        lines.append(f"{one['kind']} {one['metadata']['name']}")
        spec: Any = one.get("spec") or {}
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        pod = spec if one["kind"] == "Pod" else (spec.get("template") or {}).get("spec") or {}
        if one["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob", "Pod"):
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                runs = " ".join([*container.get("command", []), *container.get("args", [])])
                lines.append(f"  {container['name']}: {container['image']} {runs}")
    return "\n".join(sorted_blocks(lines)) + "\n"


def sorted_blocks(lines: list[str]) -> list[str]:
    """Return the lines with each object's block in order of its first line."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith(" "):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [line for block in sorted(blocks) for line in block]


@pytest.mark.parametrize("name", ["demo", "team", "external"])
def test_what_is_installed_is_what_was_reviewed(name: str) -> None:
    answer = helm_template(*VARIANTS[name])
    assert answer.returncode == 0, answer.stderr
    snapshot = Path(__file__).parent / "snapshots" / f"{name}.txt"
    summary = _summary(answer.stdout)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(summary)
    assert summary == snapshot.read_text(), "where this is meant, run the test once with UPDATE_SNAPSHOTS=1"


def test_requirements_are_those_of_the_lock() -> None:
    command = [
        ensure_uv(),
        "export",
        "--frozen",
        "--no-dev",
        "--no-emit-workspace",
        "--no-header",
        "--quiet",
        "--offline",
    ]
    exported = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wanted = "run: uv export --frozen --no-dev --no-emit-workspace --no-header --quiet > requirements.txt"
    assert (ROOT / "requirements.txt").read_text() == exported, wanted
