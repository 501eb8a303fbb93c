"""The three topics into their handlers: one message at a time per topic, and a message is done only once it says so."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from mm_contracts.reasons import DeadLetterReason
from mm_contracts.topics import Names

from mm_operator import metrics
from mm_operator.core.claim import Claim
from mm_operator.core.offsets import Mark
from mm_operator.deadletters import DeadLetters
from mm_operator.health import Health
from mm_operator.kafka_link import Link, Teller
from mm_operator.topics import GROUP, Message, TopicReader

log = logging.getLogger(__name__)

Handler = Callable[[Message], Awaitable[None]]


class Intake:
    """Readers of topics, and the queues between their threads and the handlers."""

    def __init__(
        self,
        connection: Callable[[], dict[str, Any]],
        names: Names,
        release: str,
        dead_letters: DeadLetters,
        health: Health,
    ) -> None:
        """``connection`` gives a client's settings; ``release`` is <namespace>/<name>, among all that share a Kafka."""
        self._connection, self._names, self._release = connection, names, release
        self._dead_letters, self._health = dead_letters, health
        self._readers: dict[str, TopicReader] = {}

    def start(
        self,
        handlers: Mapping[str, Handler],
        recovered: Callable[[str], None],
        post: Callable[[str, str], None],
    ) -> list[Awaitable[None]]:
        """Start reading; return what must be run to handle the messages. Callbacks are called in the event loop.

        Args:
            handlers: what takes a topic's messages in, by the contract's name; it, or what it sets going, calls
                ``done``.
            recovered: called with the contract's name of the topic when Kafka answers again after an outage, or when
                messages are lost.
            post: makes an Event of a machine reason and a sentence.
        """
        loop = asyncio.get_running_loop()
        teller = Teller(lambda reason, text: _soon(loop, post, reason, text))
        group = self._names.group(GROUP)
        work: list[Awaitable[None]] = []
        for name, handle in handlers.items():
            topic = self._names.topic(name)
            metrics.expect_topic(topic)
            inbox: asyncio.Queue[Message] = asyncio.Queue()
            link = Link(topic, group, self._health, teller, partial(_soon, loop, recovered, name))
            reader = TopicReader(
                topic, group, self._connection, loop, inbox.put_nowait, link, Claim(self._release), self._health
            )
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
            if message.unreadable:
                await self._dead_letters.put(message, DeadLetterReason.BAD_MESSAGE, message.unreadable)
                self.done(message.mark)
                continue
            try:
                await handle(message)
            except Exception as error:
                # A fault of ours that this message brings out: after a restart it would do so again, and for ever.
                log.exception("a message of %s could not be handled", topic, extra={"topic": topic})
                await self._dead_letters.put(
                    message, DeadLetterReason.INTERNAL_ERROR, f"the operator failed on it: {error!r}"
                )
                self.done(message.mark)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: str) -> None:
    """Call in the event loop, from any thread; not at all once it is closed, since we are ending then."""
    try:
        loop.call_soon_threadsafe(call, *arguments)
    except RuntimeError:
        pass
