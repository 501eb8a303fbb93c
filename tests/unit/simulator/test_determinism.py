"""The same seed and clock give the same bytes: in another process, in another order."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

PROGRAM = """
import hashlib, sys
from dataclasses import replace
from mm_simulator.settings import Settings
from mm_simulator.shell.app import Simulator
from starlette.testclient import TestClient
client = TestClient(Simulator(replace(Settings(), profile="full")), headers={"x-api-key": "k" * 40})
digest = hashlib.sha256()
for path in sys.argv[1].split(","):
    digest.update(client.get(path).content)
print(digest.hexdigest())
"""
V1 = "/mars-photos/api/v1"
PATHS = [
    f"{V1}/rovers", f"{V1}/manifests/perseverance", f"{V1}/manifests/spirit", f"{V1}/rovers/perseverance/photos?sol=52",
    f"{V1}/rovers/curiosity/photos?sol=1000", f"{V1}/rovers/curiosity/photos?sol=4300",
    f"{V1}/rovers/perseverance/photos?sol=1644", f"{V1}/rovers/opportunity/latest_photos",
    "/mmgis-maps/M20/Layers/json/M20_waypoints.json", "/mmgis-maps/MSL/Layers/json/MSL_waypoints.json",
]  # fmt: skip


def test_two_processes_answer_alike(full: Any) -> None:
    backwards = {path: full.client.get(path).content for path in reversed(PATHS)}
    assert all(len(body) > 500 for body in backwards.values())
    here = hashlib.sha256(b"".join(backwards[path] for path in PATHS)).hexdigest()
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, ",".join(PATHS)]
    other_order = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
    }  # sets and dicts of another process may differ in order
    run = subprocess.run(command, env=other_order, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == here
