"""The core knows what happened on Mars and nothing of clocks, networks or environments."""

from __future__ import annotations

import ast
from pathlib import Path

import mm_simulator.core

ALLOWED = {
    "__future__", "array", "bisect", "collections", "csv", "dataclasses", "datetime", "functools", "hashlib",
    "importlib", "itertools", "math", "re", "statistics", "struct", "typing", "zlib",
}  # fmt: skip


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module or "")
    return found


def test_core_imports_itself_and_harmless_modules_only() -> None:
    files = list(Path(mm_simulator.core.__path__[0]).glob("*.py"))
    assert len(files) > 15
    for path in files:
        for name in imports(path):
            assert name.startswith("mm_simulator.core") or name.partition(".")[0] in ALLOWED, (
                path.name,
                name,
            )


def test_core_reads_no_clock() -> None:
    for path in Path(mm_simulator.core.__path__[0]).glob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & {"now", "today", "utcnow", "environ", "getenv"}, path.name
