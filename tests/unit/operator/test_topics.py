"""The reader of a topic against librdkafka's mock broker: nothing is committed before its effect, whatever comes."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from mm_contracts.reasons import DeadLetterReason
from mm_contracts.topics import Names
from mm_operator import topics as topics_module
from mm_operator.core.claim import QUIET_SECONDS, Claim
from mm_operator.core.offsets import Mark
from mm_operator.health import Health
from mm_operator.intake import Intake
from mm_operator.metrics import REGISTRY
from mm_operator.topics import GROUP, Message, message_of

TOPIC = "ingestion-scheduling"


@pytest.fixture
def kafka() -> Iterator[str]:
    """The address of a mock cluster; its one topic is made by the first message."""
    owner = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": "1", "log_level": 0})
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    # The broker lives as long as the client that made it.
    owner.flush(0)


def publish(kafka: str, *values: bytes, topic: str = TOPIC) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(10) == 0


def committed(kafka: str, topic: str = TOPIC, group: str = GROUP) -> int:
    """Return the group's committed offset of partition 0, -1001 where there is none."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group})
    try:
        return int(consumer.committed([TopicPartition(topic, 0)], timeout=10)[0].offset)
    finally:
        consumer.close()


class Letters:
    """Dead letters that are kept in a list instead of put into Kafka."""

    def __init__(self) -> None:
        self.put_away: list[tuple[Mark, DeadLetterReason]] = []

    async def put(self, message: Message, reason: DeadLetterReason, _sentence: str) -> None:
        self.put_away.append((message.mark, reason))


class Running:
    """An intake of one topic with its event loop in a thread. ``handle`` is called with each message."""

    def __init__(self, kafka: str, prefix: str = "", release: str = "mars/mars", **connection: Any) -> None:
        self.health, self.letters = Health(), Letters()
        self.seen: list[Message] = []
        self.recovered: list[str] = []
        self.posted: list[tuple[str, str]] = []
        self.handle: Callable[[Message], None] = lambda message: self.intake.done(message.mark)
        self.loop = asyncio.new_event_loop()
        settings = {"bootstrap.servers": kafka, **connection}
        self.intake = Intake(lambda: settings, Names(prefix), release, self.letters, self.health)  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def start() -> None:
            work = self.intake.start({TOPIC: self._take}, self.recovered.append, lambda *said: self.posted.append(said))
            await asyncio.gather(*work)

        asyncio.set_event_loop(self.loop)
        self._task = self.loop.create_task(start())
        try:
            self.loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass

    async def _take(self, message: Message) -> None:
        self.seen.append(message)
        self.handle(message)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.intake.stop()
        self.intake.join(lambda: 10)
        self.loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def values(running: Running) -> list[bytes | None]:
    return [message.value for message in running.seen]


def test_a_message_is_handled_and_its_offset_moves_on(kafka: str) -> None:
    publish(kafka, b"1", b"2", b"3")
    with Running(kafka) as running:
        wait_for(lambda: values(running) == [b"1", b"2", b"3"], "three messages")
        wait_for(lambda: committed(kafka) == 3, "the commit")
        assert running.health.waiting_for() == []
        assert REGISTRY.get_sample_value("mars_kafka_up", {"topic": TOPIC}) == 1
    with Running(kafka) as again:
        publish(kafka, b"4")
        wait_for(lambda: again.seen, "the next message")
        assert values(again) == [b"4"]


def test_no_offset_is_committed_before_the_effect_and_a_new_reader_gets_the_message_again(kafka: str) -> None:
    publish(kafka, b"1", b"2", b"3")
    with Running(kafka) as running:
        running.handle = lambda message: running.intake.done(message.mark) if message.value != b"2" else None
        wait_for(lambda: len(running.seen) == 3, "three messages")
        wait_for(lambda: committed(kafka) == 1, "the commit up to the one without effect")
    assert committed(kafka) == 1
    with Running(kafka) as again:
        wait_for(lambda: len(again.seen) == 2, "what had no effect, and what came after it")
        assert values(again) == [b"2", b"3"]
        wait_for(lambda: committed(kafka) == 3, "the commit")


def test_what_is_done_at_the_end_is_committed_by_the_end(kafka: str) -> None:
    publish(kafka, b"1")
    with Running(kafka) as running:
        running.handle = lambda _message: None
        wait_for(lambda: running.seen, "the message")
        running.intake.done(running.seen[0].mark)
    assert committed(kafka) == 1


def test_a_message_that_breaks_its_handler_becomes_a_dead_letter_and_is_done(kafka: str) -> None:
    publish(kafka, b"1", b"2", b"3")

    with Running(kafka) as running:

        def handle(message: Message) -> None:
            if message.value == b"2":
                raise RuntimeError("a fault of ours")
            running.intake.done(message.mark)

        running.handle = handle
        wait_for(lambda: committed(kafka) == 3, "the commit past it")
        assert values(running) == [b"1", b"2", b"3"]
        assert running.letters.put_away == [(Mark(TOPIC, 0, 1), DeadLetterReason.INTERNAL_ERROR)]


class Raw:
    """A message as the client gives it, with parts that raise."""

    def __init__(self, raw: Any, raises: tuple[str, ...]) -> None:
        self._raw, self._raises = raw, raises

    def __getattr__(self, name: str) -> Any:
        if name in self._raises:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return getattr(self._raw, name)


@pytest.mark.parametrize(("part", "letters"), [("headers", 0), ("value", 1), ("key", 1)])
def test_what_the_client_raises_about_one_message_concerns_it_alone(
    kafka: str, monkeypatch: pytest.MonkeyPatch, part: str, letters: int
) -> None:
    publish(kafka, b"1", b"2", b"3")
    read = message_of
    broken = (part,)
    monkeypatch.setattr(topics_module, "message_of", lambda raw: read(Raw(raw, broken) if raw.offset() == 1 else raw))
    with Running(kafka) as running:
        wait_for(lambda: committed(kafka) == 3, "the commit past all three")
        assert values(running) == ([b"1", b"3"] if letters else [b"1", b"2", b"3"])
        expected = [(Mark(TOPIC, 0, 1), DeadLetterReason.BAD_MESSAGE)]
        assert running.letters.put_away == expected[:letters]


def test_releases_with_prefixes_read_their_own_topics_and_groups(kafka: str) -> None:
    publish(kafka, b"theirs")
    publish(kafka, b"ours", topic=f"a.{TOPIC}")
    with Running(kafka, prefix="a.") as running:
        wait_for(lambda: committed(kafka, f"a.{TOPIC}", f"a.{GROUP}") == 1, "the commit")
        assert values(running) == [b"ours"]
    assert committed(kafka) < 0


def test_reading_stops_while_too_much_is_not_done(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics_module, "MOST_OUTSTANDING_BYTES", 100_000)
    publish(kafka, *[b"x" * 20_000] * 40)
    with Running(kafka) as running:
        running.handle = lambda _message: None
        wait_for(lambda: [one for one in running.intake._readers.values() if one._paused], "the pause")
        assert len(running.seen) <= 10
        handed = 0
        while handed < 40:
            wait_for(lambda: len(running.seen) > handed, "more once there is room")  # noqa: B023
            for message in running.seen[handed:]:
                running.intake.done(message.mark)
                handed += 1
        wait_for(lambda: committed(kafka) == 40, "the commit of all")


def test_a_second_release_on_the_same_topics_is_told_so_and_takes_nothing(kafka: str) -> None:
    publish(kafka, b"1")
    with Running(kafka, release="one/mars") as one:
        wait_for(lambda: committed(kafka) == 1, "the commit")
        with Running(kafka, release="two/mars") as two:
            wait_for(lambda: any("has read" in said for said in two.health.waiting_for()), "the second to wait")
            publish(kafka, b"2")
            wait_for(lambda: values(one) == [b"1", b"2"], "the first to go on")
            assert two.seen == []
            assert one.health.waiting_for() == []


def test_of_two_releases_that_began_together_one_yields(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As far apart as they are, in a fiftieth of the time: who notes and looks in one breath sees only its own note.
    for name in ("BEAT_SECONDS", "CHECK_SECONDS", "POLL_SECONDS"):
        monkeypatch.setattr(topics_module, name, getattr(topics_module, name) / 50)
    # Both find no note, as they do when neither has committed yet.
    monkeypatch.setattr(
        Claim, "holder", lambda self, notes, now, ask=Claim.holder: ask(self, notes, now) if begun else ""
    )
    begun: list[bool] = []
    publish(kafka, b"1")
    with Running(kafka, release="one/mars") as one, Running(kafka, release="two/mars") as two:
        wait_for(lambda: one.seen and two.seen, "both to read")
        begun.append(True)
        wait_for(lambda: any("two must not" in said for said in two.health.waiting_for()), "the second to yield", 90)
        assert one.health.waiting_for() == []
        publish(kafka, b"2")
        wait_for(lambda: b"2" in values(one), "the first to go on")
        assert b"2" not in values(two)


def test_a_release_that_is_gone_is_followed_by_another() -> None:
    one, two = Claim("a/mars"), Claim("b/mars")
    note = one.note()
    assert one.holder([note], 0) == ""
    assert two.holder([note, ""], 10) == "a/mars"
    assert not two.moved
    note = one.note()
    assert two.holder([note, ""], 40) == "a/mars"
    assert two.moved
    assert two.holder([note, ""], 40 + QUIET_SECONDS) == "a/mars"
    assert two.holder([note, ""], 41 + QUIET_SECONDS) == ""
    assert two.holder(["", "not ours"], 0) == ""


def test_a_kafka_that_is_not_there_is_told_once_in_a_sentence_without_a_traceback(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm_operator.kafka_link.START_SECONDS", 0.1)
    with Running("127.0.0.1:1") as running:
        wait_for(lambda: running.posted, "an Event")
        assert REGISTRY.get_sample_value("mars_kafka_up", {"topic": TOPIC}) == 0
        (sentence,) = running.health.waiting_for()
        assert sentence.startswith("Kafka at 127.0.0.1:1 does not answer")
    assert not [record for record in caplog.records if record.exc_info]
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1


def test_settings_that_no_client_takes_are_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    with Running("127.0.0.1:1", **{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}) as running:
        wait_for(lambda: running.posted, "an Event")
        assert "Kafka's client cannot use its settings" in running.posted[0][1]
    assert not [record for record in caplog.records if record.exc_info]


def test_passed_retention_is_told_and_reading_goes_on(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(kafka, *(b"%d" % number for number in range(8)))
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": GROUP})
    consumer.commit(offsets=[TopicPartition(TOPIC, 0, 2)], asynchronous=False)
    consumer.close()
    before = REGISTRY.get_sample_value("mars_kafka_messages_lost_total", {"topic": TOPIC}) or 0
    ask = Consumer.get_watermark_offsets

    class Shortened(Consumer):  # type: ignore[misc]
        """The mock broker never deletes: the first five are taken to be gone."""

        def get_watermark_offsets(self, *arguments: Any, **named: Any) -> tuple[int, int]:
            _, high = ask(self, *arguments, **named)
            return 5, high

    monkeypatch.setattr(topics_module, "Consumer", Shortened)
    with Running(kafka) as running:
        wait_for(lambda: committed(kafka) == 8, "the commit")
        assert values(running) == [b"5", b"6", b"7"]
        assert running.recovered == [TOPIC]
        assert [reason for reason, _ in running.posted] == ["KafkaMessagesLost"]
    assert REGISTRY.get_sample_value("mars_kafka_messages_lost_total", {"topic": TOPIC}) == before + 3


def test_an_offset_that_is_out_of_range_later_makes_the_reader_look_where_to_go_on(kafka: str) -> None:
    publish(kafka, b"1", b"2")
    with Running(kafka) as running:
        wait_for(lambda: committed(kafka) == 2, "the commit")
        (reader,) = running.intake._readers.values()
        unassigned: list[int] = []
        error = SimpleNamespace(code=lambda: topics_module.KafkaError._AUTO_OFFSET_RESET)
        raw = SimpleNamespace(error=lambda: error, partition=lambda: 0)
        fake = SimpleNamespace(incremental_unassign=lambda places: unassigned.extend(p.partition for p in places))
        reader._take(fake, raw)  # type: ignore[arg-type]
        assert unassigned == [0]
        publish(kafka, b"3")
        wait_for(lambda: committed(kafka) == 3, "the message after it")
