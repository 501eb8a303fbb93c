"""Publish to Kafka and know that it arrived."""

from collections.abc import Iterable
from typing import Any, Final

from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.topics import TRACEPARENT, traceparent

from mm_jobs.common.ending import JobError
from mm_jobs.common.env import optional, required

_DELIVERY_SECONDS: Final = 30.0
_FROM_ENVIRONMENT: Final = {
    "security.protocol": "KAFKA_SECURITY_PROTOCOL",
    "sasl.mechanism": "KAFKA_SASL_MECHANISM",
    "sasl.username": "KAFKA_USERNAME",
    "sasl.password": "KAFKA_PASSWORD",
    "ssl.ca.location": "KAFKA_SSL_CA_LOCATION",
}


def client_settings() -> dict[str, Any]:
    """Return librdkafka's connection settings from the environment. Raises SettingsError without bootstrap servers."""
    settings: dict[str, Any] = {"bootstrap.servers": required("KAFKA_BOOTSTRAP_SERVERS", "Kafka's host:port list")}
    settings.update({name: value for name, env in _FROM_ENVIRONMENT.items() if (value := optional(env))})
    return settings


def publish(topic: str, messages: Iterable[tuple[str, bytes]], trace_id: str) -> None:
    """Publish (key, value) messages and return once every one is acknowledged by all in-sync replicas.

    Raises:
        JobError: TEMPORARY, KafkaError: some may not have arrived; all must be published again.
    """
    from confluent_kafka import KafkaException, Producer

    problems: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            problems.append(str(error))

    producer = Producer(
        client_settings()
        | {
            "client.id": "martian-moments-jobs",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "message.max.bytes": 8 * 1024 * 1024,
            "delivery.timeout.ms": int(_DELIVERY_SECONDS * 1000),
            "log_level": 3,
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
        message = f"could not publish to topic {topic}: {why}; check that Kafka runs and the topic exists"
        raise JobError(ExitCode.TEMPORARY, Reason.KAFKA_ERROR, message)
