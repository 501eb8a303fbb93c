"""``mars k9s``: the terminal view of plans and Jobs with its keys, built on first use where it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mm_hack import gobuild, tools
from mm_hack.access import archive_environment
from mm_hack.places import CONTEXT, NAMESPACE, REPO, cache_root
from mm_hack.progress import Progress
from mm_hack.venv import ensure_project

SHIPPED = REPO / "hack" / "k9s"
"""Plugins, views, hotkeys and aliases."""


def ensure(progress: Progress) -> Path:
    """The k9s program: the machine's own, else one built from its Go module at the locked version."""
    found = shutil.which("k9s")
    return Path(found) if found else gobuild.build(gobuild.K9S, progress)


def install(folder: Path) -> None:
    """Put what is shipped into k9s's configuration folder; files of another name, such as config.yaml, stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in SHIPPED.glob("*.yaml"):
        shutil.copyfile(file, folder / file.name)


def run(arguments: Sequence[str], progress: Progress) -> int:
    """Open k9s on the product's plans in the local cluster, and return its exit code when it is closed.

    It has a configuration of its own, so that what is installed for it is not in the way of another k9s.
    """
    program = ensure(progress)
    found = tools.paths()
    folder = cache_root() / "k9s"
    install(folder)
    path = f"{ensure_project()}{os.pathsep}{found.env['PATH']}"
    environment = {**archive_environment(), "PATH": path, "K9S_CONFIG_DIR": str(folder)}
    where = ["--context", CONTEXT] if not arguments else []
    view = ["--namespace", NAMESPACE, "--command", "iplan"] if not arguments else []
    return subprocess.run([str(program), *where, *view, *arguments], env=environment, check=False).returncode
