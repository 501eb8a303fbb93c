"""What is known of the connection to Kafka: an outage is told once, in one sentence with its cause, and its end too."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from mm_contracts.kafka_errors import AUTHENTICATION, Cause, sentence, weightier

from mm_operator import metrics
from mm_operator.health import Health

log = logging.getLogger(__name__)

QUIET_SECONDS: Final = 5.0
"""A broker that restarts is met again within seconds: only a longer outage is told, unless its cause is lasting."""
START_SECONDS: Final = 30.0
"""At a first install the brokers start as the operator does."""
LOGIN_SECONDS: Final = 20.0
"""A login that is refused for so long fails the liveness probe: a new process gets the Secret as it is by then."""


class Teller:
    """Says each sentence once while it holds, however many readers come upon it."""

    def __init__(self, post: Callable[[str, str], None]) -> None:
        """``post`` makes an Event of (machine reason, sentence); it may be called in any thread."""
        self._post = post
        self._said: dict[str, str] = {}

    def problem(self, topic: str, reason: str, text: str) -> None:
        """Say what is wrong with a topic's connection."""
        known = text in self._said.values()
        self._said[topic] = text
        if not known:
            log.error("%s", text, extra={"topic": topic, "reason": reason})
            self._post(reason, text)

    def well(self, topic: str) -> None:
        """Say that a topic's connection is well again, where a problem was told."""
        if self._said.pop(topic, None) is not None:
            log.info("Kafka answers again for %s", topic, extra={"topic": topic})

    def loss(self, topic: str, text: str) -> None:
        """Say that messages are lost."""
        log.error("%s", text, extra={"topic": topic, "reason": "KafkaMessagesLost"})
        self._post("KafkaMessagesLost", text)


class Link:
    """The connection of one reader. Its methods are called in the reader's thread, ``note`` in the client's too."""

    def __init__(
        self,
        topic: str,
        group: str,
        health: Health,
        teller: Teller,
        recovered: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic, self._group, self._health, self._teller = topic, group, health, teller
        self._recovered, self._clock = recovered, clock
        self._cause: Cause | None = None
        self._down_since: float | None = clock()
        self._login_since: float | None = None
        self._was_up = False
        self._all_gone = False
        self._told = False
        self._part = f"Kafka topic {topic}"
        metrics.KAFKA_UP.labels(topic).set(0)
        health.unready(self._part, "Kafka has not answered yet")

    @property
    def down(self) -> bool:
        """Whether Kafka did not answer when it was asked last."""
        return self._down_since is not None

    def down_for(self) -> float:
        """Return for how many seconds Kafka has not answered."""
        return 0.0 if self._down_since is None else self._clock() - self._down_since

    def note(self, cause: Cause) -> None:
        """Note what the client says by itself. It is the cause if the next question gets no answer."""
        self._cause = weightier(self._cause, cause)
        self._all_gone = self._all_gone or cause.name == "_ALL_BROKERS_DOWN"

    def failed(self, cause: Cause, settings: Mapping[str, Any], text: str = "") -> None:
        """Note that Kafka gave no answer, or not the one needed; ``text`` takes the place of the cause's sentence."""
        self.note(cause)
        now = self._clock()
        if self._down_since is None:
            self._down_since = now
        metrics.KAFKA_UP.labels(self._topic).set(0)
        weighty = self._cause or cause
        text = text or sentence(weighty, settings, self._topic, self._group)
        if weighty.name in AUTHENTICATION:
            self._login_since = now if self._login_since is None else self._login_since
            if now - self._login_since > LOGIN_SECONDS:
                self._health.broken(self._part, text)
        patience = QUIET_SECONDS if self._was_up else START_SECONDS
        told = weighty.lasting or self._told or now - self._down_since > patience
        if told or not self._was_up:
            self._health.unready(self._part, text)
        if told:
            self._teller.problem(self._topic, "KafkaUnusable" if weighty.lasting else "KafkaAway", text)
            self._told = True

    def answered(self) -> None:
        """Note that Kafka answers, and forget the outage."""
        metrics.KAFKA_UP.labels(self._topic).set(1)
        self._health.unready(self._part, None)
        self._health.broken(self._part, None)
        # Who has just started has missed nothing; it sweeps after its start anyway.
        if (self._was_up and (self._told or self._all_gone)) or self.down_for() > START_SECONDS:
            self._recovered()
        self._teller.well(self._topic)
        self._was_up, self._told, self._all_gone = True, False, False
        self._cause = self._down_since = self._login_since = None

    def lost(self, partition: int, count: int) -> None:
        """Note that messages of a partition were deleted before they were read."""
        metrics.MESSAGES_LOST.labels(self._topic).inc(count)
        what = "1 message" if count == 1 else f"{count} messages"
        self._teller.loss(
            self._topic,
            f"up to {what} of {self._topic}/{partition} were deleted by Kafka's retention before they were read: raise "
            "kafka.topics.retentionHours if the operator may be away for so long",
        )
        self._recovered()
