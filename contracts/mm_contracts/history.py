"""What became of work, as records that outlive Jobs, pods and plans.

The operator makes them of what has ended; the next load, sweep or dbt Job takes them along, packed in one variable of
its environment, and keeps them in the warehouse. A record is of one object of the cluster: its uid is the key.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from mm_contracts.batch import Wire

HISTORY_ENV: Final = "MM_HISTORY"
PACKED_LIMIT: Final = 96 * 1024
"""Characters of a package. Linux takes 128 KiB for one variable of an environment; about 800 records fit."""
_UNPACKED_LIMIT: Final = 64 * 1024 * 1024

Kind = Literal["plan", "ingest", "load", "sweep", "transform"]
Outcome = Literal["succeeded", "failed", "deleted"]


Count = Annotated[int, Field(ge=0, lt=2**63)]
"""What a column of whole numbers holds in every warehouse."""


class WorkRecord(Wire):
    """One Job or plan that has ended. Times are RFC 3339, UTC."""

    uid: str
    kind: Kind
    name: str
    plan: str = ""
    batch: int | None = None
    attempt: int | None = None
    dataset: str = ""
    rover: str = ""
    sols: str = ""
    """What was asked for, as ``sols.parse_sols`` reads it."""
    source: str = ""
    outcome: Outcome
    """``deleted``: somebody deleted it before its end."""
    reason: str = ""
    message: str = ""
    created_at: str | None = None
    """By the API server's clock."""
    ended_at: str
    """By the API server's clock, or the operator's where it saw the pod's end first."""
    run_seconds: float | None = None
    """From the container's start to its end, by its node's clock; of a plan from its first Job on."""
    cpu_seconds: float | None = None
    requests: Count = 0
    bytes: Count = 0
    photos: Count = 0
    sol_count: Count = 0
    """Sols that were fetched, and of these:"""
    not_promised: Count = 0
    mismatched: Count = 0
    trace_id: str = ""
    log_tail: str = ""
    """The last lines of what failed, redacted."""
    details: dict[str, Any] = Field(default_factory=dict)
    """What only work of this kind says of itself."""


def pack(records: Sequence[WorkRecord], limit: int = PACKED_LIMIT) -> tuple[str, int]:
    """Return a text that holds the first of these records, as many as fit, and their number."""
    number = len(records)
    while number:
        told = [record.model_dump(exclude_defaults=True) for record in records[:number]]
        packed = base64.b64encode(zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 6)).decode()
        if len(packed) <= limit:
            return packed, number
        number = min(number - 1, number * limit // len(packed))
    return "", 0


def unpack(text: str) -> tuple[WorkRecord, ...]:
    """Return the records of a package; one that cannot be read is left out.

    Raises:
        ValueError: it is no package.
    """
    try:
        plain = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _UNPACKED_LIMIT)
        told = json.loads(plain)
    except (binascii.Error, zlib.error, ValueError, RecursionError) as error:
        raise ValueError(f"no package of records: {error}") from None
    if not isinstance(told, list):
        raise ValueError("no package of records: not a list")
    found: dict[str, WorkRecord] = {}
    for one in told:
        try:
            record = WorkRecord.model_validate(one)
        except ValidationError:
            continue
        found[record.uid] = record
    return tuple(found.values())
