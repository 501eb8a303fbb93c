"""Our clients against a real broker with TLS, SASL and ACLs: what works, and the sentence for what does not."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mm_cli.errors import CliError
from mm_cli.kafka_session import publish, read_all
from mm_cli.setup_topics import SetupError, TopicSettings, ensure_topics, wanted_topics

from tests.kafka.brokers import Authority, Right, add_user, grant
from tests.kafka.running import ADMIN_PASSWORD, Running, brokers, classpath

PASSWORD = "the-user's"
MECHANISMS = {"scram512": "SCRAM-SHA-512", "scram256": "SCRAM-SHA-256", "plain": "PLAIN"}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One broker; three users that may do everything with our topics, one that may do nothing."""
    if classpath() is None:
        pytest.skip("needs java and Kafka's jars: the cluster's tests run the same broker in its image")
    with brokers(tmp_path_factory.mktemp("kafka"), 1, {"plain": PASSWORD}) as running:
        admin = running.client() | {"log_level": "0"}
        for user in ("scram512", "scram256", "nobody"):
            add_user(admin, user, PASSWORD, MECHANISMS.get(user, "SCRAM-SHA-512"))
        for user in MECHANISMS:
            grant(admin, [Right(user, "topic", topic, ("ALL",)) for topic in wanted_topics()])
            grant(admin, [Right(user, "group", "mars-", ("READ", "DESCRIBE"), prefixed=True)])
        yield running


@pytest.fixture
def told(kafka: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that tells our clients where Kafka is and who they are."""
    ca = kafka.folder / "ca.crt"

    def tell(user: str, password: str = PASSWORD, **more: str) -> None:
        ca.write_text(kafka.authority.pem)
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": MECHANISMS.get(user, "SCRAM-SHA-512"),
            "KAFKA_USERNAME": user,
            "KAFKA_PASSWORD": password,
            "KAFKA_SSL_CA_LOCATION": str(ca),
        } | more
        for name, value in env.items():
            monkeypatch.setenv(name, value)

    return tell


def topics(**more: Any) -> None:
    ensure_topics(TopicSettings(), **({"create": True, "timeout": 120} | more))


def test_each_mechanism_makes_topics_publishes_and_reads(told: Callable[..., None]) -> None:
    told("admin", ADMIN_PASSWORD)
    topics()
    for user in MECHANISMS:
        told(user)
        topics()
        publish([("minio-events.dlq", None, user.encode(), {})], 30)
        assert user.encode() in [message.value for message in read_all("minio-events.dlq", 30)]


def test_a_retired_authority_beside_the_new_one_harms_nothing(
    kafka: Running, told: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "ca.crt").write_text(Authority.new("the next").pem)
    (tmp_path / "ca-2026-11-27.crt").write_text(kafka.authority.pem)
    told("admin", ADMIN_PASSWORD, KAFKA_SSL_CA_LOCATION=str(tmp_path))
    topics()


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "password": ({"password": "wrong"}, "refuses user scram512 (SCRAM-SHA-512): check the user name and the password"),
    "mechanism": ({"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}, "refuses user scram512 (SCRAM-SHA-256)"),
    "no password": ({"password": ""}, "KAFKA_PASSWORD is not set: give the password of user scram512"),
    "host": (
        {"KAFKA_BOOTSTRAP_SERVERS": "kafka.invalid:9092"},
        "host name of Kafka at kafka.invalid:9092 is not known",
    ),
    "no file": ({"KAFKA_SSL_CA_LOCATION": "/nowhere/ca.crt"}, "KAFKA_SSL_CA_LOCATION is /nowhere/ca.crt: No such file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_can_never_work_is_said_long_before_the_timeout(told: Callable[..., None], what: str) -> None:
    changed, said = WRONG[what]
    told("scram512", **changed)
    began = time.monotonic()
    with pytest.raises(SetupError) as caught:
        topics(timeout=20 if what == "host" else 600)
    assert said in str(caught.value)
    assert time.monotonic() - began < 300


def test_a_foreign_authority_is_told(told: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(Authority.new("somebody else's").pem)
    told("scram512", KAFKA_SSL_CA_LOCATION=str(tmp_path))
    with pytest.raises(SetupError, match="cannot be trusted"):
        topics(timeout=600)


def test_protocols_that_do_not_fit_the_port_are_told(kafka: Running, told: Callable[..., None]) -> None:
    told("scram512", KAFKA_BOOTSTRAP_SERVERS=f"localhost:{kafka.brokers[0].peers}")
    with pytest.raises(SetupError, match="does not speak TLS there"):
        topics(timeout=600)
    told("scram512", KAFKA_SECURITY_PROTOCOL="PLAINTEXT")
    with pytest.raises(SetupError, match=r"does not answer.*: check .* PLAINTEXT is the protocol of this port"):
        topics(timeout=5)


def test_missing_rights_and_topics_are_told(told: Callable[..., None]) -> None:
    told("nobody")
    with pytest.raises(SetupError, match="allow Describe on them"):
        topics(create=False, timeout=3)
    with pytest.raises(SetupError, match=r"refused to set up .*: user nobody may not use topic"):
        topics()
    with pytest.raises(CliError, match=r"user nobody may not use topic minio-events\.dlq"):
        list(read_all("minio-events.dlq", 10))
    with pytest.raises(CliError, match="could not publish: user nobody may not use topic minio-events"):
        publish([("minio-events", None, b"1", {})], 10)
    told("scram512", KAFKA_TOPIC_PREFIX="other.")
    with pytest.raises(CliError, match=r"may not use consumer group other\.mars-cli"):
        list(read_all("minio-events.dlq", 10))
    told("admin", ADMIN_PASSWORD, KAFKA_TOPIC_PREFIX="other.")
    with pytest.raises(CliError, match=r"has no topic other\.minio-events"):
        list(read_all("other.minio-events", 10))


def test_an_expired_certificate_is_told(kafka: Running, told: Callable[..., None]) -> None:
    kafka.stop(1)
    kafka.configure({"plain": PASSWORD}, kafka.authority.issue(["localhost"], timedelta(hours=-1)))
    kafka.start(1)
    try:
        told("scram512")
        with pytest.raises(SetupError, match="one of them has expired"):
            topics(timeout=600)
    finally:
        kafka.stop(1)
        kafka.configure({"plain": PASSWORD})
        kafka.start(1)
