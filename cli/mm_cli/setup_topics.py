"""The topics and their dead-letter topics: what to create or alter is pure, the admin client is a thin shell."""

import importlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mm_contracts.connections import SettingsError, kafka_settings
from mm_contracts.topics import DLQ_ROOM, TOPICS, dead_letter_topic

_REQUEST_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 2.0


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


def wanted_topics() -> tuple[str, ...]:
    """Return the names of the topics of the contracts, each followed by its dead-letter topic."""
    return tuple(name for topic in TOPICS for name in (topic, dead_letter_topic(topic)))


def work_to_do(
    settings: TopicSettings, partitions: Mapping[str, int], configs: Mapping[str, Mapping[str, str]]
) -> TopicWork:
    """Return what differs between the cluster and the settings.

    A topic never loses partitions: more than wanted is left as it is.

    Args:
        settings: how the topics should be.
        partitions: number of partitions by topic, of the topics that exist.
        configs: effective settings by topic, of the topics that exist.
    """
    create, grow, alter = [], [], []
    for topic in wanted_topics():
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


def _partitions(admin: Any, deadline: float) -> dict[str, int]:
    """Return partitions by topic as soon as a broker answers. Raises SetupError after the deadline."""
    from confluent_kafka import KafkaException

    while True:
        try:
            metadata = admin.list_topics(timeout=_POLL_SECONDS)
        except KafkaException as error:
            if time.monotonic() >= deadline:
                raise SetupError(
                    f"Kafka did not answer: {error.args[0].str()}; check that it runs and that "
                    "KAFKA_BOOTSTRAP_SERVERS is right"
                ) from None
            continue
        return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def _configs(admin: Any, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    api = _admin_api()
    resources = [api.ConfigResource(api.ResourceType.TOPIC, name) for name in topics]
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=_REQUEST_SECONDS)
    return {
        resource.name: {key: entry.value for key, entry in answer.result().items()}
        for resource, answer in answers.items()
    }


def _apply(admin: Any, settings: TopicSettings, work: TopicWork) -> None:
    from confluent_kafka import KafkaError, KafkaException

    api = _admin_api()
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
                raise SetupError(f"Kafka refused to set up {what}: {error.args[0].str()}") from None


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
    try:
        connection = kafka_settings(os.environ)
    except SettingsError as error:
        raise SetupError(str(error)) from None
    # Level 2 hides librdkafka's line for every refused connection while a broker is starting.
    admin = _admin_api().AdminClient(connection | {"client.id": "mars-setup", "log_level": 2})
    done = TopicWork()
    while True:
        partitions = _partitions(admin, deadline)
        missing = [name for name in wanted_topics() if name not in partitions]
        if create and not done:
            known = [name for name in wanted_topics() if name in partitions]
            if not (work := work_to_do(settings, partitions, _configs(admin, known))):
                return done
            _apply(admin, settings, work)
            done = work
            continue
        if not missing:
            return done
        if time.monotonic() >= deadline:
            raise SetupError(f"Kafka has no topic {', '.join(missing)}: create them, or let the chart create them")
        # Metadata is asked again after this; no broker call waits for a topic to appear.
        time.sleep(0.2)
