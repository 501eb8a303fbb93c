"""Kafka as teams run it: brokers with TLS of an own CA, SCRAM users and ACLs. What they are told, whoever starts them.

Clients meet one listener, ``CLIENTS``: SASL_SSL. Brokers and controllers talk to each other on two that are plain: who
comes that way has no name, and may do everything; nothing but brokers is to reach them.
"""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ADMIN = "admin"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(frozen=True)
class Authority:
    """A certificate authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @staticmethod
    def new(name: str) -> "Authority":
        """Return a new one, valid for a day on either side of now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _builder(_name(name), _name(name), key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        return Authority(certificate.sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> str:
        """The certificate, for those who are to trust it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, hosts: Sequence[str], until: timedelta = timedelta(days=1)) -> str:
        """Return the private key and certificate chain of a server, in one PEM text as Kafka reads it.

        Args:
            hosts: names and addresses that it is known by.
            until: from now on; negative where it is to have ended already.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(hosts[0]), self.certificate.subject, key, until)
        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        certificate = builder.add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private.decode() + certificate.public_bytes(serialization.Encoding.PEM).decode() + self.pem


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, until: timedelta = timedelta(days=1)
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + until)
    )


def cluster_id() -> str:
    """Return a new cluster's id: 16 bytes in URL-safe base64 without padding."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


@dataclass(frozen=True)
class Broker:
    """One broker's addresses: where it listens, and what it tells clients to call."""

    number: int
    host: str
    clients: int
    peers: int
    controllers: int
    advertised: str


def server_properties(
    broker: Broker, all_of_them: Sequence[Broker], folder: str, keystore: str, plain_users: Mapping[str, str]
) -> str:
    """Return a broker's configuration.

    Args:
        broker: the one.
        all_of_them: it and its peers.
        folder: where its data are.
        keystore: path of the file with its key and certificates.
        plain_users: users that may log in with PLAIN, with their passwords; SCRAM's are made with ``add_user``.
    """
    copies = len(all_of_them)
    quorum = ",".join(f"{one.number}@{one.host}:{one.controllers}" for one in all_of_them)
    plain = " ".join(f'user_{name}="{password}"' for name, password in plain_users.items())
    listeners = f"CLIENTS://:{broker.clients},PEERS://:{broker.peers},CONTROLLER://:{broker.controllers}"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": broker.number,
        "controller.quorum.voters": quorum,
        "listeners": listeners,
        "advertised.listeners": f"CLIENTS://{broker.advertised},PEERS://{broker.host}:{broker.peers}",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,PEERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PEERS",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.clients.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.clients.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.clients.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {plain};"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "message.max.bytes": 8_388_608 + 65_536,
        "replica.fetch.max.bytes": 8_388_608 + 65_536,
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        # A machine that does everything else as well must not make three controllers elect a new leader all the time.
        "controller.quorum.election.timeout.ms": 5_000,
        "controller.quorum.fetch.timeout.ms": 20_000,
        "controller.quorum.request.timeout.ms": 15_000,
        "broker.session.timeout.ms": 30_000,
        "replica.lag.time.max.ms": 60_000,
        "log.cleaner.enable": "false",
        "num.network.threads": 2,
        "num.io.threads": 2,
        "background.threads": 2,
        "num.recovery.threads.per.data.dir": 1,
        "log.segment.bytes": 16_777_216,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.awt.headless=true")


def format_arguments(cluster: str, properties: str, admin_password: str) -> list[str]:
    """Return the arguments of ``kafka.tools.StorageTool`` that make a broker's data folder, with the first user."""
    scram = f"SCRAM-SHA-512=[name={ADMIN},password={admin_password}]"
    return ["format", "--ignore-formatted", "--cluster-id", cluster, "--config", properties, "--add-scram", scram]


def add_user(client: Mapping[str, str], name: str, password: str, mechanism: str = "SCRAM-SHA-512") -> None:
    """Make a user, or give it another password. ``client`` are an admin's settings."""
    from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

    kind = {"SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512, "SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256}[mechanism]
    change = UserScramCredentialUpsertion(name, ScramCredentialInfo(kind, 4096), password.encode())
    admin = AdminClient(dict(client))
    for answer in admin.alter_user_scram_credentials([change], request_timeout=20).values():
        answer.result()


@dataclass(frozen=True)
class Right:
    """A user's right to do something with a topic or group, or with all whose names begin so."""

    user: str
    kind: str
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def grant(client: Mapping[str, str], rights: Iterable[Right]) -> None:
    """Give rights. ``client`` are an admin's settings."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(dict(client))
    for answer in admin.create_acls(_bindings(rights), request_timeout=20).values():
        answer.result()


def revoke(client: Mapping[str, str], rights: Iterable[Right]) -> None:
    """Take rights away again."""
    from confluent_kafka.admin import AclBindingFilter, AdminClient

    filters = [
        AclBindingFilter(
            b.restype, b.name, b.resource_pattern_type, b.principal, b.host, b.operation, b.permission_type
        )
        for b in _bindings(rights)
    ]
    admin = AdminClient(dict(client))
    for answer in admin.delete_acls(filters, request_timeout=20).values():
        answer.result()


def _bindings(rights: Iterable[Right]) -> list:  # type: ignore[type-arg]
    from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

    return [
        AclBinding(
            ResourceType[right.kind.upper()],
            right.name,
            ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL,
            f"User:{right.user}",
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for right in rights
        for operation in right.operations
    ]
