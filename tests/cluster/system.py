"""The running system as a test sees it: kubectl, SQL, Kafka, the bucket and the simulator's control plane."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3
import confluent_kafka
import requests
import snowflake.connector
from mm_contracts import topics
from mm_hack.forward import config_values, port_forward, secret_values
from mm_operator.topics import GROUP

Value = TypeVar("Value")


def wait_until(condition: Callable[[], Value], what: str, timeout: float = 180, every: float = 1.0) -> Value:
    """Return the first true value of ``condition``; fail with ``what`` and the last value when time is up."""
    deadline, last = time.monotonic() + timeout, None
    while time.monotonic() < deadline:
        last = condition()
        if last:
            return last
        time.sleep(every)
    raise AssertionError(f"waited {timeout:.0f} s for {what}; last seen: {last!r}")


@dataclass
class System:
    """One installed release. Everything that needs a port-forward opens it once and keeps it for the session."""

    kubectl_command: list[str]
    docker: str
    stack: ExitStack = field(default_factory=ExitStack)
    _ports: dict[str, tuple[int, ExitStack]] = field(default_factory=dict)
    _connection: Any = None

    # -- Kubernetes

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl in the release's namespace and return what it printed (with ``check=False``, errors too)."""
        answer = subprocess.run([*self.kubectl_command, *arguments], input=stdin, capture_output=True, text=True)
        if check and answer.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {answer.stderr}")
        return answer.stdout if check else answer.stdout + answer.stderr

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the items of ``kubectl get ... -o json``."""
        answer = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return list(answer["items"]) if "items" in answer else [answer]

    def plan(self, name: str) -> dict[str, Any] | None:
        """Return a plan, or None when it does not exist."""
        answer = self.kubectl("get", "iplan", name, "-o", "json", "--ignore-not-found")
        return json.loads(answer) if answer.strip() else None

    def phase(self, name: str) -> str:
        """Return a plan's phase, empty when there is none."""
        return ((self.plan(name) or {}).get("status") or {}).get("phase", "")

    def apply(self, manifest: dict[str, Any]) -> str:
        """Apply an object and return kubectl's answer, refusals included."""
        return self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest), check=False)

    def create(self, manifest: dict[str, Any], *options: str) -> str:
        """Create an object and return kubectl's answer, refusals included."""
        return self.kubectl("create", "-f", "-", *options, stdin=json.dumps(manifest), check=False)

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        """Return the Jobs of a kind: ingest, load, sweep or transform."""
        return self.get("jobs", "-l", f"martian-moments.io/kind={kind}")

    def active_jobs(self) -> list[str]:
        """Return names of the product's Jobs that have not ended."""
        return [
            job["metadata"]["name"]
            for job in self.get("jobs", "-l", "martian-moments.io/kind")
            if not any(
                c["type"] in ("Complete", "Failed") and c["status"] == "True"
                for c in job.get("status", {}).get("conditions", [])
            )
        ]

    def operator_container(self) -> tuple[str, int, str]:
        """Return (container id, restart count, node) of the running operator; the id is empty while none runs."""
        for pod in self.get("pods", "-l", "app.kubernetes.io/component=operator"):
            for status in pod.get("status", {}).get("containerStatuses", []):
                if "running" in status["state"]:
                    container = status["containerID"].removeprefix("containerd://")
                    return container, status["restartCount"], pod["spec"]["nodeName"]
        return "", -1, ""

    def kill_operator(self) -> None:
        """Send SIGKILL to the operator's process from outside its pod, and wait until another one is ready."""
        container, _, node = wait_until(lambda: (c := self.operator_container())[0] and c, "an operator to kill")
        subprocess.run(
            [self.docker, "exec", node, "ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", container],
            check=True,
            capture_output=True,
        )
        wait_until(lambda: self.operator_container()[0] not in ("", container), "the operator to come back")

    # -- ports

    def port(self, service: str, port: int, local_port: int | None = None) -> int:
        """Return a local port that leads to a service's port; a forward that died (its pod went) is opened anew."""
        key = f"{service}:{port}"
        if key not in self._ports:
            forward = self.stack.enter_context(ExitStack())
            target = port_forward(self.kubectl_command, f"svc/mars-{service}", port, local_port)
            self._ports[key] = forward.enter_context(target), forward
        return self._ports[key][0]

    def forget_ports(self, service: str) -> None:
        """End forwards to a service whose pod was replaced: one that lives on would still hold its local port."""
        for key in [key for key in self._ports if key.startswith(f"{service}:")]:
            self._ports.pop(key)[1].close()

    # -- warehouse

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        if self._connection is None:
            secret = secret_values(self.kubectl_command, "mars-warehouse")
            settings = config_values(self.kubectl_command, "mars-env")
            self._connection = snowflake.connector.connect(
                account=settings["SNOWFLAKE_ACCOUNT"],
                user=secret["SNOWFLAKE_USER"],
                password=secret["SNOWFLAKE_PASSWORD"],
                database=settings["SNOWFLAKE_DATABASE"],
                host="127.0.0.1",
                port=self.port("warehouse", 8080),
                protocol="http",
            )
        with self._connection.cursor() as cursor:
            return list(cursor.execute(statement).fetchall())

    def forget_connection(self) -> None:
        """Log in anew with the next statement: the warehouse is another one."""
        self._connection = None

    # -- Kafka

    @property
    def bootstrap(self) -> str:
        """Kafka's address from here."""
        (service,) = self.get("service", "mars-kafka")
        advertised = next(p["port"] for p in service["spec"]["ports"] if p["port"] != 9092)
        return f"localhost:{self.port('kafka', advertised, advertised)}"

    def publish(self, topic: str, value: bytes, headers: dict[str, str] | None = None) -> tuple[int, int]:
        """Write one message and return (partition, offset) once Kafka has it."""
        delivered: list[Any] = []
        producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap, "message.max.bytes": 8_000_000})
        producer.produce(
            topic, value, headers=list((headers or {}).items()), on_delivery=lambda e, m: delivered.append(e or m)
        )
        assert producer.flush(30) == 0, "Kafka did not take the message within 30 s"
        assert not isinstance(delivered[0], confluent_kafka.KafkaError), delivered[0]
        return delivered[0].partition(), delivered[0].offset()

    def dead_letter(self, topic: str, partition: int, offset: int, timeout: float = 60) -> dict[str, str]:
        """Return the headers of the dead letter that a message became, with its value under ``value``."""
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"test-{time.time_ns()}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        consumer.subscribe([topics.dead_letter_topic(topic)])
        try:
            deadline = time.monotonic() + timeout
            while time.monotonic() < deadline:
                message = consumer.poll(1)
                if message is None or message.error():
                    continue
                headers = {key: value.decode() for key, value in message.headers() or []}
                if (headers.get(topics.DLQ_PARTITION), headers.get(topics.DLQ_OFFSET)) == (str(partition), str(offset)):
                    return {**headers, "value": message.value().decode(errors="replace")}
        finally:
            consumer.close()
        raise AssertionError(f"{topic}[{partition}]@{offset} did not become a dead letter within {timeout:.0f} s")

    def uncommitted(self, topic: str) -> int:
        """Return how many messages of a topic have no effect yet by the operator's own word, its committed offsets."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap, "group.id": GROUP})
        try:
            numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            places = consumer.committed([confluent_kafka.TopicPartition(topic, n) for n in numbers], timeout=30)
            ends = [(place, *consumer.get_watermark_offsets(place, timeout=30)) for place in places]
            return sum(high - max(place.offset, low) for place, low, high in ends)
        finally:
            consumer.close()

    # -- bucket and simulator

    def s3(self) -> Any:
        """Return a boto3 client for the bucket."""
        secret = secret_values(self.kubectl_command, "mars-minio")
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port('minio', 9000)}",
            aws_access_key_id=secret["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=secret["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )

    def simulator(self, method: str, path: str, body: Any = None) -> Any:
        """Call the simulator's control plane and return its JSON."""
        answer = requests.request(
            method, f"http://127.0.0.1:{self.port('simulator', 8000)}{path}", json=body, timeout=30
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def opened(kubectl_command: Sequence[str], docker: str) -> Iterator[System]:
    """Yield the system behind ``kubectl_command`` and close every forward at the end."""
    system = System(list(kubectl_command), docker)
    with system.stack:
        yield system
