"""The topics and their dead-letter topics: what to create or alter is pure, the admin client is a thin shell."""

import importlib
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mm_contracts.connections import SettingsError, kafka_names, kafka_settings
from mm_contracts.kafka_errors import Cause, cause_of, sentence, weightier
from mm_contracts.topics import DLQ_ROOM, Names, dead_letter_topic

_REQUEST_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 2.0
_LASTING_SECONDS: Final = 10.0
"""A refused login or certificate that stays for so long is not a Kafka that is still starting."""


class SetupError(RuntimeError):
    """Setting up did not work; the message is a sentence that says what to do."""


@dataclass(frozen=True)
class TopicSettings:
    """How every topic is made. Dead-letter topics keep their messages longer, and take the headers besides."""

    partitions: int = 3
    replication_factor: int = 1
    retention_ms: int = 7 * 86_400_000
    dlq_retention_ms: int = 28 * 86_400_000
    max_message_bytes: int = 8 * 1024 * 1024

    def config(self, topic: str) -> dict[str, str]:
        """Return the topic's own settings, in Kafka's names and text form."""
        dead = topic.endswith(dead_letter_topic(""))
        return {
            "retention.ms": str(self.dlq_retention_ms if dead else self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes + (DLQ_ROOM if dead else 0)),
            "cleanup.policy": "delete",
        }


@dataclass(frozen=True)
class TopicWork:
    """What has to be done: topics to create, topics with too few partitions, settings that differ."""

    create: tuple[str, ...] = ()
    grow: tuple[str, ...] = ()
    alter: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.create or self.grow or self.alter)


def wanted_topics(names: Names = Names()) -> tuple[str, ...]:  # noqa: B008 (a value, and no state)
    """Return what the topics of the contracts are called, each followed by its dead-letter topic."""
    return tuple(name for topic in names.topics for name in (topic, dead_letter_topic(topic)))


def work_to_do(
    settings: TopicSettings,
    partitions: Mapping[str, int],
    configs: Mapping[str, Mapping[str, str]],
    wanted: Sequence[str] = wanted_topics(),
) -> TopicWork:
    """Return what differs between the cluster and the settings.

    A topic never loses partitions: more than wanted is left as it is.

    Args:
        settings: how the topics should be.
        partitions: number of partitions by topic, of the topics that exist.
        configs: effective settings by topic, of the topics that exist.
        wanted: names of the topics.
    """
    create, grow, alter = [], [], []
    for topic in wanted:
        if topic not in partitions:
            create.append(topic)
            continue
        if partitions[topic] < settings.partitions:
            grow.append(topic)
        have = configs.get(topic, {})
        differing = tuple((key, value) for key, value in settings.config(topic).items() if have.get(key) != value)
        if differing:
            alter.append((topic, differing))
    return TopicWork(tuple(create), tuple(grow), tuple(alter))


def _admin_api() -> Any:
    """Return confluent_kafka.admin: it costs 50 ms to import, and its typed part does not export these names."""
    return importlib.import_module("confluent_kafka.admin")


class _Kafka:
    """The admin client and its own word on what is wrong."""

    def __init__(self) -> None:
        from confluent_kafka import KafkaException

        try:
            self.settings = kafka_settings(os.environ)
            self.names = kafka_names(os.environ)
        except SettingsError as error:
            raise SetupError(str(error)) from None
        self._cause: Cause | None = None
        self._since: float | None = None
        try:
            client = {"client.id": "mars-setup", "log_level": 0, "error_cb": self._note}
            self.admin = _admin_api().AdminClient(self.settings | client)
        except KafkaException as error:
            raise SetupError(self.why(error)) from None

    def why(self, error: object, topic: str = "") -> str:
        """Return a failed call's cause and what to do, as a sentence."""
        return sentence(weightier(self._cause, cause_of(error)), self.settings, topic)

    def partitions(self, deadline: float) -> dict[str, int]:
        """Return partitions by topic as soon as a broker answers.

        Raises:
            SetupError: none did until the deadline, or something stands in the way that waiting does not end.
        """
        from confluent_kafka import KafkaException

        told = False
        while True:
            try:
                metadata = self.admin.list_topics(timeout=_POLL_SECONDS)
            except KafkaException as error:
                self.admin.poll(0)
                now, cause = time.monotonic(), weightier(self._cause, cause_of(error))
                self._since = (self._since or now) if cause.lasting else None
                if now >= deadline or (self._since is not None and now - self._since > _LASTING_SECONDS):
                    raise SetupError(self.why(error)) from None
                if not told:
                    print(f"waiting for Kafka: {self.why(error)}", file=sys.stderr, flush=True)
                    told = True
                continue
            self._cause = self._since = None
            return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}

    def _note(self, error: object) -> None:
        self._cause = weightier(self._cause, cause_of(error))


def _configs(kafka: _Kafka, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    from confluent_kafka import KafkaException

    api = _admin_api()
    resources = [api.ConfigResource(api.ResourceType.TOPIC, name) for name in topics]
    if not resources:
        return {}
    found = {}
    for resource, answer in kafka.admin.describe_configs(resources, request_timeout=_REQUEST_SECONDS).items():
        try:
            found[resource.name] = {key: entry.value for key, entry in answer.result().items()}
        except KafkaException as error:
            raise SetupError(kafka.why(error, resource.name)) from None
    return found


def _apply(kafka: _Kafka, settings: TopicSettings, work: TopicWork) -> None:
    from confluent_kafka import KafkaError, KafkaException

    api, admin = _admin_api(), kafka.admin
    answers: dict[Any, Any] = {}
    if work.create:
        new = [
            api.NewTopic(name, settings.partitions, settings.replication_factor, config=settings.config(name))
            for name in work.create
        ]
        answers |= admin.create_topics(new, request_timeout=_REQUEST_SECONDS)
    if work.grow:
        grown = [api.NewPartitions(name, settings.partitions) for name in work.grow]
        answers |= admin.create_partitions(grown, request_timeout=_REQUEST_SECONDS)
    if work.alter:
        altered = [
            api.ConfigResource(
                api.ResourceType.TOPIC,
                name,
                incremental_configs=[
                    api.ConfigEntry(key, value, incremental_operation=api.AlterConfigOpType.SET)
                    for key, value in entries
                ],
            )
            for name, entries in work.alter
        ]
        answers |= admin.incremental_alter_configs(altered, request_timeout=_REQUEST_SECONDS)
    for what, answer in answers.items():
        try:
            answer.result()
        except KafkaException as error:
            # Somebody else (another pod's init container) was quicker: the effect is there.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                name = getattr(what, "name", what)
                raise SetupError(f"Kafka refused to set up {name}: {kafka.why(error, name)}") from None


def ensure_topics(settings: TopicSettings, *, create: bool, timeout: float) -> TopicWork:
    """Make the topics, or only wait until somebody else (Strimzi, an administrator) has made them.

    Safe to repeat and to run twice at a time.

    Args:
        settings: how the topics should be.
        create: create and alter; otherwise only wait until all of them exist.
        timeout: seconds to wait for Kafka, and for topics that somebody else makes.

    Returns:
        What was done; empty when everything was there already.

    Raises:
        SetupError: Kafka did not answer in time, refused, or topics are still missing.
    """
    deadline = time.monotonic() + timeout
    kafka = _Kafka()
    wanted = wanted_topics(kafka.names)
    done = TopicWork()
    while True:
        partitions = kafka.partitions(deadline)
        missing = [name for name in wanted if name not in partitions]
        if create and not done:
            known = [name for name in wanted if name in partitions]
            if not (work := work_to_do(settings, partitions, _configs(kafka, known), wanted)):
                return done
            _apply(kafka, settings, work)
            done = work
            continue
        if not missing:
            return done
        if time.monotonic() >= deadline:
            raise SetupError(
                f"Kafka has no topic {', '.join(missing)}, or shows it not to this user: create them, let the chart "
                "create them, or allow Describe on them"
            )
        # Metadata is asked again after this; no broker call waits for a topic to appear.
        time.sleep(0.2)
