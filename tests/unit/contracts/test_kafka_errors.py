"""Each thing that can be wrong with a Kafka is one sentence; the texts are what librdkafka says of real brokers."""

import pytest
from mm_contracts.kafka_errors import Cause, cause_of, sentence, weightier

SETTINGS = {
    "bootstrap.servers": "k:9093",
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "mars",
    "sasl.password": "hidden",
    "ssl.ca.pem": "...",
}
LOGIN = Cause(
    "_AUTHENTICATION",
    "sasl_ssl://k:9093/bootstrap: SASL authentication error: Authentication failed during authentication due to "
    "invalid credentials with SASL mechanism SCRAM-SHA-512 (after 340ms in state AUTH_REQ)",
)
UNTRUSTED = Cause(
    "_SSL",
    "sasl_ssl://k:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker "
    "certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA certificates "
    "are installed (install ca-certificates package) (after 6ms in state SSL_HANDSHAKE)",
)
NOT_TLS = Cause(
    "_TRANSPORT",
    "sasl_ssl://k:9093/bootstrap: SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a "
    "PLAINTEXT broker listener? (after 6ms in state SSL_HANDSHAKE)",
)
MECHANISM = Cause(
    "_AUTHENTICATION",
    "sasl_plaintext://k:9093/bootstrap: SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Request not valid in "
    "current SASL state: broker's supported mechanisms:  (after 2ms in state AUTH_HANDSHAKE)",
)
UNKNOWN_HOST = Cause(
    "_RESOLVE",
    "k:9093/bootstrap: Failed to resolve 'k:9093': Name or service not known (after 0ms in state CONNECT)",
)
SILENT = Cause("_TRANSPORT", "Failed to get metadata: Local: Broker transport failure")
SAID = [
    (LOGIN, "Kafka at k:9093 refuses user mars (SCRAM-SHA-512): check the user name and the password in its Secret"),
    (MECHANISM, "does not take SCRAM-SHA-512 logins on this port"),
    (UNTRUSTED, "the certificate of Kafka at k:9093 cannot be trusted: it is not signed by the CA certificates given"),
    (NOT_TLS, "does not speak TLS there, but KAFKA_SECURITY_PROTOCOL is SASL_SSL"),
    (Cause("TOPIC_AUTHORIZATION_FAILED", "Broker: Topic authorization failed"), "user mars may not use topic t"),
    (Cause("GROUP_AUTHORIZATION_FAILED", "..."), "user mars may not use consumer group g"),
    (Cause("UNKNOWN_TOPIC_OR_PART", "Broker: Unknown topic or partition"), "Kafka at k:9093 has no topic t"),
    (UNKNOWN_HOST, "the host name of Kafka at k:9093 is not known"),
    (
        SILENT,
        "Kafka at k:9093 does not answer: check that it runs and can be reached, and that SASL_SSL is",
    ),
    (Cause("_INVALID_ARG", "Failed to create consumer: sasl.username and sasl.password must be set"), "cannot use its"),
    (Cause("NOT_ENOUGH_REPLICAS", "Broker: Not enough in-sync replicas"), "answers NOT_ENOUGH_REPLICAS"),
]


@pytest.mark.parametrize(("cause", "said"), SAID)
def test_a_cause_is_a_sentence_without_the_password(cause: Cause, said: str) -> None:
    text = sentence(cause, SETTINGS, "t", "g")
    assert said in text
    assert "hidden" not in text
    assert "(after" not in text
    assert "\n" not in text


def test_what_only_a_change_can_end_is_told_from_an_outage() -> None:
    assert [cause.lasting for cause, _ in SAID] == [True] * 7 + [False, False, True, False]


@pytest.mark.parametrize("cause", [LOGIN, UNTRUSTED, NOT_TLS, UNKNOWN_HOST])
def test_the_cause_outweighs_what_follows_from_it(cause: Cause) -> None:
    for effect in (SILENT, Cause("_ALL_BROKERS_DOWN", "1/1 brokers are down"), Cause("_TIMED_OUT", "Local: Timed out")):
        assert weightier(weightier(None, cause), effect) == cause
        assert weightier(effect, cause) == cause


def test_causes_come_out_of_whatever_is_raised() -> None:
    class KafkaError:
        def name(self) -> str:
            return "_SSL"

        def str(self) -> str:
            return "text"

    assert cause_of(KafkaError()) == ("_SSL", "text")
    assert cause_of(Exception(KafkaError())) == ("_SSL", "text")
    assert cause_of(ValueError("odd")) == ("ValueError", "odd")
