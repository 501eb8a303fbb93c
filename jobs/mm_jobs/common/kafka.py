"""Publish to Kafka and know that it arrived."""

import os
from collections.abc import Iterable
from typing import Final

from mm_contracts.connections import SettingsError, kafka_names, kafka_settings
from mm_contracts.kafka_errors import Cause, cause_of, sentence, weightier
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.topics import TRACEPARENT, traceparent

from mm_jobs.common.ending import JobError

_DELIVERY_SECONDS: Final = 30.0


def publish(topic: str, messages: Iterable[tuple[str, bytes]], trace_id: str) -> None:
    """Publish (key, value) messages and return once every one is acknowledged by all in-sync replicas.

    Args:
        topic: its name in the contract; the release's prefix is put before it.
        messages: key and value of each.
        trace_id: goes along in a header.

    Raises:
        JobError: TEMPORARY, KafkaError: some may not have arrived; all must be published again.
    """
    from confluent_kafka import KafkaException, Producer

    causes: list[Cause] = []

    def noted(error: object) -> None:
        # A broker that cannot be reached is no failure of a message until its time is over: this says why it was.
        causes[:] = [weightier(causes[0] if causes else None, cause_of(error))]

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(cause_of(error))

    failed: list[Cause] = []
    try:
        settings = kafka_settings(os.environ)
        topic = kafka_names(os.environ).topic(topic)
    except SettingsError as error:
        raise JobError(ExitCode.TEMPORARY, Reason.KAFKA_ERROR, str(error)) from None
    headers: list[tuple[str, str | bytes | None]] = [(TRACEPARENT, traceparent(trace_id).encode())]
    try:
        producer = Producer(
            settings
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
        for key, value in messages:
            producer.produce(topic, value, key=key, headers=headers, on_delivery=delivered)
        unsent = producer.flush(_DELIVERY_SECONDS + 5)
    except (KafkaException, BufferError) as error:
        failed.append(cause_of(error))
        unsent = 1
    if unsent or failed:
        silent = Cause("_TIMED_OUT", f"no acknowledgement within {_DELIVERY_SECONDS:.0f} s")
        why = weightier(causes[0] if causes else None, failed[0] if failed else silent)
        message = f"could not publish to topic {topic}: {sentence(why, settings, topic)}"
        raise JobError(ExitCode.TEMPORARY, Reason.KAFKA_ERROR, message)
