"""The dead-letter topics: the original bytes, with where they came from and why in headers."""

import asyncio
import logging
from typing import Any

from confluent_kafka import KafkaException, Producer
from mm_contracts.reasons import DeadLetterReason
from mm_contracts.topics import (
    DLQ_MESSAGE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_TOPIC,
    dead_letter_topic,
)

from mm_operator import metrics
from mm_operator.topics import Message

log = logging.getLogger(__name__)


class DeadLetters:
    """Puts messages that cannot be used on their dead-letter topic."""

    def __init__(self, connection: dict[str, str]) -> None:
        self._connection = connection
        self._producer: Producer | None = None

    async def put(self, message: Message, reason: DeadLetterReason, sentence: str) -> None:
        """Return once Kafka has acknowledged the dead letter; until then it is tried again and again."""
        mark = message.mark
        log.warning(
            "message %s/%d/%d goes to the dead-letter topic: %s",
            *mark,
            sentence,
            extra={"topic": mark.topic, "reason": reason.value, "trace_id": message.trace_id or ""},
        )
        metrics.DEAD_LETTERS.labels(mark.topic, reason.value).inc()
        headers: list[tuple[str, str | bytes | None]] = [
            *message.headers,
            (DLQ_TOPIC, mark.topic.encode()),
            (DLQ_PARTITION, str(mark.partition).encode()),
            (DLQ_OFFSET, str(mark.offset).encode()),
            (DLQ_REASON, reason.encode()),
            (DLQ_MESSAGE, sentence.encode()[:1000]),
        ]
        pause = 1.0
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._send, message, headers)
                return
            except KafkaException as error:
                log.warning("a dead letter of %s was not acknowledged: %s", mark.topic, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)

    def _send(self, message: Message, headers: list[tuple[str, str | bytes | None]]) -> None:
        if self._producer is None:
            # A dead letter may be as big as the message that it holds, which the broker has taken before.
            self._producer = Producer(
                {
                    **self._connection,
                    "enable.idempotence": True,
                    "message.max.bytes": 8_388_608,
                    "linger.ms": 5,
                    "socket.connection.setup.timeout.ms": 3_000,
                    "log_level": 0,
                }
            )
        failed: list[Any] = []

        def acknowledged(error: Any, _message: Any) -> None:
            if error is not None:
                failed.append(error)

        self._producer.produce(
            dead_letter_topic(message.mark.topic),
            key=message.key,
            value=message.value,
            headers=headers,
            on_delivery=acknowledged,
        )
        left = self._producer.flush(15)
        if failed:
            raise KafkaException(failed[0])
        if left:
            self._producer.purge()
            raise KafkaException("no acknowledgement within 15 s")
