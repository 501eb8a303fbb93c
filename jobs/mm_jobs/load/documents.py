"""Is an object one of ours, and what does it bring to the stage. Pure, and total: any bytes are read or refused."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, TypedDict, get_args

import msgspec
from mm_contracts.bronze import TABLES, BronzeTable
from mm_contracts.documents import SolStatus
from mm_contracts.keys import PHOTOS, parse_key
from mm_contracts.rovers import ROVERS
from mm_contracts.sols import MAX_SOL

from mm_jobs.load.cleaning import cleaned

_MOST: Final = 2**31 - 1
_LONGEST: Final = 4_096
"""Characters of a text that is no array: it becomes a column's value."""
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+]00:00)?")
_OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SKEW: Final = timedelta(days=1)
"""How far a clock may be ahead. An answer from the future would be the latest one of its sols until then."""
_STATUSES: Final = get_args(SolStatus)


class NotOurs(ValueError):
    """The object cannot be loaded: a machine reason and a sentence."""

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
    """The fields that have a column, on one line."""
    notes: tuple[str, ...] = ()
    """What is not as the object has it, because not every reader would take it."""
    unused: tuple[str, ...] = ()
    """What is as the object has it, and of which silver makes null."""

    def line(self, load_id: str, loaded_at: str) -> bytes:
        """Return the line for the stage: what the load knows, and the document under ``doc``."""
        head = {"object_key": self.key, "etag": self.etag, "load_id": load_id, "loaded_at": loaded_at}
        return json.dumps(head)[:-1].encode() + b',"doc":' + self.document + b"}\n"


GIVEN: Final = frozenset({"OBJECT_KEY", "ETAG", "LOAD_ID", "LOADED_AT"})
"""Columns that the load fills, not the document."""

_MOST_TOLD: Final = 5


def key_problem(key: str) -> str | None:
    """Return why a key is none of ours, or None where it is."""
    try:
        parse_key(key)
    except ValueError as error:
        return str(error)
    return None


def read(key: str, etag: str, body: bytes, now: datetime | None = None) -> Loadable:
    """Return what is to be loaded of an object.

    Args:
        key: unescaped.
        etag: of the content, without quotes.
        body: the content; any bytes.
        now: the time, with a zone; None asks the clock.

    Raises:
        NotOurs: NotOurs (the key), NotJson, or BadDocument with the field that does not fit.
    """
    if problem := key_problem(key):
        raise NotOurs("NotOurs", problem)
    parsed = parse_key(key)
    table = TABLES[parsed.dataset]
    fields, document, notes = _parsed(parsed.dataset, body)
    for name, type_ in table.scalars:
        if name not in GIVEN:
            _check_scalar(document, name.lower(), type_, now or datetime.now(UTC))
    for name, type_ in table.optional:
        if type_ != "variant" and document.get(name.lower()) is not None:
            _check_scalar(document, name.lower(), type_, now or datetime.now(UTC))
    if document["rover_name"].lower() != parsed.rover:
        raise NotOurs("BadDocument", f"rover_name is {document['rover_name']!r} under the key of {parsed.rover}")
    for name in table.arrays:
        _check_array(document, name.lower())
    unused: tuple[str, ...] = ()
    if parsed.dataset == PHOTOS:
        _check_photos(document)
        unused = tuple(islice(_odd_times(document, now or datetime.now(UTC)), _MOST_TOLD))
    return Loadable(key, etag, table, fields, notes, unused)


class _Item(TypedDict, total=False):
    """An entry of an array of which nothing is looked at."""


def _outline(table: BronzeTable) -> msgspec.json.Decoder[dict[str, Any]]:
    scalars = {name.lower(): Any for name, type_ in (*table.scalars, *table.optional) if type_ != "variant"}
    arrays = {name.lower(): list[dict[str, Any]] if name == "SOLS" else list[_Item] for name in table.arrays}
    fields: Any = TypedDict(table.name, {**scalars, **arrays}, total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(fields)


_OUTLINES: Final = {dataset: _outline(table) for dataset, table in TABLES.items()}
"""Parsers that read a whole document but keep only what is checked: a tenth of the time of keeping every photo."""
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_COLUMNS: Final = {
    dataset: [name.lower() for name, _ in table.columns if name not in GIVEN] for dataset, table in TABLES.items()
}


def _parsed(dataset: str, body: bytes) -> tuple[bytes, dict[str, Any], tuple[str, ...]]:
    """Return the document with the fields that have a column, as much of it as the checks look at, and notes."""
    try:
        # What the parser leaves out it reads as JSON, but not as text: half a character is an escape like another.
        if not body.isascii():
            body.decode()
        if b"\\ud" not in body and b"\\uD" not in body:
            return *_split(dataset, body), ()
    except (ValueError, RecursionError):
        pass  # what is wrong, if anything is, is told by the parser that keeps all
    try:
        document, notes = cleaned(body)
        # Numbers that fit no 64 bits are for the standard library only.
        body = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        raise NotOurs("NotJson", "the object is nested too deeply") from None
    except ValueError as error:
        raise NotOurs("NotJson", f"the object is not JSON: {error}"[:300]) from None
    if not isinstance(document, dict):
        raise NotOurs("BadDocument", "the object is not a JSON object")
    try:
        fields, _ = _split(dataset, body)
    except (ValueError, RecursionError):
        # Some array is none, and the check of it says so.
        return body, document, notes
    return fields, document, notes


def _split(dataset: str, body: bytes) -> tuple[bytes, dict[str, Any]]:
    # Taken apart by name and put together again: of a name that is there twice the one that was checked is stored. The
    # values go to the stage as they are, because encoding them anew would cost as much as all the rest. JSON has no raw
    # line break inside a text, so that any line break is one between tokens.
    found = _FIELDS.decode(body)
    kept = b",".join(b'"%s":%s' % (name.encode(), bytes(found[name])) for name in _COLUMNS[dataset] if name in found)
    line = (b"{%s}" % kept).replace(b"\r", b" ").replace(b"\n", b" ")
    return line, _OUTLINES[dataset].decode(line)


def _check_scalar(document: dict[str, Any], name: str, type_: str, now: datetime) -> None:
    value = document.get(name)
    if type_ == "integer":
        if not _whole(value, _MOST):
            raise NotOurs("BadDocument", f"{name} is {_told(value)}: a whole number was expected")
    elif not isinstance(value, str) or len(value) > _LONGEST:
        raise NotOurs("BadDocument", f"{name} is {_told(value)}: a text was expected")
    elif name == "rover_name" and value not in ROVERS:
        raise NotOurs("BadDocument", f"rover_name is {_told(value)}: one of {', '.join(ROVERS)} was expected")
    elif type_ == "timestamp_ntz":
        _check_utc(name, value, now)


def _whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _told(value: object) -> str:
    # A number of more digits than Python writes out cannot be told, and half a character can be written nowhere.
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "a number of many digits"
    return ascii(value)[:60]


def _check_utc(name: str, text: str, now: datetime) -> None:
    message = f"{name} is {_told(text)}: a UTC time such as 2026-01-02T03:04:05Z was expected"
    # Of another zone the warehouse would keep the clock's digits and forget the zone.
    if not _TIME.fullmatch(text):
        raise NotOurs("BadDocument", message)
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise NotOurs("BadDocument", message) from None
    if not _OLDEST <= moment <= now + _SKEW:
        raise NotOurs("BadDocument", f"{name} is {_told(text)}: it is {now:%Y-%m-%d} now")


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
    seen: set[int] = set()
    received = 0
    for number, entry in enumerate(document["sols"]):
        sol = entry.get("sol")
        for name, fits, expected in (
            ("sol", _whole(sol, MAX_SOL), f"a whole number up to {MAX_SOL}"),
            ("status", entry.get("status") in _STATUSES, f"one of {', '.join(_STATUSES)}"),
            ("received_photos", _whole(entry.get("received_photos", 0), _MOST), "a whole number"),
        ):
            if not fits:
                message = f"sols[{number}].{name} is {_told(entry.get(name))}: {expected} was expected"
                raise NotOurs("BadDocument", message)
        if sol in seen:
            raise NotOurs("BadDocument", f"sols[{number}].sol is {sol} a second time")
        seen.add(sol)
        received += entry.get("received_photos", 0)
    if received != count:
        raise NotOurs("BadDocument", f"the sols count {received} photos, but there are {count}")


def _odd_times(document: dict[str, Any], now: datetime) -> Iterator[str]:
    """Yield what is wrong with times of which silver makes null: no reason to leave out the photos, but to tell."""
    for number, entry in enumerate(document["sols"]):
        value, name = entry.get("requested_at"), f"sols[{number}].requested_at"
        if value is None:
            continue
        try:
            _check_scalar({name: value}, name, "timestamp_ntz", now)
        except NotOurs as problem:
            yield f"{problem}; silver has none"
