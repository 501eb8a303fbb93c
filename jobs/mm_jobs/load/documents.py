"""Is an object one of ours, and what does it bring to the stage. Pure."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

import msgspec
from mm_contracts.bronze import TABLES, BronzeTable
from mm_contracts.keys import PHOTOS, parse_key
from mm_contracts.rovers import ROVERS


class NotOurs(ValueError):
    """The object can never be loaded: a machine reason and a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Loadable:
    """A checked object and the table it belongs to."""

    key: str
    etag: str
    table: BronzeTable
    document: bytes
    """The object's own bytes on one line."""

    def line(self, load_id: str, loaded_at: str) -> bytes:
        """Return the line for the stage: what the load knows, and the document under ``doc``."""
        head = {"object_key": self.key, "etag": self.etag, "load_id": load_id, "loaded_at": loaded_at}
        return json.dumps(head)[:-1].encode() + b',"doc":' + self.document + b"}\n"


GIVEN: Final = frozenset({"OBJECT_KEY", "ETAG", "LOAD_ID", "LOADED_AT"})
"""Columns that the load fills, not the document."""


def key_problem(key: str) -> str | None:
    """Return why a key is none of ours, or None where it is."""
    try:
        parse_key(key)
    except ValueError as error:
        return str(error)
    return None


def read(key: str, etag: str, body: bytes) -> Loadable:
    """Return what is to be loaded of an object.

    Raises:
        NotOurs: NotJson, or BadDocument with the field that does not fit.
    """
    parsed = parse_key(key)
    table = TABLES[parsed.dataset]
    document = _parsed(parsed.dataset, body)
    if not isinstance(document, dict):
        raise NotOurs("BadDocument", "the object is not a JSON object")
    for name, type_ in table.scalars:
        if name not in GIVEN:
            _check_scalar(document, name.lower(), type_)
    if document["rover_name"].lower() != parsed.rover:
        raise NotOurs("BadDocument", f"rover_name is {document['rover_name']!r} under the key of {parsed.rover}")
    for name in table.arrays:
        _check_array(document, name.lower())
    if parsed.dataset == PHOTOS:
        _check_photos(document)
    # The document goes to the stage as it is: encoding it anew would cost as much as all the rest. JSON has no raw
    # line break inside a text, so that any line break is one between tokens.
    return Loadable(key, etag, table, body.strip().replace(b"\r", b" ").replace(b"\n", b" "))


class _Item(TypedDict, total=False):
    received_photos: Any


def _outline(table: BronzeTable) -> msgspec.json.Decoder[dict[str, Any]]:
    scalars = {name.lower(): Any for name, _ in table.scalars}
    arrays = {name.lower(): list[_Item] for name in table.arrays}
    fields: Any = TypedDict(table.name, {**scalars, **arrays}, total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(fields)


_OUTLINES: Final = {dataset: _outline(table) for dataset, table in TABLES.items()}
"""Parsers that read a whole document but keep only what is checked: a tenth of the time of keeping every photo."""


def _parsed(dataset: str, body: bytes) -> Any:
    """Return the document, or as much of it as the checks look at."""
    try:
        # What the parser leaves out it reads as JSON, but not as text.
        if not body.isascii():
            body.decode()
        return _OUTLINES[dataset].decode(body)
    except (ValueError, RecursionError):
        pass  # what is wrong, if anything is, is told by the parser that keeps all
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotOurs("NotJson", f"the object is not JSON: {error}") from None


def _check_scalar(document: dict[str, Any], name: str, type_: str) -> None:
    value = document.get(name)
    if type_ == "integer":
        if not isinstance(value, int) or isinstance(value, bool):
            raise NotOurs("BadDocument", f"{name} is {value!r:.60}: a whole number was expected")
    elif not isinstance(value, str):
        raise NotOurs("BadDocument", f"{name} is {value!r:.60}: a text was expected")
    elif name == "rover_name" and value not in ROVERS:
        raise NotOurs("BadDocument", f"rover_name is {value!r:.60}: one of {', '.join(ROVERS)} was expected")
    elif type_ == "timestamp_ntz":
        _check_utc(name, value)


def _check_utc(name: str, text: str) -> None:
    message = f"{name} is {text!r:.60}: a UTC time such as 2026-01-02T03:04:05Z was expected"
    try:
        offset = datetime.fromisoformat(text).utcoffset()
    except ValueError:
        raise NotOurs("BadDocument", message) from None
    if offset:  # the warehouse would keep the clock's digits and forget the zone
        raise NotOurs("BadDocument", message)


def naive_utc(moment: datetime) -> str:
    """Return a moment as the warehouse's TIMESTAMP_NTZ literal in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _check_array(document: dict[str, Any], name: str) -> None:
    items = document.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NotOurs("BadDocument", f"{name} is not a list of objects")


def _check_photos(document: dict[str, Any]) -> None:
    count = len(document["photos"])
    if document["photo_count"] != count:
        raise NotOurs("BadDocument", f"photo_count is {document['photo_count']}, but there are {count} photos")
    received = sum(sol.get("received_photos") or 0 for sol in document["sols"] if isinstance(sol, dict))
    if received != count:
        raise NotOurs("BadDocument", f"the sols count {received} photos, but there are {count}")
