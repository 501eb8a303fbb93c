"""Kafka topics, dead-letter topics and headers."""

import re
import secrets
from dataclasses import dataclass
from typing import Final

SCHEDULING: Final = "ingestion-scheduling"
OBJECT_EVENTS: Final = "minio-events"
LOAD_COMPLETE: Final = "snowflake-load-complete"
TOPICS: Final = (SCHEDULING, OBJECT_EVENTS, LOAD_COMPLETE)

TRACEPARENT: Final = "traceparent"
"""Header that carries the trace id: W3C Trace Context, https://www.w3.org/TR/trace-context/."""

DLQ_TOPIC: Final = "dlq-topic"
DLQ_PARTITION: Final = "dlq-partition"
DLQ_OFFSET: Final = "dlq-offset"
DLQ_REASON: Final = "dlq-reason"
DLQ_MESSAGE: Final = "dlq-message"
"""Headers of a dead letter: where the original bytes came from, a machine reason and a sentence."""
DLQ_SIZE: Final = "dlq-size"
"""Header of a shortened dead letter alone, one that Kafka would not take whole: bytes of the original message."""

DLQ_ROOM: Final = 65_536
"""Bytes that a dead-letter topic takes beyond its topic's largest message: for the headers above, and some to spare."""

AS_IT_CAME: Final[dict[str, str | int]] = {"message.max.bytes": 1_000_000_000, "compression.type": "zstd"}
"""Settings of a producer that passes a message on. The broker is to judge its size, by the topic's limit, which holds
for what is compressed; librdkafka's own limit holds for what is not, so it must not stand in the way. What came
compressed is compressed as well as Kafka knows how, or it would not fit again."""

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")


def dead_letter_topic(topic: str) -> str:
    """Return the topic that keeps the messages of ``topic`` which could not be understood."""
    return f"{topic}.dlq"


@dataclass(frozen=True)
class Names:
    """What a release calls its topics and consumer groups: the names of the contract, all with one prefix before them.

    Releases that share a Kafka are told apart by it.
    """

    prefix: str = ""

    def topic(self, name: str) -> str:
        """Return the topic of Kafka that stands for one of the contract."""
        return self.prefix + name

    def group(self, name: str) -> str:
        """Return the consumer group of Kafka for one of ours."""
        return self.prefix + name

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics, without those of dead letters."""
        return tuple(self.topic(name) for name in TOPICS)


PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{0,100}")
"""A topic prefix as a whole: what Kafka allows in names, and short enough to leave room for ours."""


def new_trace_id() -> str:
    """Return a new random trace id: 32 lower-case hexadecimal digits, never all zero."""
    return secrets.token_hex(16)


def trace_id_or_none(value: object) -> str | None:
    """Return a trace id that somebody gave: 32 lower-case hexadecimal digits, not all zero; None for anything else."""
    usable = isinstance(value, str) and _TRACE_ID.fullmatch(value) and set(value) != {"0"}
    return str(value) if usable else None


def traceparent(trace_id: str) -> str:
    """Return a ``traceparent`` header value that carries the trace id on with a new span id."""
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


def trace_id_of(header: str | bytes | None) -> str | None:
    """Return the trace id in a ``traceparent`` header value, or None if there is none or it is malformed."""
    if header is None:
        return None
    text = header.decode("ascii", "replace") if isinstance(header, bytes) else header
    match = _TRACEPARENT.match(text.strip())
    return match.group(1) if match and set(match.group(1)) != {"0"} else None
