"""The runtime wrapper changes only what cannot be had, and hands everything on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mm_hack import runc_wrapper

SPEC = {
    "process": {
        "args": ["sh"],
        "oomScoreAdj": -999,
        "capabilities": {
            "bounding": ["CAP_KILL", "CAP_SYS_RESOURCE"],
            "effective": ["CAP_SYS_RESOURCE"],
            "ambient": [],
        },
    },
    "root": {"path": "rootfs"},
}


def _call(tmp_path: Path, arguments: list[str], missing: str = "CAP_SYS_RESOURCE") -> list[str]:
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\nfor a in "$@"; do echo "$a"; done\n')
    runc.chmod(0o755)
    command = [sys.executable, "-I", "-S", runc_wrapper.__file__, str(runc), missing, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("bundle", [["--bundle", "{}"], ["--bundle={}"], ["-b", "{}"]])
def test_a_container_is_created_without_what_is_missing(tmp_path: Path, bundle: list[str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SPEC))
    arguments = ["--root", "/run/x", "create", *(part.format(tmp_path) for part in bundle), "id"]
    assert _call(tmp_path, arguments) == arguments
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["process"]["capabilities"] == {"bounding": ["CAP_KILL"], "effective": [], "ambient": []}
    assert "oomScoreAdj" not in written["process"]
    assert written["root"] == SPEC["root"]


def test_a_process_in_a_container_is_started_without_what_is_missing(tmp_path: Path) -> None:
    process = tmp_path / "process.json"
    process.write_text(json.dumps(SPEC["process"]))
    _call(tmp_path, ["exec", "--process", str(process), "id"])
    assert json.loads(process.read_text())["capabilities"]["bounding"] == ["CAP_KILL"]


def test_other_calls_and_files_are_left_alone(tmp_path: Path) -> None:
    before = json.dumps(SPEC)
    (tmp_path / "config.json").write_text(before)
    assert _call(tmp_path, ["delete", "--force", "id"]) == ["delete", "--force", "id"]
    _call(tmp_path, ["state", "--bundle", str(tmp_path), "id"])
    assert (tmp_path / "config.json").read_text() == before


def test_the_memory_killers_score_stays_where_it_may_be_set() -> None:
    process = {"oomScoreAdj": -999, "capabilities": {"bounding": ["CAP_KILL", "CAP_BPF"]}}
    assert runc_wrapper.reduce_process(process, {"CAP_BPF"}) == {
        "oomScoreAdj": -999,
        "capabilities": {"bounding": ["CAP_KILL"]},
    }
    assert runc_wrapper.reduce_process({"args": ["x"]}, {"CAP_BPF"}) == {"args": ["x"]}
