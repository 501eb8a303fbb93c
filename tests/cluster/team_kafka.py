"""Three brokers as a team runs them, in a namespace of their own: TLS of an own CA, SCRAM, ACLs, advertised addresses.

They are the embedded broker's jars from its image. Each keeps its data while its container restarts. What is done to
them as an administrator is done by the tests' own code in a pod of the app image, on the brokers' plain listener.
"""

import base64
import inspect
import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mm_contracts.topics import LOAD_COMPLETE, OBJECT_EVENTS, SCHEDULING, Names, dead_letter_topic
from mm_hack import app, images, release, tools

from tests.cluster.system import wait_until
from tests.kafka import brokers
from tests.kafka.brokers import FLAGS, Authority, Broker, Right, server_properties

NAMESPACE = "team-kafka"
CLIENTS, PEERS, CONTROLLERS = 9094, 9095, 9096
BOOTSTRAP = f"bootstrap.{NAMESPACE}.svc:9092"
"""A port that no broker advertises."""
PLAIN = ",".join(f"kafka-{number}.kafka.{NAMESPACE}.svc:{PEERS}" for number in range(3))
PREFIX = "team-a."
USERS = ("operator", "jobs", "minio")
READ, WRITE = ("READ", "DESCRIBE", "DESCRIBE_CONFIGS"), ("WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")
LABELS = {"app": "kafka"}
SECURITY = {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def rights(prefix: str = PREFIX) -> list[Right]:
    """Return what each principal needs, and no more: what docs/kafka.md says."""
    scheduling, events, loads = (prefix + topic for topic in (SCHEDULING, OBJECT_EVENTS, LOAD_COMPLETE))
    letters = [dead_letter_topic(topic) for topic in (scheduling, events, loads)]
    found = [Right("operator", "topic", topic, READ) for topic in (scheduling, events, loads)]
    found += [Right("operator", "topic", topic, WRITE) for topic in letters]
    found += [Right("operator", "topic", scheduling, ("WRITE",))]
    found += [Right("operator", "group", f"{prefix}martian-moments", ("READ", "DESCRIBE"), prefixed=True)]
    found += [Right("jobs", "topic", topic, WRITE) for topic in (scheduling, loads)]
    found += [Right("jobs", "topic", topic, ("DESCRIBE",)) for topic in (events, *letters)]
    found += [Right("minio", "topic", events, WRITE)]
    return found


@dataclass
class TeamKafka:
    """The brokers, and everything that can be done to them."""

    authority: Authority = field(default_factory=lambda: Authority.new("the team's authority"))
    passwords: dict[str, str] = field(default_factory=lambda: {user: f"first-{user}" for user in USERS})

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the brokers' namespace and return what it printed."""
        answer = subprocess.run([*release.kubectl(NAMESPACE), *arguments], input=stdin, capture_output=True, text=True)
        assert answer.returncode == 0, f"kubectl {' '.join(arguments)}: {answer.stderr}"
        return answer.stdout

    def install(self) -> None:
        """Make the brokers, their users, the topics and the rights; wait until they serve."""
        release.make_namespace(NAMESPACE)
        everything = {"apiVersion": "v1", "kind": "List", "items": self._objects()}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(everything))
        self.kubectl("rollout", "status", "statefulset/kafka", "--timeout=240s")
        self.kubectl("wait", "pod/admin", "--for=condition=Ready", "--timeout=120s")
        for user, password in self.passwords.items():
            self.admin(f"add_user(CLIENT, {user!r}, {password!r})")
        self.create_topics()
        self.grant(rights())

    def uninstall(self) -> None:
        """Take everything away."""
        release.uninstall(NAMESPACE)

    def admin(self, code: str) -> str:
        """Run Python as an administrator, with tests.kafka.brokers at hand, and return what it printed."""
        client = {"bootstrap.servers": PLAIN, "log_level": 0}
        program = f"{inspect.getsource(brokers)}\nCLIENT = {client!r}\n{code}\n"
        return self.kubectl("exec", "-i", "admin", "--", "python", "-", stdin=program)

    def create_topics(self, names: Sequence[str] = ()) -> None:
        """Make the release's topics, or those named."""
        wanted = list(names) or [name for topic in Names(PREFIX).topics for name in (topic, dead_letter_topic(topic))]
        self.admin(
            "from confluent_kafka.admin import AdminClient, NewTopic\n"
            "admin = AdminClient(CLIENT)\n"
            f"made = admin.create_topics([NewTopic(name, 3, 3) for name in {wanted!r}])\n"
            "[answer.result() for answer in made.values()]"
        )

    def grant(self, given: Iterable[Right]) -> None:
        """Give rights."""
        self.admin(f"grant(CLIENT, {list(given)!r})")

    def revoke(self, taken: Iterable[Right]) -> None:
        """Take rights away."""
        self.admin(f"revoke(CLIENT, {list(taken)!r})")

    def set_password(self, user: str, password: str) -> None:
        """Give a user another password; the Secrets of its clients are another matter."""
        self.passwords[user] = password
        self.admin(f"add_user(CLIENT, {user!r}, {password!r})")

    def restart_count(self, number: int) -> int:
        """Return how often a broker's container was started again."""
        pod = json.loads(self.kubectl("get", "pod", f"kafka-{number}", "-o", "json"))
        return int(pod["status"]["containerStatuses"][0]["restartCount"])

    def kill(self, number: int, signal: str = "SIGKILL") -> None:
        """End a broker's process from outside its pod, and wait until it serves again."""
        pod = json.loads(self.kubectl("get", "pod", f"kafka-{number}", "-o", "json"))
        container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        before = self.restart_count(number)
        ctr = [str(tools.paths().docker), "exec", pod["spec"]["nodeName"], "ctr", "-n", "k8s.io"]
        subprocess.run([*ctr, "tasks", "kill", "-s", signal, container], check=True, capture_output=True)
        wait_until(lambda: self.restart_count(number) > before, f"broker {number} to be started again", 90)
        self.kubectl("wait", f"pod/kafka-{number}", "--for=condition=Ready", "--timeout=120s")

    def new_certificates(self, authority: Authority) -> None:
        """Let each broker in turn restart with a certificate of another authority."""
        for number in range(3):
            keystore = authority.issue(_hosts())
            self.kubectl("exec", "-i", f"kafka-{number}", "--", "sh", "-c", "cat > /data/keystore.pem", stdin=keystore)
            self.kill(number)
        self.authority = authority

    def _objects(self) -> list[dict[str, Any]]:
        hosts = [f"kafka-{number}.kafka.{NAMESPACE}.svc" for number in range(3)]
        made = [
            Broker(number, host, CLIENTS, PEERS, CONTROLLERS, f"{host}:{CLIENTS}") for number, host in enumerate(hosts)
        ]
        files = {
            f"{one.number}.properties": server_properties(one, made, "/data/kafka", "/data/keystore.pem", {"none": ""})
            for one in made
        }
        files["run.sh"] = _RUN
        keystore = self.authority.issue(_hosts())
        return [
            _object("v1", "ConfigMap", "kafka", data=files),
            _object("v1", "Secret", "kafka", data={"keystore.pem": base64.b64encode(keystore.encode()).decode()}),
            _service("kafka", {CLIENTS: CLIENTS, PEERS: PEERS, CONTROLLERS: CONTROLLERS}, headless=True),
            _service("bootstrap", {9092: CLIENTS}),
            _object("apps/v1", "StatefulSet", "kafka", spec=_brokers_spec()),
            _object("v1", "Pod", "admin", spec=_admin_spec()),
        ]


_RUN = f"""set -eu
number=${{HOSTNAME##*-}}
jvm="{" ".join(FLAGS)} -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
[ -f /data/keystore.pem ] || cp /secret/keystore.pem /data/keystore.pem
if [ ! -f /data/kafka/meta.properties ]; then
  java $jvm -Xmx64m -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --ignore-formatted \\
    --cluster-id "$CLUSTER_ID" --config "/config/$number.properties"
fi
exec java $jvm -Xms48m -Xmx192m -cp '/opt/kafka/libs/*' kafka.Kafka "/config/$number.properties"
"""


def _hosts() -> list[str]:
    names = ["bootstrap", *(f"kafka-{number}.kafka" for number in range(3))]
    return [f"{name}.{NAMESPACE}{suffix}" for name in names for suffix in ("", ".svc", ".svc.cluster.local")]


def _object(version: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **more}


def _service(name: str, ports: dict[int, int], headless: bool = False) -> dict[str, Any]:
    listed = [{"name": f"p{port}", "port": port, "targetPort": target} for port, target in ports.items()]
    spec: dict[str, Any] = {"selector": LABELS, "ports": listed}
    if headless:
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    return _object("v1", "Service", name, spec=spec)


def _brokers_spec() -> dict[str, Any]:
    container = {
        "name": "kafka",
        "image": images.KAFKA_IMAGES[0],
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "/config/run.sh"],
        "securityContext": CONTAINER,
        "env": [{"name": "CLUSTER_ID", "value": brokers.cluster_id()}],
        "readinessProbe": {"tcpSocket": {"port": CLIENTS}, "periodSeconds": 2, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "10m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/config"},
            {"name": "secret", "mountPath": "/secret"},
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    volumes = [
        {"name": "config", "configMap": {"name": "kafka"}},
        {"name": "secret", "secret": {"secretName": "kafka"}},
        {"name": "data", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": SECURITY,
        "containers": [container],
        "volumes": volumes,
    }
    return {
        "serviceName": "kafka",
        "replicas": 3,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": pod},
    }


def _admin_spec() -> dict[str, Any]:
    container = {
        "name": "admin",
        "image": app.content_name(),
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "86400"],
        "securityContext": CONTAINER,
        "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": SECURITY,
        "containers": [container],
    }
