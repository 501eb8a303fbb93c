"""The project's own Python environment: a pinned uv in the cache, and ``uv sync`` from the lock file."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from mm_hack.places import REPO, cache_root

UV_VERSION = "0.13.9"


def ensure_uv() -> Path:
    """Return the path of the pinned uv, installing it into the cache when it is not there yet.

    Raises:
        SystemExit: this Python cannot make virtual environments; the message says what to install.
    """
    home = cache_root() / "uv" / UV_VERSION
    uv = home / "bin" / "uv"
    if uv.exists():
        return uv
    try:
        venv.create(home, with_pip=True, clear=True)
    except subprocess.CalledProcessError:
        if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
            raise SystemExit(
                "mars: this Python has no venv: install it (apt install python3-venv) and run again"
            ) from None
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "python3-venv"], check=True, stdout=subprocess.DEVNULL)
        venv.create(home, with_pip=True, clear=True)
    subprocess.run([home / "bin" / "pip", "install", "-q", f"uv=={UV_VERSION}"], check=True)
    return uv


def ensure_project() -> Path:
    """Return the ``bin`` folder of the project's environment, synced with ``uv.lock``. Quick when nothing changed."""
    environment = {**os.environ, "UV_PYTHON": sys.executable, "UV_PROJECT_ENVIRONMENT": str(REPO / ".venv")}
    environment.pop("PYTHONPATH", None)
    subprocess.run([ensure_uv(), "sync", "--frozen", "--quiet", "--project", REPO], env=environment, check=True)
    return REPO / ".venv" / "bin"
