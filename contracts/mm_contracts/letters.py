"""Dead letters as they lie in their topic, and what became of them. Pure.

A topic is only ever written at its end. So what is done with a letter stands in the same topic, as a note after it: it
names the letter by partition and offset, and cannot be gone before the letter is. Whoever reads the topic to its end
knows both, and nothing has to be kept elsewhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mm_contracts.topics import (
    DLQ_MESSAGE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_SIZE,
    DLQ_TOPIC,
    dead_letter_topic,
)

Done = Literal["replayed", "dropped"]

DLQ_DONE: Final = "dlq-done"
"""Header of a note: what was done, ``replayed`` or ``dropped``."""
DLQ_LETTER: Final = "dlq-letter"
"""Header of a note: the letter, ``partition/offset`` in the dead-letter topic."""
DLQ_BY: Final = "dlq-by"
"""Header of a note: who did it; empty where nobody said."""

_OURS: Final = frozenset({DLQ_TOPIC, DLQ_PARTITION, DLQ_OFFSET, DLQ_REASON, DLQ_MESSAGE, DLQ_SIZE})

Outgoing = tuple[str, bytes | None, bytes | None, dict[str, bytes]]
"""What is published: topic, key, value, headers."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int

    def text(self, header: str) -> str:
        """Return a header as text, empty where it is absent."""
        return self.headers.get(header, b"").decode("utf-8", "replace")

    @property
    def place(self) -> str:
        """Where it lies in its topic: ``partition/offset``."""
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter; ``done`` is empty while nobody has done anything about it, else what was done last."""

    message: Message
    done: Done | Literal[""] = ""
    by: str = ""
    at_ms: int = 0

    @property
    def is_shortened(self) -> bool:
        """Whether Kafka did not take it whole, so that it cannot be replayed."""
        return DLQ_SIZE in self.message.headers


def letters(messages: Iterable[Message]) -> list[Letter]:
    """Return the letters among a dead-letter topic's messages, oldest first, each with what was done about it."""
    found: list[Message] = []
    done: dict[str, tuple[int, Done, str]] = {}
    for message in messages:
        what = message.text(DLQ_DONE)
        if DLQ_DONE not in message.headers:
            found.append(message)
        elif what in ("replayed", "dropped"):
            note: tuple[int, Done, str] = (message.timestamp_ms, what, message.text(DLQ_BY))  # type: ignore[assignment]
            done[message.text(DLQ_LETTER)] = max(done.get(message.text(DLQ_LETTER), note), note)
    found.sort(key=lambda message: (message.timestamp_ms, message.partition, message.offset))
    return [_with(message, done.get(message.place)) for message in found]


def _with(message: Message, note: tuple[int, Done, str] | None) -> Letter:
    return Letter(message) if note is None else Letter(message, note[1], note[2], note[0])


def selected(known: Sequence[Letter], limit: int, reason: str = "") -> list[Letter]:
    """Return the letters with that reason (empty: any), oldest first, only the newest ``limit`` (0: all)."""
    wanted = [letter for letter in known if not reason or letter.message.text(DLQ_REASON) == reason]
    return wanted[-limit:] if limit > 0 else wanted


def original(letter: Letter, topic: str) -> Outgoing:
    """Return the message as it was before it became a dead letter of ``topic``, its name in Kafka."""
    message = letter.message
    headers = {name: value for name, value in message.headers.items() if name not in _OURS}
    return topic, message.key, message.value, headers


def note(letter: Letter, topic: str, done: Done, by: str) -> Outgoing:
    """Return the note that something was done about a dead letter of ``topic``."""
    headers = {DLQ_DONE: done.encode(), DLQ_LETTER: letter.message.place.encode(), DLQ_BY: by.encode()}
    return dead_letter_topic(topic), None, None, headers
