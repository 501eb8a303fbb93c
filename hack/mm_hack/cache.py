"""The cache: every built thing in a folder named by the content that made it.

``<root>/<thing>/<key>/``. A folder that is there is complete: it is built beside its place and renamed into it, so a
build that was killed leaves nothing that looks done. Two processes that want the same thing wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from mm_hack.places import cache_root


def content_key(*parts: str | bytes | Path) -> str:
    """A short hash of texts, bytes and files (a folder counts with its relative names, contents and x bits)."""
    digest = hashlib.sha256()
    for part in parts:
        for chunk in _chunks(part):
            digest.update(len(chunk).to_bytes(8, "big"))
            digest.update(chunk)
    return digest.hexdigest()[:16]


def _chunks(part: str | bytes | Path) -> Iterator[bytes]:
    if isinstance(part, str):
        yield part.encode()
    elif isinstance(part, bytes):
        yield part
    elif part.is_dir():
        for path in sorted(p for p in part.rglob("*") if p.is_file()):
            yield path.relative_to(part).as_posix().encode()
            yield b"x" if os.access(path, os.X_OK) else b"-"
            yield path.read_bytes()
    else:
        yield part.read_bytes()


def folder(thing: str, key: str, build: Callable[[Path], None]) -> Path:
    """The cached folder of `thing` at `key`; `build` fills an empty folder if there is none yet.

    Older keys of the same thing are left: another clone may use them, and ``clean`` removes all.
    """
    place = cache_root() / thing / key
    if place.is_dir():
        return place
    with lock(f"{thing}-{key}"):
        if place.is_dir():
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        for stale in place.parent.glob(f".{key}.*"):
            remove(stale)
        making = place.parent / f".{key}.{os.getpid()}"
        making.mkdir()
        try:
            build(making)
            making.rename(place)
        finally:
            remove(making)
    return place


@contextlib.contextmanager
def lock(name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold a named lock between processes; the kernel lets go of it when the holder dies.

    Args:
        shared: let others hold it too who also share it.
    """
    locks = cache_root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name.replace("/", "_")).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def remove(path: Path) -> None:
    """Delete a file or folder, also one with read-only folders in it; gone already is fine."""
    if path.is_dir() and not path.is_symlink():

        def make_writable(function: Callable[[str], object], name: str, _error: object) -> None:
            Path(name).parent.chmod(0o700)
            function(name)

        shutil.rmtree(path, onerror=make_writable)
    else:
        path.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes on disk of the files under a path, each counted once; what is mounted in it counts nothing."""
    total, seen = 0, set[int]()
    if not path.exists():
        return 0
    device = path.lstat().st_dev
    for root, folders, names in os.walk(path):
        with contextlib.suppress(OSError):
            folders[:] = [name for name in folders if _on(device, os.path.join(root, name))]  # noqa: PTH118
            for name in names:
                status = os.lstat(os.path.join(root, name))  # noqa: PTH118 (a million files: the quick way)
                if status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
    return total


def _on(device: int, path: str) -> bool:
    try:
        return os.lstat(path).st_dev == device
    except OSError:
        return False
