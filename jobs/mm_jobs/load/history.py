"""Records of ended work, which the operator gives to a Job, into the warehouse: they outlive Jobs, pods and plans."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_contracts.bronze import WORK, all_tables
from mm_contracts.history import HISTORY_ENV, WorkRecord, unpack

from mm_jobs.common.ending import JobError
from mm_jobs.common.env import redacted
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import DataError, Warehouse
from mm_jobs.load import schema
from mm_jobs.load.documents import naive_utc

UNREADABLE: Final = -1
_AT_ONCE: Final = 100
_TYPES: Final = dict(all_tables()[WORK.partition(".")[2]])


def keep(warehouse: Warehouse, log: Log) -> int:
    """Keep the records that this Job was given, each in place of what is known of the same object.

    They are none of the Job's own work: what goes wrong with them is logged, and ends nothing.

    Returns:
        How many it was given and need not be given to another Job; UNREADABLE where they could not be read.
    """
    package = os.environ.get(HISTORY_ENV, "")
    if not package:
        return 0
    try:
        records = unpack(package)
    except ValueError as error:
        log.error("history.unreadable", message=str(error))
        return UNREADABLE
    try:
        schema.ensure(warehouse)
        for begin in range(0, len(records), _AT_ONCE):
            _keep(warehouse, records[begin : begin + _AT_ONCE], log)
    except JobError as error:
        log.warning("history.not_kept", records=len(records), message=str(error))
        return 0
    log.info("history.kept", records=len(records))
    return len(records) or UNREADABLE


def forget(warehouse: Warehouse, days: float, log: Log) -> None:
    """Delete records of what ended longer ago than so many days. What goes wrong is logged, and ends nothing."""
    oldest = naive_utc(datetime.now(UTC) - timedelta(days=days))
    try:
        warehouse.run(f"delete from {WORK} where ENDED_AT < ?", [oldest])
    except JobError as error:
        log.warning("history.not_shortened", message=str(error))


def _keep(warehouse: Warehouse, records: Sequence[WorkRecord], log: Log) -> None:
    """Keep records; one that the warehouse cannot take costs no other one."""
    try:
        _merge(warehouse, records)
    except DataError as error:
        if len(records) == 1:
            log.error("history.unusable", name=records[0].name, message=str(error))
            return
        half = len(records) // 2
        _keep(warehouse, records[:half], log)
        _keep(warehouse, records[half:], log)


def _merge(warehouse: Warehouse, records: Sequence[WorkRecord]) -> None:
    names = list(_TYPES)
    rows = ", ".join([f"({', '.join('?' * len(names))})"] * len(records))
    taken = ", ".join(
        f"parse_json(column{n}) as {name}" if type_ == "variant" else f"column{n}::{type_} as {name}"
        for n, (name, type_) in enumerate(_TYPES.items(), 1)
    )
    warehouse.run(
        f"merge into {WORK} as old using (select {taken} from values {rows}) as new on old.UID = new.UID"
        f" when matched then update set {', '.join(f'{name} = new.{name}' for name in names[1:])}"
        f" when not matched then insert ({', '.join(names)}) values ({', '.join(f'new.{name}' for name in names)})",
        [value for record in records for value in _row(record)],
    )


def _row(record: WorkRecord) -> list[Any]:
    told: dict[str, Any] = record.model_dump() | {
        "created_at": _time(record.created_at),
        "ended_at": _time(record.ended_at),
        "details": json.dumps(redacted(record.details)),
        "rover_name": record.rover,
    }
    return [told[name.lower()] for name in _TYPES]


def _time(text: str | None) -> str | None:
    try:
        return naive_utc(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None
