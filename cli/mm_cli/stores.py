"""Where objects are kept, as a backup sees it: a bucket, or a folder of files with an index."""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from mm_cli.errors import USAGE, CliError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

INDEX: Final = "mars-backup.jsonl"
"""Beside the objects of a folder: a line each: key, size, the archive's ETag, SHA-256; the last one counts."""


class Entry(NamedTuple):
    """An object's size in bytes and its ETag, without quotes."""

    size: int
    etag: str


class Store(Protocol):
    """Keys and their contents. Methods raise CliError where the store does not do what it is asked to."""

    def entries(self, prefix: str) -> dict[str, Entry]:
        """Return all objects whose keys begin so."""

    def get(self, key: str) -> bytes:
        """Return an object's content, which is whole."""

    def put(self, key: str, content: bytes, etag: str) -> None:
        """Keep an object; ``etag`` is what it has where it comes from."""


class Folder:
    """Files below a folder. What is written is there whole or not at all, and read back only as it was written."""

    def __init__(self, path: Path, *, make: bool) -> None:
        """``make``: the folder may be new. Raises CliError where it is not there otherwise."""
        self._path, self._lock = path, threading.Lock()
        if make:
            path.mkdir(parents=True, exist_ok=True)
        elif not (path / INDEX).is_file():
            raise CliError(f"{path} is no backup: it has no {INDEX}. Name the folder that mars backup wrote", USAGE)
        self._index: dict[str, dict[str, Any]] = {}
        if (path / INDEX).is_file():
            for line in (path / INDEX).read_text(encoding="utf-8").splitlines():
                try:
                    found = json.loads(line)
                    self._index[found["key"]] = found
                except (ValueError, KeyError, TypeError):
                    continue  # the last line of a run that was killed

    def entries(self, prefix: str) -> dict[str, Entry]:
        """Return all objects whose keys begin so and whose files are there."""
        return {
            key: Entry(found["size"], found["etag"])
            for key, found in self._index.items()
            if key.startswith(prefix) and self._file(key).is_file()
        }

    def get(self, key: str) -> bytes:
        """Return a file's content. Raises CliError where it is not what was written."""
        content = self._file(key).read_bytes()
        if hashlib.sha256(content).hexdigest() != self._index[key]["sha256"]:
            raise CliError(f"{self._file(key)} is not what was backed up: its SHA-256 is another. Take another copy")
        return content

    def put(self, key: str, content: bytes, etag: str) -> None:
        """Write a file and its line in the index."""
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        with part.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        line = {"key": key, "size": len(content), "etag": etag, "sha256": hashlib.sha256(content).hexdigest()}
        with self._lock:
            self._index[key] = line
            with (self._path / INDEX).open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")

    def _file(self, key: str) -> Path:
        file = self._path / key
        if not file.resolve().is_relative_to(self._path.resolve()):
            raise CliError(f"key {key!r} leads out of {self._path}: it is not taken")
        return file


class Bucket:
    """A bucket, or what of it begins with a prefix."""

    def __init__(self, client: "S3Client", name: str, prefix: str = "") -> None:
        """``prefix`` is put before every key."""
        self._client, self._name, self._prefix = client, name, prefix

    def entries(self, prefix: str) -> dict[str, Entry]:
        """Return all objects whose keys begin so."""
        return dict(self._call(self._entries, prefix))

    def _entries(self, prefix: str) -> list[tuple[str, Entry]]:
        pages: Iterator[Any] = iter(
            self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=self._prefix + prefix)
        )
        return [
            (one["Key"].removeprefix(self._prefix), Entry(one["Size"], one["ETag"].strip('"')))
            for page in pages
            for one in page.get("Contents", ())
        ]

    def get(self, key: str) -> bytes:
        """Return an object's content; the client checks its length."""
        content: bytes = self._call(
            lambda: self._client.get_object(Bucket=self._name, Key=self._prefix + key)["Body"].read()
        )
        return content

    def put(self, key: str, content: bytes, etag: str) -> None:  # noqa: ARG002 (a bucket works out its own)
        """Keep an object; the store compares what came with its MD5."""
        self._call(lambda: self._client.put_object(Bucket=self._name, Key=self._prefix + key, Body=content))

    def _call(self, what: Any, *arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return what(*arguments)
        except (BotoCoreError, ClientError) as error:
            raise CliError(f"bucket {self._name}: {error}") from None


def archive_bucket() -> Bucket:
    """Return the archive's own bucket, of S3_BUCKET at S3_ENDPOINT_URL with AWS_*."""
    return Bucket(
        _client("S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), os.environ.get("S3_BUCKET") or "mars"
    )


def other(place: str, *, make: bool) -> Store:
    """Return the store that a place names: a folder, or s3://bucket/prefix with BACKUP_* or the archive's own keys."""
    if not place.startswith("s3://"):
        return Folder(Path(place), make=make)
    name, _, prefix = place.removeprefix("s3://").partition("/")
    if not name:
        raise CliError(f"{place!r} names no bucket: give s3://bucket/prefix", USAGE)
    own = "BACKUP_S3_ENDPOINT_URL" if "BACKUP_S3_ENDPOINT_URL" in os.environ else "S3_ENDPOINT_URL"
    keys = ("BACKUP_AWS_ACCESS_KEY_ID", "BACKUP_AWS_SECRET_ACCESS_KEY")
    if keys[0] not in os.environ:
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return Bucket(_client(own, *keys), name, f"{prefix.rstrip('/')}/" if prefix.strip("/") else "")


def _client(endpoint_name: str, key_name: str, secret_name: str) -> "S3Client":
    import boto3
    from botocore.config import Config

    endpoint = os.environ.get(endpoint_name) or None
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=16,
        retries={"mode": "standard", "max_attempts": 5},
        s3={"addressing_style": "path"} if endpoint else None,
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        config=config,
        aws_access_key_id=os.environ.get(key_name) or None,
        aws_secret_access_key=os.environ.get(secret_name) or None,
    )
