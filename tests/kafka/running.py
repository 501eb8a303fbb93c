"""Brokers as processes of this machine, on loopback ports."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.kafka.brokers import ADMIN, FLAGS, Authority, Broker, cluster_id, format_arguments, server_properties

ADMIN_PASSWORD = "the-admin's"


def classpath() -> str | None:
    """Return Kafka's jars as a class path, where this machine has them and a java to run them."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "martian-moments/kafka-jars"
    found = sorted(cache.glob("*/kafka_2*.jar"))
    return f"{found[-1].parent}/*" if found and shutil.which("java") else None


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Running:
    """Brokers that run, and what is needed to reach, stop and change them."""

    folder: Path
    brokers: list[Broker]
    authority: Authority
    cluster: str = field(default_factory=cluster_id)
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        """Host and port of each broker."""
        return ",".join(broker.advertised for broker in self.brokers)

    def client(
        self, user: str = ADMIN, password: str = ADMIN_PASSWORD, mechanism: str = "SCRAM-SHA-512"
    ) -> dict[str, str]:
        """Return librdkafka's settings to log in as a user."""
        trusted = self.folder / "trusted.crt"
        trusted.write_text(self.authority.pem)
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism,
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(trusted),
        }

    def configure(self, plain_users: Mapping[str, str], keystore: str = "") -> None:
        """Write each broker's configuration, and make its data folder where there is none."""
        for broker in self.brokers:
            home = self.folder / str(broker.number)
            home.mkdir(exist_ok=True)
            (home / "keystore.pem").write_text(keystore or self.authority.issue(["localhost", "127.0.0.1"]))
            properties = server_properties(
                broker, self.brokers, str(home / "data"), str(home / "keystore.pem"), plain_users
            )
            (home / "server.properties").write_text(properties)
            if not (home / "data").exists():
                arguments = format_arguments(self.cluster, str(home / "server.properties"), ADMIN_PASSWORD)
                self._java("kafka.tools.StorageTool", *arguments)

    def start(self, number: int) -> None:
        """Start a broker."""
        home = self.folder / str(number)
        with (home / "log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                self._command("kafka.Kafka", str(home / "server.properties")), stdout=log, stderr=log
            )

    def stop(self, number: int, how: signal.Signals = signal.SIGTERM) -> None:
        """End a broker and wait for its end."""
        process = self.processes.pop(number)
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        """End all brokers."""
        for number in list(self.processes):
            self.stop(number, signal.SIGKILL)

    def _command(self, program: str, *arguments: str) -> list[str]:
        path = classpath()
        assert path is not None
        quiet = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Xms48m", "-Xmx192m")
        return ["java", *FLAGS, *quiet, "-cp", path, program, *arguments]

    def _java(self, program: str, *arguments: str) -> None:
        answer = subprocess.run(self._command(program, *arguments), capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, answer.stdout + answer.stderr


@contextmanager
def brokers(folder: Path, count: int, plain_users: Mapping[str, str]) -> Iterator[Running]:
    """Yield that many brokers once the first of them has let the admin in."""
    ports = free_ports(3 * count)
    made = [
        Broker(number + 1, "localhost", clients, peers, controllers, f"localhost:{clients}")
        for number, (clients, peers, controllers) in enumerate(zip(*[iter(ports)] * 3, strict=True))
    ]
    running = Running(folder, made, Authority.new("the authority of the test"))
    try:
        running.configure(plain_users)
        for broker in made:
            running.start(broker.number)
        _wait(running)
        yield running
    finally:
        running.stop_all()


def _wait(running: Running) -> None:
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(running.client() | {"log_level": 0, "reconnect.backoff.max.ms": 500})
    found = admin.list_topics(timeout=120)
    assert found.brokers
