"""Publish to Kafka and know that it arrived."""

import os
from collections import deque
from collections.abc import Iterable
from typing import Final

from mm_contracts.connections import kafka_settings
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.topics import TRACEPARENT, traceparent

from mm_jobs.common.ending import JobError

_DELIVERY_SECONDS: Final = 30.0


def publish(topic: str, messages: Iterable[tuple[str, bytes]], trace_id: str) -> None:
    """Publish (key, value) messages and return once every one is acknowledged by all in-sync replicas.

    Raises:
        JobError: TEMPORARY, KafkaError: some may not have arrived; all must be published again.
    """
    from confluent_kafka import KafkaException, Producer

    problems: list[str] = []
    causes: deque[str] = deque(maxlen=1)

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            problems.append(_text(error))

    def noted(error: object) -> None:
        # A broker that cannot be reached is no failure of a message until its time is over: this says why it was.
        causes.append(_text(error))

    producer = Producer(
        kafka_settings(os.environ)
        | {
            "client.id": "martian-moments-jobs",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "message.max.bytes": 8 * 1024 * 1024,
            "delivery.timeout.ms": int(_DELIVERY_SECONDS * 1000),
            "reconnect.backoff.max.ms": 2_000,
            "error_cb": noted,
            "log_level": 0,
        }
    )
    headers: list[tuple[str, str | bytes | None]] = [(TRACEPARENT, traceparent(trace_id).encode())]
    try:
        for key, value in messages:
            producer.produce(topic, value, key=key, headers=headers, on_delivery=delivered)
        unsent = producer.flush(_DELIVERY_SECONDS + 5)
    except (KafkaException, BufferError) as error:
        problems.append(str(error))
        unsent = 1
    if unsent or problems:
        why = problems[0] if problems else f"no acknowledgement within {_DELIVERY_SECONDS:.0f} s"
        why += f" ({causes[0]})" if causes else ""
        message = f"could not publish to topic {topic}: {why}; check that Kafka runs and the topic exists"
        raise JobError(ExitCode.TEMPORARY, Reason.KAFKA_ERROR, message)


def _text(error: object) -> str:
    # librdkafka's errors are objects with a method for their sentence; str() of them shows all their fields.
    said = getattr(error, "str", None)
    return str(said() if callable(said) else error)
