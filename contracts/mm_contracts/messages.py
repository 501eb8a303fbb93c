"""Values of the Kafka topics: parsing is strict about what is known and lenient about what is not."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, TypeVar
from urllib.parse import unquote_plus

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from mm_contracts.batch import Dataset, ObjectRef, Wire
from mm_contracts.keys import WITH_SOLS
from mm_contracts.plan import ImageOptions
from mm_contracts.reasons import DeadLetterReason
from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import MAX_SOL
from mm_contracts.topics import trace_id_or_none

MAX_TASKS: Final = 20_000
"""Tasks in one schedule. All sols of all rovers are fewer, and one plan of them stays far below etcd's object limit."""


_Model = TypeVar("_Model", bound=BaseModel)


class MessageError(ValueError):
    """A message that cannot be used: a machine reason and a sentence for the dead-letter topic."""

    def __init__(self, reason: DeadLetterReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Task(Wire):
    """One (rover, sol) to ingest. For manifests and coordinates ``sol`` is absent."""

    rover_name: Annotated[str, BeforeValidator(canonical_rover)]
    sol: int | None = Field(default=None, ge=0, le=MAX_SOL)
    reason: str = ""
    photos: int | None = Field(default=None, ge=0)
    """Photos that the manifest promises, where known: it decides how batches are cut."""


class RejectedTask(Wire):
    """A task of a schedule that cannot be used, as it came, and why."""

    task: str
    message: str


class ChargeNote(Wire):
    """Why the source of a schedule is asked, where its rovers' promise has changed hands."""

    preferred: bool
    """Whether it is the first of its rovers' lists."""
    reason: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,99}$")
    message: str = Field(max_length=4000)


class Schedule(Wire):
    """A usable schedule: valid tasks, and those that had to be left out."""

    schedule_id: str | None
    dataset: Dataset
    source: str
    tasks: tuple[Task, ...]
    rejected: tuple[RejectedTask, ...]
    priority: int = 0
    charge: ChargeNote | None = None
    images: ImageOptions = ImageOptions()
    """Of schedules of pictures: which, and within what budget."""


class LoadedObject(Wire):
    """One object of a load: its key, ETag, bronze table and the rows it wrote."""

    key: str
    etag: str
    table: str
    rows: int = Field(ge=0)


class LoadComplete(Wire):
    """A load's end. ``status`` is never "success" for a load that failed."""

    status: str
    timestamp: str
    load_id: str
    objects: tuple[LoadedObject, ...] = ()
    reason: str | None = None
    message: str = ""


class ObjectEvent(Wire):
    """One record of an S3 event that concerns an object: what happened, to which object."""

    bucket: str
    created: bool
    object: ObjectRef
    trace_id: str | None = None


class ObjectEvents(NamedTuple):
    """The records of an S3 event: those that can be used, and a sentence on each of the others."""

    events: tuple[ObjectEvent, ...]
    rejected: tuple[str, ...]


def _json(value: bytes | None) -> Any:
    if value is None:
        raise MessageError(DeadLetterReason.NOT_JSON, "the message has no value")
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise MessageError(DeadLetterReason.NOT_JSON, f"the message is not JSON: {error}") from None


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "message"
    return f"{where}: {first['msg']}"


def _validated(model: type[_Model], value: Any) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise MessageError(DeadLetterReason.BAD_MESSAGE, _first_error(error)) from None


def parse_schedule(value: bytes | None) -> Schedule:
    """Return the schedule in a value of ``ingestion-scheduling``; the earlier pipeline's form is accepted as it is.

    Tasks that cannot be used do not spoil the others: they are listed in ``rejected``.

    Raises:
        MessageError: NotJson, BadMessage (not of the schedule's form), TooManyTasks or NoValidTask.
    """
    body = _json(value)
    if not isinstance(body, dict) or not isinstance(body.get("ingestion_schedule"), dict):
        raise MessageError(
            DeadLetterReason.BAD_MESSAGE, 'expected an object with "ingestion_schedule": {"tasks": [...]}'
        )
    schedule = body["ingestion_schedule"]
    raw_tasks = schedule.get("tasks")
    if not isinstance(raw_tasks, list):
        raise MessageError(DeadLetterReason.BAD_MESSAGE, "ingestion_schedule.tasks: expected a list")
    if len(raw_tasks) > MAX_TASKS:
        raise MessageError(
            DeadLetterReason.TOO_MANY_TASKS,
            f"{len(raw_tasks)} tasks in one message: split it into messages of at most {MAX_TASKS}",
        )
    dataset = _validated(_Dataset, {"dataset": body.get("dataset") or schedule.get("dataset") or "photos"}).dataset
    tasks: dict[tuple[str, int | None], Task] = {}
    rejected: list[RejectedTask] = []
    for raw in raw_tasks:
        try:
            task = Task.model_validate(raw)
            if dataset == "photos" and task.sol is None:
                raise MessageError(DeadLetterReason.BAD_MESSAGE, "sol: a photos task names a sol")
            if dataset not in WITH_SOLS:
                task = task.model_copy(update={"sol": None})
            tasks.setdefault((task.rover_name, task.sol), task)
        except ValidationError as error:
            rejected.append(RejectedTask(task=json.dumps(raw)[:200], message=_first_error(error)))
        except MessageError as error:
            rejected.append(RejectedTask(task=json.dumps(raw)[:200], message=str(error)))
    if rejected and not tasks:
        raise MessageError(
            DeadLetterReason.NO_VALID_TASK,
            f"none of {len(rejected)} tasks can be used; the first: {rejected[0].message}",
        )
    header = _validated(_ScheduleHeader, {**schedule, **body})
    return Schedule(
        schedule_id=header.schedule_id,
        dataset=dataset,
        source=header.source,
        tasks=tuple(tasks.values()),
        rejected=tuple(rejected),
        priority=header.priority,
        images=header.images,
        charge=header.charge,
    )


class _Dataset(Wire):
    dataset: Dataset


class _ScheduleHeader(Wire):
    schedule_id: str | None = Field(default=None, min_length=1, max_length=200)
    source: str = ""
    priority: int = Field(default=0, ge=-1000, le=1000)
    images: ImageOptions = ImageOptions()
    charge: ChargeNote | None = None


def schedule_message(
    dataset: str,
    tasks: list[dict[str, Any]],
    *,
    schedule_id: str,
    timestamp: str,
    source: str = "",
    priority: int = 0,
    images: Mapping[str, Any] | None = None,
    charge: ChargeNote | None = None,
) -> bytes:
    """Return the value of a schedule message: the earlier pipeline's form plus this product's optional fields."""
    sols = [task["sol"] for task in tasks if task.get("sol") is not None]
    return json.dumps(
        {
            "ingestion_schedule": {
                "tasks": tasks,
                "sol_range": list(range(min(sols), max(sols) + 1)) if sols else [],
            },
            "status": "success",
            "timestamp": timestamp,
            "schedule_id": schedule_id,
            "dataset": dataset,
            **({"source": source} if source else {}),
            **({"priority": priority} if priority else {}),
            **({"images": dict(images)} if images else {}),
            **({"charge": charge.model_dump()} if charge else {}),
        },
        separators=(",", ":"),
    ).encode()


def parse_object_events(value: bytes | None) -> ObjectEvents:
    """Return the records of an S3 event. Keys are taken from ``Records[].s3`` and unescaped.

    A record that cannot be used does not spoil the others. A trace id that is none is left out.

    Raises:
        MessageError: NotJson or BadMessage (no S3 event, or no record of it can be used).
    """
    body = _json(value)
    records = body.get("Records") if isinstance(body, dict) else None
    if not isinstance(records, list):
        raise MessageError(DeadLetterReason.BAD_MESSAGE, 'expected an S3 event with "Records": [...]')
    events: list[ObjectEvent] = []
    rejected: list[str] = []
    for record in records:
        try:
            events.append(_object_event(record))
        except MessageError as error:
            rejected.append(str(error))
    if rejected and not events:
        raise MessageError(DeadLetterReason.BAD_MESSAGE, rejected[0])
    return ObjectEvents(tuple(events), tuple(rejected))


def _object_event(record: Any) -> ObjectEvent:
    try:
        s3 = record["s3"]
        thing = s3["object"]
        told = thing.get("userMetadata")
        metadata = {str(k).lower(): v for k, v in told.items()} if isinstance(told, dict) else {}
        return ObjectEvent(
            bucket=s3["bucket"]["name"],
            created=str(record["eventName"]).removeprefix("s3:").startswith("ObjectCreated:"),
            object=ObjectRef(key=unquote_plus(thing["key"]), etag=str(thing.get("eTag") or "").strip('"')),
            trace_id=trace_id_or_none(metadata.get("x-amz-meta-trace-id")),
        )
    except ValidationError as error:
        raise MessageError(DeadLetterReason.BAD_MESSAGE, f"a record of an S3 event: {_first_error(error)}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise MessageError(DeadLetterReason.BAD_MESSAGE, f"a record lacks a field of an S3 event: {error!r}") from None


def parse_load_complete(value: bytes | None) -> LoadComplete:
    """Return the value of ``snowflake-load-complete``.

    Raises:
        MessageError: NotJson or BadMessage.
    """
    return _validated(LoadComplete, _json(value))
