"""Is an object one of ours, and what becomes of it: a line for the stage and values for the columns. Pure."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mm_contracts.bronze import TABLES, BronzeTable
from mm_contracts.keys import PHOTOS, parse_key
from mm_contracts.rovers import canonical_rover

_LINE_KEY: Final = "object_key"


class NotOurs(ValueError):
    """The object can never be loaded: a machine reason and a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Loadable:
    """A checked object: its line for the stage, and the values of its table's scalar columns that it says itself."""

    key: str
    etag: str
    table: BronzeTable
    values: dict[str, Any]
    line: bytes
    """The document on one line, with its key as first field; ends with a newline."""


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
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotOurs("NotJson", f"the object is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise NotOurs("BadDocument", "the object is not a JSON object")
    if _LINE_KEY in document:
        raise NotOurs("BadDocument", f"the object has a field {_LINE_KEY!r} of its own")
    values = {name: _scalar(document, name.lower(), type_) for name, type_ in table.scalars if name not in _GIVEN}
    if values["ROVER_NAME"].lower() != parsed.rover:
        raise NotOurs("BadDocument", f"rover_name is {values['ROVER_NAME']!r} under the key of {parsed.rover}")
    for name in table.arrays:
        _check_array(document, name.lower())
    if parsed.dataset == PHOTOS:
        _check_photos(document)
    # The document itself goes to the stage, byte by byte: encoding it anew would cost as much as all the rest. JSON
    # has no raw line break inside a text, so that any line break is one between tokens.
    inner = body.strip()[1:].replace(b"\r", b" ").replace(b"\n", b" ")
    line = b"{" + json.dumps(_LINE_KEY).encode() + b":" + json.dumps(key).encode() + b"," + inner + b"\n"
    return Loadable(key, etag, table, values, line)


_GIVEN: Final = frozenset({"OBJECT_KEY", "ETAG", "LOAD_ID", "LOADED_AT"})
"""Columns that the load fills, not the document."""


def _scalar(document: dict[str, Any], name: str, type_: str) -> Any:
    value = document.get(name)
    if type_ == "integer":
        if not isinstance(value, int) or isinstance(value, bool):
            raise NotOurs("BadDocument", f"{name} is {value!r:.60}: a whole number was expected")
        return value
    if not isinstance(value, str):
        raise NotOurs("BadDocument", f"{name} is {value!r:.60}: a text was expected")
    if name == "rover_name":
        try:
            return canonical_rover(value)
        except ValueError as error:
            raise NotOurs("BadDocument", str(error)) from None
    return _utc(name, value) if type_ == "timestamp_ntz" else value


def _utc(name: str, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{name} is {text!r:.60}: a time such as 2026-01-02T03:04:05Z was expected"
        raise NotOurs("BadDocument", message) from None
    return naive_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


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
