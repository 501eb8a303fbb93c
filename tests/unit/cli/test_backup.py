"""A backup is whole, goes on where it was interrupted, and is brought back as it was or not at all."""

import hashlib
from pathlib import Path

import pytest
from mm_cli.backup import copy_all, missing
from mm_cli.errors import CliError
from mm_cli.stores import INDEX, Entry, Folder
from mm_contracts.keys import BACKED_UP

KEYS = {
    "photos/spirit/mars_rover_photos_batch_sol_1_to_2_20250101T000000Z-aaaa.json": b'{"photos": []}',
    "manifests/spirit/mars_rover_manifests_batch_20250101T000000Z-aaaa.json": b'{"manifests": []}',
    "images/spirit/1/2P126471340EDN0000P2303L5M1.JPG": b"\xff\xd8picture",
}


class Memory:
    """A bucket in memory. ``fails`` makes so many of its writes fail."""

    def __init__(self, objects: dict[str, bytes], order: list[str] | None = None) -> None:
        self.objects, self.order, self.fails = objects, order if order is not None else [], 0

    def entries(self, prefix: str) -> dict[str, Entry]:
        return {
            key: Entry(len(content), hashlib.md5(content).hexdigest())
            for key, content in self.objects.items()
            if key.startswith(prefix)
        }

    def get(self, key: str) -> bytes:
        return self.objects[key]

    def put(self, key: str, content: bytes, etag: str) -> None:  # noqa: ARG002
        if self.fails:
            self.fails -= 1
            raise CliError("bucket mars: 503")
        self.objects[key] = content
        self.order.append(key)


def _quiet(_text: str) -> None:
    pass


def test_what_was_backed_up_comes_back_and_a_second_run_moves_nothing(tmp_path: Path) -> None:
    archive = Memory(dict(KEYS))
    assert copy_all(archive, Folder(tmp_path / "b", make=True), BACKED_UP, _quiet) == (3, 0)
    assert copy_all(archive, Folder(tmp_path / "b", make=True), BACKED_UP, _quiet) == (0, 3)
    empty = Memory({})
    assert copy_all(Folder(tmp_path / "b", make=False), empty, BACKED_UP, _quiet) == (3, 0)
    assert empty.objects == KEYS
    assert [key.split("/")[0] for key in empty.order] == ["photos", "images", "manifests"]
    assert copy_all(Folder(tmp_path / "b", make=False), empty, BACKED_UP, _quiet) == (0, 3)


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    source = Folder(tmp_path / "b", make=True)
    copy_all(Memory(dict(KEYS)), source, BACKED_UP, _quiet)
    target = Memory({})
    target.fails = 1
    with pytest.raises(CliError, match="503"):
        copy_all(source, target, BACKED_UP, _quiet)
    copied, kept = copy_all(source, target, BACKED_UP, _quiet)
    assert copied + kept == 3
    assert target.objects == KEYS


def test_a_line_cut_short_and_a_file_gone_are_copied_anew(tmp_path: Path) -> None:
    archive, folder = Memory(dict(KEYS)), tmp_path / "b"
    copy_all(archive, Folder(folder, make=True), BACKED_UP, _quiet)
    (folder / next(iter(KEYS))).unlink()
    with (folder / INDEX).open("a") as index:
        index.write('{"key": "photos/x')
    assert copy_all(archive, Folder(folder, make=True), BACKED_UP, _quiet) == (1, 2)


def test_a_file_that_changed_is_not_brought_back(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    copy_all(Memory(dict(KEYS)), Folder(folder, make=True), BACKED_UP, _quiet)
    (folder / next(iter(KEYS))).write_bytes(b'{"photos": 66}')
    target = Memory({})
    with pytest.raises(CliError, match="is not what was backed up"):
        copy_all(Folder(folder, make=False), target, BACKED_UP, _quiet)
    assert next(iter(KEYS)) not in target.objects


def test_a_folder_that_is_no_backup_and_a_key_that_leads_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="is no backup"):
        Folder(tmp_path, make=False)
    with pytest.raises(CliError, match="leads out of"):
        Folder(tmp_path / "b", make=True).put("photos/../../x", b"", "")


def test_objects_are_told_apart_by_size_and_by_md5_where_both_are_one() -> None:
    one, two, parts = "a" * 32, "b" * 32, "c" * 32 + "-2"
    here = {"same": Entry(1, one), "new": Entry(1, one), "changed": Entry(1, one), "longer": Entry(2, one)}
    there = {"same": Entry(1, one), "changed": Entry(1, two), "longer": Entry(1, parts)}
    assert missing(here, there) == ["changed", "longer", "new"]
    assert missing({"k": Entry(1, one)}, {"k": Entry(1, parts)}) == []
