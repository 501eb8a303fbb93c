"""The dead-letter topics: the original bytes, with where they came from and why in headers."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from mm_contracts.kafka_errors import cause_of
from mm_contracts.reasons import DeadLetterReason
from mm_contracts.topics import (
    AS_IT_CAME,
    DLQ_MESSAGE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_SIZE,
    DLQ_TOPIC,
    TRACEPARENT,
    dead_letter_topic,
    traceparent,
)

from mm_operator import metrics
from mm_operator.config import ConfigError
from mm_operator.topics import Message

log = logging.getLogger(__name__)

SHORTENED_BYTES: Final = 1_000
"""Of the original's value in a shortened letter: enough to see what it is, and no topic is too narrow for it."""
_TOO_LARGE: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)


@dataclass(frozen=True)
class _Letter:
    """What is put on a dead-letter topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]]


def _headers(message: Message, reason: DeadLetterReason, sentence: str) -> list[tuple[str, str | bytes | None]]:
    mark = message.mark
    return [
        (DLQ_TOPIC, mark.topic.encode()),
        (DLQ_PARTITION, str(mark.partition).encode()),
        (DLQ_OFFSET, str(mark.offset).encode()),
        (DLQ_REASON, reason.encode()),
        (DLQ_MESSAGE, sentence.encode()[:1000]),
    ]


def _whole(message: Message, reason: DeadLetterReason, sentence: str) -> _Letter:
    headers = [*message.headers, *_headers(message, reason, sentence)]
    return _Letter(dead_letter_topic(message.mark.topic), message.key, message.value, headers)


def _shortened(message: Message, reason: DeadLetterReason, sentence: str) -> _Letter:
    """Return a letter that tells of the message in its place. Key and headers may be what makes it too large: none."""
    size, where = _size(message), "/".join(str(part) for part in message.mark)
    note = f"(shortened: Kafka did not take all {size} bytes; they are at {where} until the topic's retention ends)"
    why = sentence.encode()[:500].decode(errors="ignore")
    headers = [*_headers(message, reason, f"{why} {note}"), (DLQ_SIZE, str(size).encode())]
    if message.trace_id:
        headers.append((TRACEPARENT, traceparent(message.trace_id).encode()))
    value = None if message.value is None else message.value[:SHORTENED_BYTES]
    return _Letter(dead_letter_topic(message.mark.topic), None, value, headers)


def _size(message: Message) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in message.headers)
    return len(message.key or b"") + len(message.value or b"") + headers


def _is_too_large(error: KafkaException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, KafkaError) and cause.code() in _TOO_LARGE


class DeadLetters:
    """Puts messages that cannot be used on their dead-letter topic."""

    def __init__(self, connection: Callable[[], dict[str, Any]]) -> None:
        """``connection`` gives the producer's settings, read anew for each that is made."""
        self._connection = connection
        self._producer: Producer | None = None

    async def put(self, message: Message, reason: DeadLetterReason, sentence: str) -> None:
        """Return once Kafka has acknowledged the dead letter; until then it is tried again and again.

        A message that its dead-letter topic has no room for would be tried for ever, and hold up its topic: a shortened
        letter takes its place, which says where the whole message is.
        """
        mark = message.mark
        log.warning(
            "message %s/%d/%d goes to the dead-letter topic: %s",
            *mark,
            sentence,
            extra={"topic": mark.topic, "reason": reason.value, "trace_id": message.trace_id or ""},
        )
        metrics.DEAD_LETTERS.labels(mark.topic, reason.value).inc()
        letter, short = _whole(message, reason, sentence), _shortened(message, reason, sentence)
        pause = 1.0
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._send, letter)
                return
            except KafkaException as error:
                if letter is not short and _is_too_large(error):
                    log.error(
                        "%s has no room for message %s/%d/%d of %d bytes: its letter is shortened, and the whole "
                        "message lasts as long as its topic keeps it. Raise max.message.bytes of %s.",
                        letter.topic,
                        *mark,
                        _size(message),
                        letter.topic,
                        extra={"topic": mark.topic, "reason": reason.value, "trace_id": message.trace_id or ""},
                    )
                    letter = short
                    continue
                why = cause_of(error).text
            except ConfigError as error:
                why = str(error)
            log.warning("a dead letter of %s was not acknowledged: %s", mark.topic, why)
            # A new producer meets brokers that have moved, and trusts a CA that has been replaced.
            self._producer = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)

    def _send(self, letter: _Letter) -> None:
        if self._producer is None:
            self._producer = Producer(
                {
                    **self._connection(),
                    **AS_IT_CAME,
                    "enable.idempotence": True,
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
            letter.topic,
            key=letter.key,
            value=letter.value,
            headers=letter.headers,
            on_delivery=acknowledged,
        )
        left = self._producer.flush(15)
        if failed:
            raise KafkaException(failed[0])
        if left:
            self._producer.purge()
            raise KafkaException("no acknowledgement within 15 s")
