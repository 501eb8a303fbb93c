"""The environment that the chart gives, fed to the very function of each process that logs in to Kafka with it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import confluent_kafka
import confluent_kafka.admin
import pytest
from mm_cli.kafka_session import publish, read_all
from mm_cli.setup_topics import TopicSettings, ensure_topics
from mm_dashboard.deadletters import Kafka
from mm_jobs.common.kafka import publish as publish_from_a_job
from mm_operator.config import kafka_settings

from .objects import Object, containers, environment, named, pod_templates

EXTERNAL = (
    "--set=kafka.provider=external",
    "--set=kafka.external.bootstrapServers=b1:9094\\,b2:9094",
    "--set=kafka.external.existingSecret=my-kafka",
)
USERS = ("operator", "jobs", "minio", "dashboard")
CA = "/etc/martian-moments-kafka"
PEM = "-----BEGIN CERTIFICATE-----\nthe CA's\n-----END CERTIFICATE-----\n"
OWN_SECRET = {"KAFKA_SASL_USERNAME": "the-user", "KAFKA_SASL_PASSWORD": "the-password"}


@dataclass(frozen=True)
class Way:
    """A way to reach Kafka: how the chart is told, the Secrets that others make, and what each client must use."""

    arguments: tuple[str, ...]
    secrets: dict[str, dict[str, str]]
    shared: dict[str, str]
    users: dict[str, dict[str, str]]
    ca_secret: str = ""


def _external(protocol: str, mechanism: str, *arguments: str, ca: str = "") -> Way:
    protocols = f"--set=kafka.external.securityProtocol={protocol}"
    login = {"sasl.username": "the-user", "sasl.password": "the-password"} if mechanism else {}
    expected = {"bootstrap.servers": "b1:9094,b2:9094", "security.protocol": protocol}
    expected |= {"sasl.mechanism": mechanism} if mechanism else {}
    expected |= {"ssl.ca.pem": PEM} if ca else {}
    more = [protocols, *([f"--set=kafka.external.saslMechanism={mechanism}"] if mechanism else []), *arguments]
    more += [f"--set=kafka.external.caSecret={ca}"] if ca else []
    users = {user: login for user in USERS}
    return Way((*EXTERNAL, *more), {"my-kafka": OWN_SECRET}, expected, users, ca)


WAYS = {
    "embedded": Way((), {}, {"bootstrap.servers": "mars-kafka:9092"}, {user: {} for user in USERS}),
    "strimzi": Way(
        ("--set=kafka.provider=strimzi",),
        # Strimzi keeps a user's password in a Secret of the user's name, under the key password.
        {f"mars-kafka-{user}": {"password": f"secret of {user}"} for user in USERS},
        {
            "bootstrap.servers": "mars-kafka-bootstrap:9093",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "ssl.ca.pem": PEM,
        },
        {user: {"sasl.username": f"mars-kafka-{user}", "sasl.password": f"secret of {user}"} for user in USERS},
        "mars-cluster-ca-cert",
    ),
    "SASL_SSL": _external("SASL_SSL", "SCRAM-SHA-512", ca="my-ca"),
    "SASL_SSL, public CA": _external("SASL_SSL", "SCRAM-SHA-256"),
    "SASL_PLAINTEXT": _external("SASL_PLAINTEXT", "PLAIN"),
    "SASL_SSL, three users": Way(
        (
            *EXTERNAL[:2],
            "--set=kafka.external.securityProtocol=SASL_SSL",
            "--set=kafka.external.caSecret=my-ca",
            *(f"--set=kafka.external.existingSecrets.{user}=our-{user}" for user in USERS),
        ),
        {f"our-{user}": {"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": f"secret of {user}"} for user in USERS},
        {
            "bootstrap.servers": "b1:9094,b2:9094",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "ssl.ca.pem": PEM,
        },
        {user: {"sasl.username": user, "sasl.password": f"secret of {user}"} for user in USERS},
        "my-ca",
    ),
    "SSL": _external("SSL", "", ca="my-ca"),
    "PLAINTEXT": _external("PLAINTEXT", ""),
}


@dataclass(frozen=True)
class Process:
    """Something that runs with an environment and files, which the chart decides."""

    name: str
    user: str
    env: dict[str, str]
    mounts: list[Object]
    volumes: list[Object]


def processes(objects: list[Object], secrets: dict[str, dict[str, str]]) -> Iterator[Process]:
    """Yield everything of the app image that logs in to Kafka: containers of pods, and the operator's Jobs."""
    for name, template in pod_templates(objects):
        for container in containers(template):
            env = environment(objects, container, secrets)
            words = " ".join(container.get("args", []))
            if any(command in words for command in COMMANDS):
                # The name of the Job that makes the topics ends in its upgrade and content.
                short = "Job/mars-topics" if name.startswith("Job/mars-topics-") else name
                user = "operator" if short in ("Deployment/mars-operator", "Job/mars-topics") else "jobs"
                user = "dashboard" if short == "Deployment/mars-dashboard" else user
                yield Process(
                    f"{short}/{container['name']}",
                    user,
                    env,
                    container["volumeMounts"],
                    template["spec"]["volumes"],
                )
    jobs = json.loads(named(objects, "ConfigMap", "mars-operator")["data"]["operator.json"])["jobs"]
    for kind in ("load", "transform"):
        env = environment(objects, jobs[kind], secrets)
        yield Process(f"Job/{kind}", "jobs", env, jobs[kind]["volumeMounts"], jobs[kind]["volumes"])


COMMANDS = ("mm-operator", "mars setup topics", "mars schedule", "mm-dashboard")


class LoggedIn(Exception):
    """Raised in place of a connection, with the settings it would have been made with."""


def _instead(settings: dict[str, Any], *_more: Any, **_named: Any) -> NoReturn:
    raise LoggedIn({key: value for key, value in settings.items() if not callable(value)})


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Process], list[dict[str, Any]]]:
    """Return a function from a process to the settings of each client that it makes."""
    (tmp_path / "ca.crt").write_text(PEM)
    for module, client in (
        (confluent_kafka, "Producer"),
        (confluent_kafka, "Consumer"),
        (confluent_kafka.admin, "AdminClient"),
    ):
        monkeypatch.setattr(module, client, _instead)

    def of(process: Process) -> list[dict[str, Any]]:
        for variable in ("BOOTSTRAP_SERVERS", "SECURITY_PROTOCOL", "SASL_MECHANISM", "USERNAME", "PASSWORD"):
            monkeypatch.delenv(f"KAFKA_{variable}", raising=False)
        monkeypatch.delenv("KAFKA_SSL_CA_LOCATION", raising=False)
        for key, value in process.env.items():
            # The mounted Secret lies elsewhere on this machine.
            monkeypatch.setenv(key, str(tmp_path) if value == CA else value)
        kind, *_, part = process.name.split("/")
        if part == "operator":
            return [kafka_settings()]
        if kind == "Job" and part in ("load", "transform"):
            made: list[Callable[[], object]] = [lambda: publish_from_a_job("t", [("k", b"v")], "0" * 32)]
        elif part == "dashboard":
            mail = Kafka()
            made = [lambda: mail._publish([("t", None, b"v", {})]), lambda: next(mail._messages("t"))]
        elif part == "topics":
            made = [lambda: ensure_topics(TopicSettings(), create=True, timeout=1)]
        else:
            made = [
                lambda: publish([("t", None, b"v", {})], 1),
                lambda: next(read_all("t", 1)),
            ]
        found = []
        for make in made:
            with pytest.raises(LoggedIn) as caught:
                make()
            found.append(caught.value.args[0])
        return found

    return of


@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_process_logs_in_as_its_own_principal(
    way: str, render: Callable[..., list[Object]], settings_of: Callable[[Process], list[dict[str, Any]]]
) -> None:
    told = WAYS[way]
    objects = render(*told.arguments)
    names = set()
    for process in processes(objects, told.secrets):
        names.add(process.name)
        expected = told.shared | told.users[process.user]
        for settings in settings_of(process):
            security = ("sasl.", "ssl.", "security.", "bootstrap.")
            assert {k: v for k, v in settings.items() if k.startswith(security)} == expected, process.name
        if told.ca_secret:
            assert process.env["KAFKA_SSL_CA_LOCATION"] == CA
            assert _secret_at(process, CA) == told.ca_secret, process.name
    assert names == {
        "Deployment/mars-operator/operator",
        "Deployment/mars-dashboard/dashboard",
        "Job/mars-setup/topics",
        *(["Job/mars-topics/topics"] if way != "strimzi" else []),
        "Job/mars-setup/manifests",
        "Job/mars-setup/coordinates",
        "CronJob/mars-schedule-manifests/manifests",
        "CronJob/mars-schedule-coordinates/coordinates",
        "CronJob/mars-schedule-images/images",
        "Job/load",
        "Job/transform",
    }


def _secret_at(process: Process, folder: str) -> str:
    """Return the Secret that a process sees, whole, as a folder."""
    (mount,) = [mount for mount in process.mounts if mount["mountPath"] == folder]
    (volume,) = [volume for volume in process.volumes if volume["name"] == mount["name"]]
    # Its keys are not known beforehand: while a CA is replaced there is another one.
    assert "items" not in volume["secret"]
    assert "subPath" not in mount
    return str(volume["secret"]["secretName"])


MINIO_MECHANISMS = {"PLAIN": "plain", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_minio_logs_in_as_its_own_principal(way: str, render: Callable[..., list[Object]]) -> None:
    told = WAYS[way]
    objects = render(*told.arguments)
    template = named(objects, "StatefulSet", "mars-minio")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    secrets = told.secrets | {"mars-minio": {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}}
    env = environment(objects, container, secrets)
    prefix = "MINIO_NOTIFY_KAFKA_"
    found = {key.removeprefix(prefix).removesuffix("_MARS"): env[key] for key in env if key.startswith(prefix)}
    mechanism = told.shared.get("sasl.mechanism", "")
    assert found.get("TLS", "off") == ("on" if told.shared.get("security.protocol", "").endswith("SSL") else "off")
    assert found["BROKERS"] == told.shared["bootstrap.servers"]
    assert found.get("SASL", "off") == ("on" if mechanism else "off")
    assert found.get("SASL_MECHANISM", "") == MINIO_MECHANISMS.get(mechanism, "")
    assert found.get("SASL_USERNAME", "") == told.users["minio"].get("sasl.username", "")
    assert found.get("SASL_PASSWORD", "") == told.users["minio"].get("sasl.password", "")
    if told.ca_secret:
        process = Process("minio", "minio", env, container["volumeMounts"], template["spec"]["volumes"])
        assert _secret_at(process, "/certs/CAs") == told.ca_secret
