"""Only missing layers are sent, byte for byte as the engine has them, in an archive that names all of them."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from mm_hack import cluster, layerstore, thin


def _layer(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("app/file")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


LAYERS = [_layer(b"base" * 1000), _layer(b"dependencies"), _layer(b"code")]
DIFF_IDS = [_digest(layer) for layer in LAYERS]
CONFIG = json.dumps({"rootfs": {"type": "layers", "diff_ids": DIFF_IDS}}).encode()
IMAGE = _digest(CONFIG)


def test_chain_ids_are_those_of_the_image_spec() -> None:
    first, second = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    expected = hashlib.sha256(f"{first} {second}".encode()).hexdigest()
    assert thin.chain_ids([first, second]) == [first, f"sha256:{expected}"]
    assert thin.chain_ids([]) == []


def test_all_layers_above_the_first_missing_one_are_sent() -> None:
    chain = thin.chain_ids(DIFF_IDS)
    assert thin.missing_layers(DIFF_IDS, set(chain)) == []
    assert thin.missing_layers(DIFF_IDS, {chain[0], chain[1]}) == DIFF_IDS[2:]
    assert thin.missing_layers(DIFF_IDS, {chain[0], chain[2]}) == DIFF_IDS[1:]
    assert thin.missing_layers(DIFF_IDS, set()) == DIFF_IDS


def _saved(layers: list[bytes]) -> io.BytesIO:
    """What ``docker save`` prints, in the form of older engines."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number, layer in enumerate(layers):
            member = tarfile.TarInfo(f"{number}/layer.tar")
            member.size = len(layer)
            archive.addfile(member, io.BytesIO(layer))
        member = tarfile.TarInfo(f"{IMAGE[7:]}.json")
        member.size = len(CONFIG)
        archive.addfile(member, io.BytesIO(CONFIG))
    out.seek(0)
    return out


def _written(parts: thin.Parts) -> dict[str, bytes]:
    out = io.BytesIO()
    thin.write(out, parts, ["docker.io/a/b:1", "docker.io/a/b:1-x"])
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]


def _check(files: dict[str, bytes], sent: list[bytes]) -> None:
    index = json.loads(files["index.json"])
    names = [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]]
    assert names == ["docker.io/a/b:1", "docker.io/a/b:1-x"]
    (digest,) = {entry["digest"] for entry in index["manifests"]}
    manifest = json.loads(files[f"blobs/sha256/{digest[7:]}"])
    assert manifest["config"]["digest"] == IMAGE
    assert [layer["digest"] for layer in manifest["layers"]] == DIFF_IDS
    assert files[f"blobs/sha256/{IMAGE[7:]}"] == CONFIG
    for layer in LAYERS:
        name = f"blobs/sha256/{_digest(layer)[7:]}"
        assert (files.get(name) == layer) if layer in sent else name not in files
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_an_engines_archive_becomes_one_with_the_missing_layer_only(tmp_path: Path) -> None:
    parts = thin.from_archive(_saved(LAYERS), IMAGE, DIFF_IDS[2:], tmp_path)
    _check(_written(parts), LAYERS[2:])


def test_an_archive_of_an_unknown_form_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(thin.Unexpected, match="lacks"):
        thin.from_archive(_saved([*LAYERS[:2], gzip.compress(LAYERS[2])]), IMAGE, DIFF_IDS[2:], tmp_path)
    with pytest.raises(thin.Unexpected, match="compressed"):
        thin.from_archive(_saved([gzip.compress(LAYERS[0]), *LAYERS[1:]]), IMAGE, DIFF_IDS[2:], tmp_path)


def _store(root: Path) -> Path:
    """An overlay2 store that holds the layers as the engine does: files, and tar-split records of the rest."""
    base = root / "image/overlay2"
    (base / "imagedb/content/sha256").mkdir(parents=True)
    (base / "imagedb/content/sha256" / IMAGE[7:]).write_bytes(CONFIG)
    contents = [b"base" * 1000, b"dependencies", b"code"]
    for number, chain in enumerate(thin.chain_ids(DIFF_IDS)):
        record, files = base / "layerdb/sha256" / chain[7:], root / f"overlay2/cache{number}/diff/app"
        record.mkdir(parents=True)
        files.mkdir(parents=True)
        (files / "file").write_bytes(contents[number])
        (record / "cache-id").write_text(f"cache{number}")
        (record / "size").write_text(str(len(contents[number])))
        head, tail = LAYERS[number][:512], LAYERS[number][512 + len(contents[number]) :]
        entries = [
            {"type": 2, "payload": base64.b64encode(head).decode(), "position": 0},
            {"type": 1, "name": "app/file", "size": len(contents[number]), "payload": "crc", "position": 1},
            {"type": 1, "name": "app/gone-but-empty", "payload": "", "position": 2},
            {"type": 2, "payload": base64.b64encode(tail).decode(), "position": 3},
        ]
        with gzip.open(record / "tar-split.json.gz", "wt") as sink:
            sink.writelines(json.dumps(entry) + "\n" for entry in entries)
    return root


def test_a_layer_comes_out_of_the_store_byte_by_byte(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    parts = thin.from_store(_store(tmp_path / "docker"), IMAGE, DIFF_IDS[1:], folder)
    _check(_written(parts), LAYERS[1:])


def test_a_changed_file_in_the_store_is_noticed(tmp_path: Path) -> None:
    root = _store(tmp_path / "docker")
    (root / "overlay2/cache2/diff/app/file").write_bytes(b"evil")
    with pytest.raises(layerstore.NotThere, match="another form"):
        thin.from_store(root, IMAGE, DIFF_IDS[2:], tmp_path)
    with pytest.raises(layerstore.NotThere):
        thin.from_store(root, "sha256:" + "0" * 64, [], tmp_path)


LISTING = """\
REF                          TYPE                                       DIGEST     SIZE    PLATFORMS   LABELS
docker.io/a/b:1              application/vnd.oci.image.manifest.v1+json sha256:one 5.0 MiB linux/amd64 -
docker.io/a/b:1-x            application/vnd.oci.image.manifest.v1+json sha256:one 5.0 MiB linux/amd64 -
docker.io/a/b:1-y            application/vnd.oci.image.manifest.v1+json sha256:two 5.0 MiB linux/amd64 -
"""


def test_a_plain_name_that_stands_for_an_older_build_is_not_loaded() -> None:
    present = cluster.parse_images(LISTING)
    assert cluster.is_loaded(["a/b:1-x", "a/b:1"], present)
    assert not cluster.is_loaded(["a/b:1-y", "a/b:1"], present)
    assert not cluster.is_loaded(["a/b:1-z", "a/b:1"], present)
    assert not cluster.is_loaded(["a/b:1-z"], cluster.parse_images("REF TYPE DIGEST\n"))
