"""Where things are: the repository, the cache, and the names that the cluster and its images have."""

from __future__ import annotations

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
ASSETS = REPO / "hack" / "cluster"

CLUSTER = os.environ.get("MARS_CLUSTER") or "martian-moments"
"""The kind cluster's name; another one in MARS_CLUSTER makes a second cluster beside the first."""
CONTEXT = f"kind-{CLUSTER}"
NODE = f"{CLUSTER}-control-plane"
NAMESPACE = "mars"
RELEASE = "mars"


def cache_root() -> Path:
    """The cache folder of this product under the user's own (XDG), so that a fresh clone finds it warm."""
    base = os.environ.get("XDG_CACHE_HOME")
    if not base or not Path(base).is_absolute():
        base = str(Path.home() / ".cache")
    return Path(base) / "martian-moments"


def logs_root() -> Path:
    """Where the long outputs of builds go; made on demand."""
    path = cache_root() / "logs"
    path.mkdir(parents=True, exist_ok=True)
    return path
