"""``mars k9s``: the terminal view of plans and Jobs, built on first use where it is not installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mm_hack import gobuild, tools
from mm_hack.places import CONTEXT, NAMESPACE
from mm_hack.progress import Progress


def ensure(progress: Progress) -> Path:
    """The k9s program: the machine's own, else one built from its Go module at the locked version."""
    found = shutil.which("k9s")
    return Path(found) if found else gobuild.build(gobuild.K9S, progress)


def run(arguments: Sequence[str], progress: Progress) -> int:
    """Open k9s on the product's plans in the local cluster, and return its exit code when it is closed."""
    program = ensure(progress)
    found = tools.paths()
    where = ["--context", CONTEXT] if not arguments else []
    view = ["--namespace", NAMESPACE, "--command", "iplan"] if not arguments else []
    return subprocess.run([str(program), *where, *view, *arguments], env=found.env, check=False).returncode
