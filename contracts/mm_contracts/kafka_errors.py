"""What Kafka's client says of a failure, as one sentence that says what to do. Pure: names and texts in, one out.

The client tells the cause (a wrong password, a certificate) by its error callback alone; what a call raises is then
no more than "Broker transport failure". So whoever makes a client collects causes, and the weightiest one is told.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

AUTHENTICATION: Final = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"})
"""Errors of a login. A new password reaches a process by its environment, so only a new process can use it."""
_RIGHTS: Final = ("TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")
_MISSING: Final = ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION")
_WEIGHT: Final = (*sorted(AUTHENTICATION), "_SSL", *_RIGHTS, "_INVALID_ARG", *_MISSING, "_RESOLVE")
_WRONG_PORT: Final = ("PLAINTEXT broker listener", "wrong version number", "packet length too long")


class Cause(NamedTuple):
    """An error as the client gives it: ``KafkaError.name()`` and ``KafkaError.str()``."""

    name: str
    text: str

    @property
    def lasting(self) -> bool:
        """Whether it stays until a person (or a rotation that is under way) changes something."""
        return (self.name in _WEIGHT and self.name != "_RESOLVE") or _not_tls(self)


def cause_of(error: Any) -> Cause:
    """Return the cause in a KafkaError, in a KafkaException, or in whatever else was raised."""
    args = getattr(error, "args", None)
    inner = args[0] if args and hasattr(args[0], "name") else error
    if hasattr(inner, "name") and hasattr(inner, "str"):
        return Cause(str(inner.name()), str(inner.str()))
    return Cause(type(error).__name__, str(error))


def weightier(one: Cause | None, other: Cause) -> Cause:
    """Return which of two causes says more of what is wrong; of equal ones the newer, ``other``."""
    return other if one is None or _weight(other) <= _weight(one) else one


def _weight(cause: Cause) -> int:
    if cause.name in _WEIGHT:
        return _WEIGHT.index(cause.name)
    if _not_tls(cause):
        return _WEIGHT.index("_SSL")
    return len(_WEIGHT) + (cause.name in ("_ALL_BROKERS_DOWN", "_TIMED_OUT", "_TRANSPORT"))


def _not_tls(cause: Cause) -> bool:
    return any(sign in cause.text for sign in _WRONG_PORT)


def sentence(cause: Cause, settings: Mapping[str, Any], topic: str = "", group: str = "") -> str:
    """Return what is wrong and what to do.

    Args:
        cause: the weightiest.
        settings: the client's; addresses, protocol, mechanism and user are told, never the password.
        topic: what was asked of, where it was one topic.
        group: the consumer group, where there is one.
    """
    servers = settings.get("bootstrap.servers", "")
    protocol = settings.get("security.protocol", "PLAINTEXT")
    user = settings.get("sasl.username", "")
    who = f"user {user}" if user else "a client without a user"
    what = f"topic {topic}" if topic else "a topic"
    name = cause.name
    if name in AUTHENTICATION:
        how = settings.get("sasl.mechanism", "no mechanism")
        if "mechanism handshake failed" in cause.text:
            return (
                f"Kafka at {servers} does not take {how} logins on this port ({_detail(cause.text)}): check "
                "KAFKA_SASL_MECHANISM, and the port"
            )
        return f"Kafka at {servers} refuses {who} ({how}): check the user name and the password in its Secret"
    if _not_tls(cause):
        return (
            f"Kafka at {servers} does not speak TLS there, but KAFKA_SECURITY_PROTOCOL is {protocol}: give the port "
            "of its TLS listener, or the protocol of this one"
        )
    if name == "_SSL":
        given = "the CA certificates given" if settings.get("ssl.ca.pem") else "this system's CA certificates"
        if "certificate verify failed" in cause.text:
            return (
                f"the certificate of Kafka at {servers} cannot be trusted: it is not signed by {given}, one of them "
                "has expired, or it is for another host name: check the Secret with Kafka's CA, and the addresses"
            )
        return f"TLS with Kafka at {servers} failed ({_detail(cause.text)}): check its port, its CA and the client's"
    if name == "TOPIC_AUTHORIZATION_FAILED":
        return f"{who} may not use {what}: allow it Read, Write, Describe and DescribeConfigs there as it needs"
    if name == "GROUP_AUTHORIZATION_FAILED":
        return f"{who} may not use consumer group {group or 'of this client'}: allow it Read and Describe there"
    if name == "CLUSTER_AUTHORIZATION_FAILED":
        return f"{who} may not do this to the cluster: allow it Create on the topics, or have them created"
    if name in _MISSING:
        return f"Kafka at {servers} has no {what}: let the chart create the topics (kafka.topics.create), or create it"
    if name == "_INVALID_ARG":
        return f"Kafka's client cannot use its settings: {_detail(cause.text)}"
    if name == "_RESOLVE":
        return f"the host name of Kafka at {servers} is not known: check KAFKA_BOOTSTRAP_SERVERS, and the cluster's DNS"
    if name in ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT"):
        # Which call got no answer says nothing; that a connection was refused does.
        why = "" if "Local: " in cause.text or name != "_TRANSPORT" else f" ({_detail(cause.text)})"
        return (
            f"Kafka at {servers} does not answer{why}: check that it runs and can be reached, and that {protocol} is "
            "the protocol of this port"
        )
    return f"Kafka at {servers} answers {name}: {_detail(cause.text)}"


def _detail(text: str) -> str:
    """Return the client's words without its name for the connection and how long it took."""
    said = (
        text.split(": ", 1)[-1] if "://" in text.split(": ", 1)[0] or "/bootstrap" in text.split(": ", 1)[0] else text
    )
    return said.split(" (after ", 1)[0].strip().rstrip(":")
