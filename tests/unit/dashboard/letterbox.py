"""Dead-letter topics in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mm_contracts.letters import Letter, Message, Outgoing, letters
from mm_contracts.topics import TOPICS, dead_letter_topic
from mm_dashboard.deadletters import KafkaAway


def message(offset: int, value: bytes, reason: str = "NotJson", why: str = "it is no JSON") -> Message:
    """A dead letter of minio-events."""
    headers = {
        "dlq-topic": b"minio-events", "dlq-partition": b"2", "dlq-offset": b"17", "dlq-reason": reason.encode(),
        "dlq-message": why.encode(), "x-of-theirs": b"kept",
    }  # fmt: skip
    return Message("minio-events.dlq", 0, offset, b"key", value, headers, 1_760_000_000_000 + offset)


@dataclass
class Letterbox:
    """Kafka as the pages need it."""

    messages: dict[str, list[Message]] = field(default_factory=dict)
    sent: list[Outgoing] = field(default_factory=list)
    away: bool = False

    def name(self, topic: str) -> str:
        """The release's prefix before a topic."""
        return f"team.{topic}"

    async def letters(self, topic: str) -> list[Letter]:
        """List."""
        if self.away:
            raise KafkaAway("Kafka does not answer.")
        return letters(self.messages.get(topic, []))

    async def letter(self, topic: str, partition: int, offset: int) -> Letter | None:
        """Show."""
        found = await self.letters(topic)
        return next((one for one in found if one.message.place == f"{partition}/{offset}"), None)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Take; what goes to a dead-letter topic can be read there."""
        for outgoing in messages:
            name, key, value, headers = outgoing
            self.sent.append(outgoing)
            for topic in TOPICS:
                if name == dead_letter_topic(self.name(topic)):
                    kept = self.messages.setdefault(topic, [])
                    kept.append(Message(name, 0, 1000 + len(kept), key, value, headers, 1_770_000_000_000 + len(kept)))
