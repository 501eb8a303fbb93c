"""The cache never shows a half-built thing, and a key changes exactly when the content does."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mm_hack import cache
from mm_hack.places import REPO


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_key_follows_contents_names_and_modes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_text("1")
    first = cache.content_key(tree)
    assert cache.content_key(tree) == first
    (tree / "a").chmod(0o755)
    executable = cache.content_key(tree)
    (tree / "a").chmod(0o644)
    (tree / "a").rename(tree / "b")
    renamed = cache.content_key(tree)
    (tree / "b").write_text("2")
    assert len({first, executable, renamed, cache.content_key(tree)}) == 4


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    assert cache.content_key("ab", "c") != cache.content_key("a", "bc")


def test_a_thing_is_built_once() -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "x").write_text("done")

    first, second = cache.folder("thing", "k", build), cache.folder("thing", "k", build)
    assert first == second
    assert (first / "x").read_text() == "done"
    assert len(built) == 1


def test_a_failed_build_leaves_nothing_behind() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("...")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        cache.folder("thing", "k", fail)
    assert list((cache.cache_root() / "thing").iterdir()) == []
    assert cache.folder("thing", "k", lambda _folder: None).is_dir()


KILLED_BUILD = """
import sys
from mm_hack import cache
def build(folder):
    (folder / "half").write_text("...")
    print("building", flush=True)
    sys.stdin.read()
cache.folder("thing", "k", build)
"""


def _build_in_another_process() -> "subprocess.Popen[str]":
    env = {**os.environ, "PYTHONPATH": str(REPO / "hack")}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_BUILD], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    return process


def test_what_a_killed_build_left_is_swept_away() -> None:
    process = _build_in_another_process()
    process.kill()
    process.communicate()
    assert not (cache.cache_root() / "thing" / "k").exists()
    done = cache.folder("thing", "k", lambda _folder: None)
    assert list(done.iterdir()) == []
    assert [path.name for path in done.parent.iterdir()] == ["k"]


def test_a_second_process_waits_for_the_first_and_takes_its_result() -> None:
    process = _build_in_another_process()
    waiter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from mm_hack import cache\nimport sys\ncache.folder('thing', 'k', lambda f: sys.exit(3))",
        ],
        env={**os.environ, "PYTHONPATH": str(REPO / "hack")},
    )
    locked = cache.cache_root() / "locks" / "thing-k"
    deadline = time.monotonic() + 10
    while str(waiter.pid) not in _holders(locked) and time.monotonic() < deadline:
        assert waiter.poll() is None
    process.communicate("")
    assert waiter.wait(timeout=10) == 0


def _holders(path: Path) -> set[str]:
    """Processes that have a file open (Linux); elsewhere every process, so that nothing is waited for."""
    if not Path("/proc/self/fd").exists():
        return {str(number) for number in range(1, 1 << 16)}
    holders = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == path:
                holders.add(link.parts[2])
        except OSError:
            continue
    return holders


def test_size_counts_a_file_with_two_names_once(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(os.urandom(65536))
    one = cache.size(folder)
    (folder / "b").hardlink_to(folder / "a")
    assert cache.size(folder) == one >= 65536
    assert cache.size(tmp_path / "absent") == 0


def test_read_only_folders_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "m" / "n").mkdir(parents=True)
    (tmp_path / "m" / "n" / "file").write_text("x")
    (tmp_path / "m" / "n").chmod(0o500)
    cache.remove(tmp_path / "m")
    cache.remove(tmp_path / "m")
    assert not (tmp_path / "m").exists()
