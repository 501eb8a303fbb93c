"""What is mirrored of a sol, in an object beside its pictures."""

import json
from typing import Any, Protocol

from mm_contracts.keys import image_ledger_key

from mm_jobs.common.s3 import Stored
from mm_jobs.ingest import clean, fields


class Store(Protocol):
    """The bucket."""

    def put(self, key: str, body: bytes, metadata: dict[str, str], content_type: str = ...) -> str:
        """Write an object."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""


def entries_of(body: bytes | None) -> dict[str, dict[str, Any]]:
    """Return the entries of a ledger's object by file. What is none is left out, and brought and noted again."""
    try:
        held = fields.mapping(clean.parse(body)) if body else {}
    except ValueError:
        return {}
    images = fields.mapping(held.get("images"))
    return {file: entry for file, entry in images.items() if isinstance(entry, dict)}


class Ledger:
    """What is mirrored of one sol, by file: the picture's identity, camera, type, size, SHA-256, origin."""

    def __init__(self, store: Store, rover: str, sol: int) -> None:
        self._store, self._key = store, image_ledger_key(rover, sol)
        self._head = {"rover": rover, "sol": sol}
        self.entries = self._read()
        self._new: dict[str, dict[str, Any]] = {}

    def _read(self) -> dict[str, dict[str, Any]]:
        found = self._store.get(self._key)
        return entries_of(found.body if found else None)

    def has(self, file: str) -> bool:
        """Whether nothing is to be done about a file: it is here, or its source has it no more."""
        entry = self.entries.get(file, {})
        return bool(entry.get("sha256") or entry.get("gone_at"))

    def note(self, file: str, entry: dict[str, Any]) -> None:
        """Write down what became of a file, with the next ``save``."""
        self.entries[file] = self._new[file] = entry

    def save(self) -> None:
        """Write the ledger, where something is new. Raises JobError.

        A video of the same sol may be made meanwhile, by a Job that notes what it brought: both notes are kept.
        """
        if self._new:
            self.entries = self._read() | self._new
            body = json.dumps(self._head | {"images": self.entries}, sort_keys=True).encode()
            self._store.put(self._key, body, {}, "application/json")
            self._new = {}
