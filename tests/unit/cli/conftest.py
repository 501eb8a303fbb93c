"""A kubectl that answers as the real one does, and no server that the machine's own environment would name."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Kubectl = Callable[[dict[str, Any]], Path]


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("KAFKA_", "SNOWFLAKE_", "MARS_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubectl]:
    """Makes a kubectl: for the first key that its words contain it prints the value; a text is an error."""

    def make(answers: dict[str, Any]) -> Path:
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        script = tmp_path / "kubectl"
        script.write_text(
            f"#!{sys.executable}\n"
            "import json, sys, pathlib\n"
            f"folder = pathlib.Path({str(tmp_path)!r})\n"
            "words = ' '.join(sys.argv[1:])\n"
            "with (folder / 'asked').open('a') as asked: asked.write(words + '\\n')\n"
            "for key, answer in json.loads((folder / 'answers.json').read_text()).items():\n"
            "    if key in words:\n"
            "        if isinstance(answer, str): sys.exit(answer)\n"
            "        print(json.dumps(answer)); sys.exit(0)\n"
            "sys.exit('Error from server (NotFound): nothing of the kind')\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("MARS_KUBECTL", str(script))
        return tmp_path / "asked"

    return make


def access(*releases: str, **facts: str) -> dict[str, Any]:
    """Return what a cluster with these releases tells of them."""
    told = [
        {"data": {"release": name, "prefix": f"{name}-x", "readerSecret": f"{name}-reader"} | facts}
        for name in releases
    ]
    return {"items": told}
