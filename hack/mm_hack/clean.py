"""``mars down`` and ``mars clean``: take away what was set up, and say what stays."""

from __future__ import annotations

import shutil
from pathlib import Path

from mm_hack import cache, cluster, engine, images, machine, tools
from mm_hack.places import cache_root
from mm_hack.progress import Progress, amount
from mm_hack.run import attempt


def down(progress: Progress) -> None:
    """Delete the cluster with everything in it; images, caches and the engine stay for the next start."""
    if machine.engine_version() is None or not cluster.delete(_kind(), progress):
        progress.say("there is no cluster")


def clean(progress: Progress, *, keep_cache: bool = False) -> None:
    """Delete cluster, images, caches, and the engine if this package started it. Debian packages stay installed.

    Args:
        keep_cache: keep what was built and fetched outside the engine; the next start then only makes the images anew.
    """
    own = engine.own_process() is not None
    if machine.engine_version() is not None:
        down(progress)
        if not own:
            with progress.step("delete the images"):
                images.remove_ours()
    if own:
        with progress.step("stop the Docker engine"):
            engine.stop()
    root = cache_root()
    doomed = [engine.home(), root / "contexts", root / "provision", tools.folder()] if keep_cache else [root]
    with progress.step("delete what was kept on disk") as step:
        freed = sum(cache.size(path) for path in doomed)
        for path in doomed:
            _unmount_below(path)
            cache.remove(path)
        step.note = amount(freed)
    if own and shutil.which("dpkg-query"):
        progress.say("Debian's packages docker.io and debootstrap, and maven if it was missing, stay installed")


def _kind() -> Path | None:
    place = tools.folder() / "kind"
    if place.exists():
        return place
    found = shutil.which("kind")
    return Path(found) if found else None


def _unmount_below(folder: Path) -> None:
    """Let go of mounts that an engine left behind in its data folder (it does when it was killed)."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    inside = [line.split()[1] for line in mounts.read_text().splitlines() if line.split()[1].startswith(f"{folder}/")]
    for point in sorted(inside, reverse=True):
        attempt(["umount", "--lazy", point])
