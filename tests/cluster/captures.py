"""Real answers of NASA's API, served by the simulator of the tests' release where this machine has them."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("MARS_SHARED") or Path(__file__).parents[3] / "shared")
FILES = sorted((SHARED / "data" / "captures").glob("v1_*_photos.json"))
"""Empty where there are none: all sols are then generated ones."""
CONFIG_MAP = "captures"


def install_arguments(kubectl: Sequence[str]) -> list[str]:
    """Put the files into a ConfigMap of kubectl's namespace and return what tells the chart to serve them."""
    if not FILES:
        return []
    files = [f"--from-file={path}" for path in FILES]
    # Not "apply": it keeps a copy of what it applied in an annotation, and those may hold 256 KiB only.
    subprocess.run([*kubectl, "create", "configmap", CONFIG_MAP, *files], check=True, capture_output=True)
    return ["--set", f"simulator.capturesConfigMap={CONFIG_MAP}"]


def captured() -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Return the recorded photos by rover and sol, in the order in which the API serves them."""
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for path in FILES:
        for photo in json.loads(path.read_bytes())["photos"]:
            found.setdefault((photo["rover"]["name"], photo["sol"]), []).append(photo)
    for photos in found.values():
        photos.sort(key=lambda photo: (photo["camera"]["id"], photo["id"]))
    return found
