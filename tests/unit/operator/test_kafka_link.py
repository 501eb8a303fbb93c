"""An outage is told once, with its cause, where people and the kubelet look; short ones and first starts are not."""

from dataclasses import dataclass, field

import pytest
from mm_contracts.kafka_errors import Cause
from mm_operator.health import Health
from mm_operator.kafka_link import LOGIN_SECONDS, QUIET_SECONDS, START_SECONDS, Link, Teller
from mm_operator.metrics import REGISTRY

SETTINGS = {"bootstrap.servers": "k:9093", "sasl.username": "mars", "sasl.mechanism": "PLAIN"}
AWAY = Cause("_TRANSPORT", "Local: Broker transport failure")
LOGIN = Cause("_AUTHENTICATION", "SASL authentication error")


@dataclass
class World:
    now: float = 0.0
    posted: list[tuple[str, str]] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = Health(clock=lambda: self.now)
        self.teller = Teller(lambda reason, text: self.posted.append((reason, text)))
        self.link = self.new("t")

    def new(self, topic: str) -> Link:
        return Link(
            topic, "g", self.health, self.teller, lambda: self.recovered.append(self.now), clock=lambda: self.now
        )

    def up(self) -> float | None:
        return REGISTRY.get_sample_value("mars_kafka_up", {"topic": "t"})


@pytest.fixture
def world() -> World:
    return World()


def test_a_start_that_takes_a_moment_is_no_outage(world: World) -> None:
    assert (world.up(), world.health.waiting_for()) == (0, ["Kafka has not answered yet"])
    world.now = START_SECONDS - 1
    world.link.failed(AWAY, SETTINGS)
    assert world.posted == []
    world.link.answered()
    assert (world.up(), world.health.waiting_for(), world.recovered) == (1, [], [])


def test_a_start_without_kafka_is_told_and_followed_by_a_sweep(world: World) -> None:
    world.now = START_SECONDS + 1
    world.link.failed(AWAY, SETTINGS)
    assert [reason for reason, _ in world.posted] == ["KafkaAway"]
    world.link.answered()
    assert len(world.recovered) == 1


def test_a_restarted_broker_is_not_told_but_followed_by_a_sweep(world: World) -> None:
    world.link.answered()
    world.link.note(Cause("_ALL_BROKERS_DOWN", "1/1 brokers are down"))
    world.link.failed(AWAY, SETTINGS)
    assert (world.up(), world.health.waiting_for()) == (0, [])
    world.now = QUIET_SECONDS - 1
    world.link.answered()
    assert (world.posted, len(world.recovered), world.up()) == ([], 1, 1)


def test_an_outage_is_told_once_however_many_topics_it_has(world: World) -> None:
    other = world.new("other")
    for link in (world.link, other):
        link.answered()
        link.failed(AWAY, SETTINGS)
    for world.now in (QUIET_SECONDS + 1, QUIET_SECONDS + 9):
        for link in (world.link, other):
            link.failed(AWAY, SETTINGS)
    assert len(world.posted) == 1
    assert len(world.health.waiting_for()) == 1
    world.link.answered()
    assert world.health.waiting_for()
    other.answered()
    assert world.health.waiting_for() == []
    assert len(world.recovered) == 2


def test_a_refused_login_is_told_at_once_and_later_ends_the_process(world: World) -> None:
    world.link.answered()
    world.link.note(LOGIN)
    world.link.failed(AWAY, SETTINGS)
    ((reason, text),) = world.posted
    assert reason == "KafkaUnusable"
    assert text.startswith("Kafka at k:9093 refuses user mars (PLAIN)")
    assert world.health.problems() == []
    world.now = LOGIN_SECONDS + 1
    world.link.failed(AWAY, SETTINGS)
    assert text in world.health.problems()[0]
    world.link.answered()
    assert world.health.problems() == []


def test_an_outage_alone_never_ends_the_process(world: World) -> None:
    world.link.answered()
    for world.now in range(0, 3_600, 60):
        world.link.failed(AWAY, SETTINGS)
    assert world.health.problems() == []
    assert world.health.waiting_for()
