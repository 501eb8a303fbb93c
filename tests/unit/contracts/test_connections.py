"""Environment variables become client arguments; what is missing is told by name."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from mm_contracts.connections import (
    SettingsError,
    check_key,
    external_stage,
    kafka_names,
    kafka_settings,
    warehouse_arguments,
)
from mm_contracts.topics import TOPICS

ACCOUNT = {"SNOWFLAKE_ACCOUNT": "org-account", "SNOWFLAKE_USER": "MARS_LOADER"}


def test_a_snowflake_account_with_a_key_pair() -> None:
    env = ACCOUNT | {
        "SNOWFLAKE_PRIVATE_KEY_PATH": "/keys/rsa.p8",
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "open",
        "SNOWFLAKE_ROLE": "MARS_ROLE",
        "SNOWFLAKE_WAREHOUSE": "MARS_WH",
        "SNOWFLAKE_PASSWORD": "ignored where there is a key",
    }
    assert warehouse_arguments(env) == {
        "account": "org-account",
        "user": "MARS_LOADER",
        "database": "MARS",
        "role": "MARS_ROLE",
        "warehouse": "MARS_WH",
        "authenticator": "SNOWFLAKE_JWT",
        "private_key_file": "/keys/rsa.p8",
        "private_key_file_pwd": "open",
    }


def test_an_endpoint_without_an_account() -> None:
    env = {
        "SNOWFLAKE_ACCOUNT": "embedded",
        "SNOWFLAKE_USER": "mars",
        "SNOWFLAKE_PASSWORD": "p",
        "SNOWFLAKE_HOST": "mars-warehouse",
        "SNOWFLAKE_PORT": "8080",
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_DATABASE": "MARS2",
    }
    arguments = warehouse_arguments(env)
    assert (arguments["host"], arguments["port"], arguments["protocol"]) == ("mars-warehouse", 8080, "http")
    assert (arguments["database"], arguments["password"]) == ("MARS2", "p")
    assert "authenticator" not in arguments


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "SNOWFLAKE_ACCOUNT is not set"),
        ({"SNOWFLAKE_ACCOUNT": "a"}, "SNOWFLAKE_USER is not set"),
        (ACCOUNT, "SNOWFLAKE_PASSWORD is not set: give the user's password, or SNOWFLAKE_PRIVATE_KEY_PATH"),
        (ACCOUNT | {"SNOWFLAKE_PASSWORD": "p", "SNOWFLAKE_PORT": "http"}, "SNOWFLAKE_PORT is 'http'"),
    ],
)
def test_what_is_missing_is_named(env: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        warehouse_arguments(env)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plain key, one with the passphrase "open sesame", and a file that is none."""
    place = tmp_path_factory.mktemp("keys")
    key = rsa.generate_private_key(65_537, 2048)
    for name, encryption in (
        ("plain", serialization.NoEncryption()),
        ("locked", serialization.BestAvailableEncryption(b"open sesame")),
    ):
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (place / name).write_bytes(key.private_bytes(pem, pkcs8, encryption))
    (place / "none").write_text("a note of where the key is")
    return place


def _load(path: str, passphrase: bytes | None) -> None:
    serialization.load_pem_private_key(Path(path).read_bytes(), passphrase)


@pytest.mark.parametrize(
    ("file", "passphrase", "says"),
    [
        ("locked", "a wrong word", "is no private key in PEM form, or SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is not its"),
        ("locked", "", "is encrypted: set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"),
        ("plain", "a wrong word", "is not encrypted: unset SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"),
        ("none", "", "is no private key in PEM form"),
        ("nowhere", "", "No such file or directory: mount the Secret"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_by_the_settings_name(
    keys: Path, file: str, passphrase: str, says: str
) -> None:
    env = {"SNOWFLAKE_PRIVATE_KEY_PATH": str(keys / file), "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": passphrase}
    with pytest.raises(SettingsError, match=f"^SNOWFLAKE_PRIVATE_KEY_PATH is .*{file}: .*{says}") as caught:
        check_key(env, _load)
    assert "a wrong word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_that_can_be_used_is_not_mentioned(keys: Path) -> None:
    check_key({}, _load)
    check_key({"SNOWFLAKE_PRIVATE_KEY_PATH": str(keys / "plain")}, _load)
    locked = {"SNOWFLAKE_PRIVATE_KEY_PATH": str(keys / "locked"), "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "open sesame"}
    check_key(locked, _load)


def test_a_key_in_the_place_of_its_path_is_not_repeated(keys: Path) -> None:
    text = (keys / "plain").read_text()
    with pytest.raises(SettingsError, match="SNOWFLAKE_PRIVATE_KEY_PATH holds a key") as caught:
        check_key({"SNOWFLAKE_PRIVATE_KEY_PATH": text}, _load)
    assert text.splitlines()[1] not in str(caught.value)


def test_an_external_stage_is_an_accounts_and_named_in_full() -> None:
    assert external_stage({}) is None
    assert external_stage({"SNOWFLAKE_EXTERNAL_STAGE": ""}) is None
    assert external_stage({"SNOWFLAKE_EXTERNAL_STAGE": "MARS.BRONZE.archive_1$"}) == "MARS.BRONZE.archive_1$"
    for name in (
        "ARCHIVE",
        "BRONZE.ARCHIVE",
        "@MARS.BRONZE.ARCHIVE",
        "MARS.BRONZE.A/photos",
        'MARS.BRONZE."a b"',
        "a.b.c d",
    ):
        with pytest.raises(SettingsError, match=r"give the full name, <database>\.<schema>\.<stage>"):
            external_stage({"SNOWFLAKE_EXTERNAL_STAGE": name})
    with pytest.raises(SettingsError, match="embedded warehouse, which reads no external stage"):
        external_stage({"SNOWFLAKE_EXTERNAL_STAGE": "MARS.BRONZE.ARCHIVE", "SNOWFLAKE_HOST": "mars-warehouse"})


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"
LOGIN = {
    "KAFKA_BOOTSTRAP_SERVERS": "k:9093",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_USERNAME": "u",
    "KAFKA_PASSWORD": "p",
}


def test_kafka_plain_and_with_sasl() -> None:
    assert kafka_settings({"KAFKA_BOOTSTRAP_SERVERS": "k:9092", "KAFKA_PASSWORD": ""}) == {
        "bootstrap.servers": "k:9092"
    }
    for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"):
        env = LOGIN | {"KAFKA_SASL_MECHANISM": mechanism, "KAFKA_SSL_CA_LOCATION": "/ca"}
        assert kafka_settings(env, lambda where: f"certificates of {where}") == {
            "bootstrap.servers": "k:9093",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism,
            "sasl.username": "u",
            "sasl.password": "p",
            "ssl.ca.pem": "certificates of /ca",
        }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        ({"KAFKA_PASSWORD": ""}, "KAFKA_PASSWORD is not set: give the password of user u"),
        ({"KAFKA_USERNAME": ""}, "KAFKA_USERNAME is not set"),
        ({"KAFKA_SASL_MECHANISM": ""}, "KAFKA_SASL_MECHANISM is not set"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL is 'TLS': give one of"),
        ({"KAFKA_SSL_CA_LOCATION": "/nowhere"}, "KAFKA_SSL_CA_LOCATION is /nowhere: No such file"),
    ],
)
def test_kafka_settings_that_cannot_work_say_what_to_set(changed: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        kafka_settings(LOGIN | changed)


def test_all_certificates_of_a_secret_are_trusted_while_one_replaces_another(tmp_path: Path) -> None:
    for name, text in (
        ("ca.crt", "new"),
        ("ca-2026-11-27T23-00-00Z.crt", "old"),
        ("ca.p12", "\0"),
        ("ca.password", "secret"),
    ):
        (tmp_path / name).write_text(CERTIFICATE.replace("MII", text))
    pem = kafka_settings(LOGIN | {"KAFKA_SSL_CA_LOCATION": str(tmp_path)})["ssl.ca.pem"]
    assert (pem.count("BEGIN CERTIFICATE"), "new" in pem, "old" in pem, "secret" in pem) == (2, True, True, False)
    alone = kafka_settings(LOGIN | {"KAFKA_SSL_CA_LOCATION": str(tmp_path / "ca.crt")})["ssl.ca.pem"]
    assert alone == CERTIFICATE.replace("MII", "new") + "\n"
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(SettingsError, match="there is no certificate in PEM form"):
        kafka_settings(LOGIN | {"KAFKA_SSL_CA_LOCATION": str(tmp_path / "ca.crt")})


def test_one_prefix_for_topics_and_groups() -> None:
    assert kafka_names({}).topics == TOPICS
    names = kafka_names({"KAFKA_TOPIC_PREFIX": "team-a."})
    assert names.topic("minio-events") == "team-a.minio-events"
    assert names.group("martian-moments-operator") == "team-a.martian-moments-operator"
    with pytest.raises(SettingsError, match="KAFKA_TOPIC_PREFIX is 'a b'"):
        kafka_names({"KAFKA_TOPIC_PREFIX": "a b"})
