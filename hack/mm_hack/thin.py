"""Load an image into a node by sending only the layers that the node lacks.

After a change of code the node has all of the app image but its last, small layers. Those go into an OCI archive that
names all layers and holds only the missing ones: the node's containerd finds the others unpacked and never asks for
them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mm_hack import layerstore
from mm_hack.run import CommandFailed, output

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CHUNK = 1 << 20


class Unexpected(Exception):
    """The engine's archive is not of a known form: the caller sends the whole image instead."""


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """The names of a layer stack's snapshots: of each layer together with all below it (OCI image spec, config)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        whole = f"{chain[-1]} {diff_id}".encode() if chain else None
        chain.append(diff_id if whole is None else f"sha256:{hashlib.sha256(whole).hexdigest()}")
    return chain


def missing_layers(diff_ids: Sequence[str], snapshots: Collection[str]) -> list[str]:
    """The layers that must be sent to a node with those snapshots: the first it lacks and all above."""
    for position, chain in enumerate(chain_ids(diff_ids)):
        if chain not in snapshots:
            return list(diff_ids[position:])
    return []


@dataclass
class Parts:
    """What an image is made of, as far as it must be sent.

    Attributes:
        config: the image's config document.
        blobs: files with the wanted layers' archives, by digest.
        sizes: the size of every layer, by digest; of those not sent only about right, and nobody reads them.
    """

    config: bytes
    blobs: dict[str, Path]
    sizes: dict[str, int]


def from_store(root: Path, image: str, wanted: Collection[str], folder: Path) -> Parts:
    """Take the parts out of the engine's own files. Raises NotThere if that cannot be done."""
    config = layerstore.config(root, image)
    diff_ids = json.loads(config)["rootfs"]["diff_ids"]
    parts = Parts(config, {}, {})
    for number, (digest, chain) in enumerate(zip(diff_ids, chain_ids(diff_ids), strict=True)):
        if digest in wanted:
            path = folder / str(number)
            layerstore.write_layer(root, chain, digest, path)
            parts.blobs[digest] = path
            parts.sizes[digest] = path.stat().st_size
        else:
            parts.sizes[digest] = layerstore.size(root, chain)
    return parts


def from_archive(source: IO[bytes], image: str, wanted: Collection[str], folder: Path) -> Parts:
    """Take the parts out of what ``docker save`` prints for the one image.

    Raises:
        Unexpected: config or a layer is not in it under its digest.
    """
    sizes, kept = _read(source, folder, {image, *wanted})
    if image not in kept or not set(wanted) <= kept.keys():
        raise Unexpected("the engine's archive lacks the image's config or layers under their digests")
    config = kept.pop(image).read_bytes()
    if not set(json.loads(config)["rootfs"]["diff_ids"]) <= sizes.keys():
        raise Unexpected("the engine's archive holds compressed layers")
    return Parts(config, kept, sizes)


def write(sink: IO[bytes], parts: Parts, names: Sequence[str]) -> None:
    """Write an OCI archive of an image under full names, with those of its layers that are to be sent."""
    config = f"sha256:{hashlib.sha256(parts.config).hexdigest()}"
    diff_ids = json.loads(parts.config)["rootfs"]["diff_ids"]
    layers = [_descriptor(LAYER, digest, parts.sizes[digest]) for digest in diff_ids]
    head = {"schemaVersion": 2, "mediaType": MANIFEST, "config": _descriptor(CONFIG, config, len(parts.config))}
    manifest = _json({**head, "layers": layers})
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    entry = _descriptor(MANIFEST, digest, len(manifest))
    entries = [{**entry, "annotations": {"io.containerd.image.name": name}} for name in names]
    with tarfile.open(fileobj=sink, mode="w|") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, _blob(config), parts.config)
        for blob, path in parts.blobs.items():
            member = tarfile.TarInfo(_blob(blob))
            member.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(member, content)
        _add(archive, _blob(digest), manifest)
        _add(archive, "index.json", _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))


def _read(source: IO[bytes], folder: Path, keep: Collection[str]) -> tuple[dict[str, int], dict[str, Path]]:
    """The sizes of all files of an archive by digest, and where those to keep were put."""
    sizes: dict[str, int] = {}
    kept: dict[str, Path] = {}
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for number, member in enumerate(archive):
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            path, digest = folder / str(number), hashlib.sha256()
            with path.open("wb") as spool:
                while chunk := content.read(CHUNK):
                    digest.update(chunk)
                    spool.write(chunk)
            name = f"sha256:{digest.hexdigest()}"
            sizes[name] = member.size
            if name in keep:
                kept[name] = path
            else:
                path.unlink()
    return sizes, kept


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def send(node: str, image: str, names: Sequence[str]) -> int:
    """Load one image of the engine into a node under full names; returns how many layers were sent.

    Raises:
        Unexpected: the engine saves images in an unknown form; nothing was changed.
        CommandFailed: the engine or the node refused.
    """
    inspected = json.loads(output(["docker", "image", "inspect", image]))[0]
    listed = output(["docker", "exec", node, "ctr", "--namespace", "k8s.io", "snapshots", "ls"])
    wanted = missing_layers(inspected["RootFS"]["Layers"], {line.split()[0] for line in listed.splitlines() if line})
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as archive:
        write(archive, _parts(inspected["Id"], image, wanted, Path(folder)), names)
        archive.seek(0)
        load = ["docker", "exec", "--interactive", node, "ctr", "--namespace", "k8s.io", "images", "import"]
        done = subprocess.run(
            [*load, "--all-platforms", "--snapshotter", "overlayfs", "-"],
            stdin=archive,
            capture_output=True,
            check=False,
        )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise CommandFailed(load, done.returncode, said, None)
    return len(wanted)


def _parts(image_id: str, image: str, wanted: Collection[str], folder: Path) -> Parts:
    """The parts by the quick way if it is open, else by the engine's own."""
    with contextlib.suppress(layerstore.NotThere):
        return from_store(layerstore.overlay_root(), image_id, wanted, folder)
    save = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
    assert save.stdout is not None
    try:
        return from_archive(save.stdout, image_id, wanted, folder)
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise Unexpected(str(error)) from error
    finally:
        save.stdout.close()
        save.wait()
