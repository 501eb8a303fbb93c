"""Read single layers out of a local Docker engine's own store, which its API offers only as whole images.

The engine keeps a layer as a folder of files and a record of how its archive was put together (tar-split), from which
the archive can be written again byte by byte. That it is the same is checked by its digest; whatever does not look as
expected is :class:`NotThere`, and the caller asks the engine in its slow, official way.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path

from mm_hack.run import SetupError, attempt

CHUNK = 1 << 20


class NotThere(Exception):
    """This store cannot be read, or does not hold that layer in the known form."""


def overlay_root() -> Path:
    """The engine's data folder, if it is on this machine, may be read, and keeps layers with overlay2.

    Raises:
        NotThere: one of these does not hold.
    """
    said = (attempt(["docker", "info", "--format", "{{.Driver}} {{.DockerRootDir}}"]) or "").split(maxsplit=1)
    if len(said) != 2 or said[0] != "overlay2":
        raise NotThere("the engine does not use overlay2")
    root = Path(said[1].strip())
    try:
        known = (root / "image" / "overlay2" / "layerdb").is_dir()
    except OSError as error:
        raise NotThere(str(error)) from error
    if not known:
        raise NotThere(f"{root} is not a Docker store of this machine")
    return root


def config(root: Path, image: str) -> bytes:
    """An image's config by the image's id."""
    try:
        return (root / "image/overlay2/imagedb/content/sha256" / image.removeprefix("sha256:")).read_bytes()
    except OSError as error:
        raise NotThere(str(error)) from error


def size(root: Path, chain: str) -> int:
    """About how large a layer is (the sum of its files)."""
    try:
        return int((_record(root, chain) / "size").read_text())
    except (OSError, ValueError) as error:
        raise NotThere(str(error)) from error


def write_layer(root: Path, chain: str, digest: str, target: Path) -> None:
    """Write a layer's archive to a file.

    Args:
        chain: the layer's chain id (with all layers below it).
        digest: the archive's digest, which is checked.

    Raises:
        NotThere: the store holds no such layer, or it comes out different.
    """
    record = _record(root, chain)
    try:
        files = root / "overlay2" / (record / "cache-id").read_text().strip() / "diff"
        found = hashlib.sha256()
        with gzip.open(record / "tar-split.json.gz", "rt") as entries, target.open("wb") as sink:
            for line in entries:
                entry = json.loads(line)
                if entry["type"] == 2:  # bytes as they were: headers and padding
                    piece = base64.b64decode(entry["payload"])
                    found.update(piece)
                    sink.write(piece)
                elif entry.get("size"):  # the content of a file that has any
                    with (files / entry["name"]).open("rb") as source:
                        while piece := source.read(CHUNK):
                            found.update(piece)
                            sink.write(piece)
    except (OSError, ValueError, KeyError, SetupError) as error:
        raise NotThere(str(error)) from error
    if f"sha256:{found.hexdigest()}" != digest:
        raise NotThere(f"layer {chain} is recorded in another form")


def _record(root: Path, chain: str) -> Path:
    return root / "image/overlay2/layerdb/sha256" / chain.removeprefix("sha256:")
