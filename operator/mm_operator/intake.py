"""The three topics into their handlers: one message at a time per topic, and a message is done only once it says so."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mm_contracts.reasons import DeadLetterReason

from mm_operator.core.offsets import Mark
from mm_operator.deadletters import DeadLetters
from mm_operator.health import Health
from mm_operator.topics import Message, TopicReader

log = logging.getLogger(__name__)

Handler = Callable[[Message], Awaitable[None]]


class Intake:
    """Readers of topics, and the queues between their threads and the handlers."""

    def __init__(self, connection: dict[str, Any], dead_letters: DeadLetters, health: Health) -> None:
        self._connection, self._dead_letters, self._health = connection, dead_letters, health
        self._readers: dict[str, TopicReader] = {}

    def start(self, handlers: Mapping[str, Handler], recovered: Callable[[str], None]) -> list[Awaitable[None]]:
        """Start reading; return what must be run to handle the messages.

        Args:
            handlers: what takes a topic's messages in; it, or what it sets going, calls ``done``.
            recovered: called with the topic when Kafka answers again after an outage.
        """
        loop = asyncio.get_running_loop()
        work: list[Awaitable[None]] = []
        for topic, handle in handlers.items():
            inbox: asyncio.Queue[Message] = asyncio.Queue()
            reader = TopicReader(topic, self._connection, loop, inbox.put_nowait, recovered, self._health)
            self._readers[topic] = reader
            work.append(self._handle_all(topic, inbox, handle))
            reader.start()
        return work

    def done(self, mark: Mark) -> None:
        """Note that a message's effect exists, so that its offset may be committed."""
        self._readers[mark.topic].done(mark)

    def stop(self) -> None:
        """Ask the readers to commit what is done and end."""
        for reader in self._readers.values():
            reader.stop()

    def join(self, deadline: Callable[[], float]) -> None:
        """Wait for the readers' ends, ``deadline()`` seconds at most in all (blocking)."""
        for reader in self._readers.values():
            reader.join(deadline())

    async def _handle_all(self, topic: str, inbox: "asyncio.Queue[Message]", handle: Handler) -> None:
        while True:
            message = await inbox.get()
            try:
                await handle(message)
            except Exception as error:
                # A fault of ours that this message brings out: after a restart it would do so again, and for ever.
                log.exception("a message of %s could not be handled", topic, extra={"topic": topic})
                await self._dead_letters.put(
                    message, DeadLetterReason.INTERNAL_ERROR, f"the operator failed on it: {error!r}"
                )
                self.done(message.mark)
