"""A release on a Kafka as teams run it: three brokers, TLS of an own CA, SCRAM, ACLs, a prefix, other ports."""

import base64
import json
from collections.abc import Iterator

import pytest
from mm_hack import release, tools

from tests.cluster.archive import archived, duplicates, gaps, grow, promised, wait_complete
from tests.cluster.system import System, opened, wait_until
from tests.cluster.team_kafka import BOOTSTRAP, PREFIX, READ, USERS, TeamKafka
from tests.kafka.brokers import Authority, Right

NAMESPACE = "mars-team"
PATIENCE = 900
"""Seconds for an archive to be complete: three brokers share the machine with everything else."""
VALUES = {
    "kafka.provider": "external",
    "kafka.topicPrefix": PREFIX,
    "kafka.topics.create": "false",
    "kafka.external.bootstrapServers": BOOTSTRAP,
    "kafka.external.brokerPorts": "{9094}",
    "kafka.external.securityProtocol": "SASL_SSL",
    "kafka.external.saslMechanism": "SCRAM-SHA-512",
    "kafka.external.caSecret": "team-ca",
    **{f"kafka.external.existingSecrets.{user}": f"kafka-{user}" for user in USERS},
}


@pytest.fixture(scope="module")
def kafka(cluster: None) -> Iterator[TeamKafka]:  # noqa: ARG001 (without it there is none)
    """The brokers."""
    made = TeamKafka()
    made.uninstall()
    made.install()
    yield made
    made.uninstall()


@pytest.fixture(scope="module")
def team(kafka: TeamKafka) -> Iterator[System]:
    """The release that uses them."""
    release.uninstall(NAMESPACE)
    release.make_namespace(NAMESPACE)
    with opened(release.kubectl(NAMESPACE), str(tools.paths().docker)) as system:
        for user in USERS:
            give_login(system, user, kafka.passwords[user])
        give_ca(system, {"ca.crt": kafka.authority.pem})
        release.install(NAMESPACE, "tiny", [f"--set={key}={value}" for key, value in VALUES.items()])
        yield system
    release.uninstall(NAMESPACE)


def _secret(system: System, name: str, data: dict[str, str]) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}
    system.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(body))


def give_login(system: System, user: str, password: str) -> None:
    """Tell a part of the release how to log in."""
    _secret(system, f"kafka-{user}", {"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password})


def give_ca(system: System, certificates: dict[str, str]) -> None:
    """Tell the release whom to trust. The Secret is changed in place, as those who rotate do."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in certificates.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "team-ca"}, "data": encoded}
    system.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def told_in_an_event(system: System, sentence: str) -> bool:
    """Return whether an Event about the operator's pod says so."""
    events = system.get("events", "--field-selector=involvedObject.kind=Pod")
    return any(sentence in event["message"] for event in events)


def readiness(system: System) -> str:
    """Return what the operator's readiness probe is answered, empty while no process answers."""
    ask = (
        "import urllib.request, urllib.error\n"
        "try: print(urllib.request.urlopen('http://127.0.0.1:8080/readyz').read().decode())\n"
        "except urllib.error.HTTPError as e: print(e.read().decode())\n"
    )
    return system.kubectl("exec", "deploy/mars-operator", "--", "python", "-c", ask, check=False)


def wait_told(system: System, sentence: str) -> None:
    """Wait until the same sentence stands in the log, in an Event and in the readiness probe's answer."""
    wait_until(lambda: sentence in readiness(system), f"readiness to say: {sentence}", 120)
    wait_until(lambda: told_in_an_event(system, sentence), f"an Event that says: {sentence}", 60)
    log = system.kubectl("logs", "deploy/mars-operator", "--all-containers", "--tail=-1", check=False)
    earlier = system.kubectl("logs", "deploy/mars-operator", "-c", "operator", "--previous", "--tail=-1", check=False)
    assert sentence in log + earlier
    assert "Traceback" not in log + earlier


def wait_ready(system: System) -> None:
    """Wait until the operator is ready again by itself."""
    wait_until(lambda: readiness(system).strip() == "ok", "the operator to be ready", 240, every=2)


def test_the_loop_closes_with_tls_scram_and_acls(team: System) -> None:
    """Each part logs in as its own principal and may do no more than docs/kafka.md says."""
    wait_complete(team, PATIENCE)
    assert archived(team) == promised(team)
    assert gaps(team) == []
    assert duplicates(team) == []


def test_a_wrong_password_is_told_in_one_sentence_and_the_right_one_heals_it(team: System, kafka: TeamKafka) -> None:
    """Nobody restarts anything after the Secret is right again."""
    give_login(team, "operator", "wrong")
    team.kubectl("rollout", "restart", "deploy/mars-operator")
    wait_told(team, f"Kafka at {BOOTSTRAP} refuses user operator (SCRAM-SHA-512)")
    give_login(team, "operator", kafka.passwords["operator"])
    wait_ready(team)
    grow(team, Curiosity="30")
    wait_complete(team, PATIENCE)


@pytest.mark.long
def test_a_broker_killed_while_photos_come_loses_nothing(team: System, kafka: TeamKafka) -> None:
    """Two of three are enough for every part."""
    grow(team, Curiosity="31-40", Spirit="30-36")
    for number in range(3):
        wait_until(lambda: team.active_jobs() or archived(team) == promised(team), "work")
        kafka.kill(number)
    wait_complete(team, PATIENCE)
    assert duplicates(team) == []


@pytest.mark.long
def test_a_missing_right_is_told_and_heals(team: System, kafka: TeamKafka) -> None:
    """Whoever gives the right back need do nothing else."""
    taken = [Right("operator", "topic", f"{PREFIX}ingestion-scheduling", (*READ, "WRITE"))]
    kafka.revoke(taken)
    wait_told(team, f"user operator may not use topic {PREFIX}ingestion-scheduling")
    kafka.grant(taken)
    wait_ready(team)
    grow(team, Curiosity="41")
    wait_complete(team, PATIENCE)


@pytest.mark.long
def test_a_missing_topic_is_told_and_heals(team: System, kafka: TeamKafka) -> None:
    """A topic that is deleted and made anew counts from 0 again; what comes in it is read from there."""
    topic = f"{PREFIX}ingestion-scheduling"
    kafka.admin(
        "from confluent_kafka.admin import AdminClient\n"
        "admin = AdminClient(CLIENT)\n"
        f"[answer.result() for answer in admin.delete_topics([{topic!r}]).values()]"
    )
    wait_told(team, f"has no topic {topic}")
    kafka.create_topics([topic])
    wait_ready(team)
    grow(team, Curiosity="42")
    wait_complete(team, PATIENCE)


@pytest.mark.long
def test_passwords_and_the_authority_are_replaced_without_loss(team: System, kafka: TeamKafka) -> None:
    """As docs/kafka.md says: the Secret with both CAs first, then the brokers, then the new CA alone."""
    old, new = kafka.authority, Authority.new("the team's next authority")
    grow(team, Curiosity="43-48")
    give_ca(team, {"ca.crt": new.pem, "ca-2026.crt": old.pem})
    team.kubectl("rollout", "restart", "deploy/mars-operator", "statefulset/mars-minio")
    team.kubectl("rollout", "status", "statefulset/mars-minio", "--timeout=180s")
    team.forget_ports("minio")
    wait_ready(team)
    kafka.new_certificates(new)
    give_ca(team, {"ca.crt": new.pem})
    for user in USERS:
        kafka.set_password(user, f"second-{user}")
        give_login(team, user, kafka.passwords[user])
    team.kubectl("rollout", "restart", "deploy/mars-operator", "statefulset/mars-minio")
    team.kubectl("rollout", "status", "statefulset/mars-minio", "--timeout=180s")
    team.forget_ports("minio")
    wait_ready(team)
    grow(team, Spirit="37-40")
    wait_complete(team, PATIENCE)
    assert duplicates(team) == []


@pytest.mark.long
def test_a_foreign_authority_is_told(team: System, kafka: TeamKafka) -> None:
    """The client's own words name the cause; the sentence says where to look."""
    give_ca(team, {"ca.crt": Authority.new("somebody else's").pem})
    team.kubectl("rollout", "restart", "deploy/mars-operator")
    wait_told(team, f"the certificate of Kafka at {BOOTSTRAP} cannot be trusted")
    give_ca(team, {"ca.crt": kafka.authority.pem})
    wait_ready(team)
