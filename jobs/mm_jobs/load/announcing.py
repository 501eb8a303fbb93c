"""Tell the ``snowflake-load-complete`` topic how a load ended."""

import contextlib
from datetime import UTC, datetime

from mm_contracts.batch import LoadSpec
from mm_contracts.messages import LoadComplete, LoadedObject
from mm_contracts.topics import LOAD_COMPLETE

from mm_jobs.common.ending import JobError, rfc3339
from mm_jobs.common.kafka import publish
from mm_jobs.common.log import Log
from mm_jobs.load.ledger import chunks

_MOST_OBJECTS = 1_000


def success_events(load_id: str, objects: list[LoadedObject], at: str) -> list[bytes]:
    """Return the values that say the objects are loaded: one, or several where the objects are very many."""
    return [
        _encoded(LoadComplete(status="success", timestamp=at, load_id=load_id, objects=tuple(part)))
        for part in chunks(objects, _MOST_OBJECTS)
    ]


def failure_event(load_id: str, error: JobError, at: str) -> bytes:
    """Return the value that says the load failed, and why."""
    return _encoded(
        LoadComplete(status="failed", timestamp=at, load_id=load_id, reason=error.reason.value, message=str(error))
    )


class KafkaAnnouncer:
    """Publishes to Kafka with the load's trace id."""

    def __init__(self, spec: LoadSpec, log: Log) -> None:
        self._spec = spec
        self._log = log

    def success(self, objects: list[LoadedObject]) -> None:
        """Publish that the objects are loaded. Raises JobError where that is not acknowledged."""
        self._publish(success_events(self._spec.load_id, objects, rfc3339(datetime.now(UTC))))
        self._log.info("announced", objects=len(objects), topic=LOAD_COMPLETE)

    def failure(self, error: JobError) -> None:
        """Publish that the load failed; the exit code and the termination message say it in any case."""
        with contextlib.suppress(JobError):
            self._publish([failure_event(self._spec.load_id, error, rfc3339(datetime.now(UTC)))])

    def _publish(self, values: list[bytes]) -> None:
        publish(LOAD_COMPLETE, [(self._spec.load_id, value) for value in values], self._spec.trace_id)


def _encoded(event: LoadComplete) -> bytes:
    return event.model_dump_json(exclude_none=True).encode()
