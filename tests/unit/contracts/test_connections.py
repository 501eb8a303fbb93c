"""Environment variables become client arguments; what is missing is told by name."""

import pytest
from mm_contracts.connections import SettingsError, external_stage, kafka_settings, warehouse_arguments

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


def test_kafka_plain_and_with_sasl() -> None:
    assert kafka_settings({"KAFKA_BOOTSTRAP_SERVERS": "k:9092", "KAFKA_PASSWORD": ""}) == {
        "bootstrap.servers": "k:9092"
    }
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": "k:9093",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_USERNAME": "u",
        "KAFKA_PASSWORD": "p",
        "KAFKA_SSL_CA_LOCATION": "/ca.crt",
    }
    assert kafka_settings(env) == {
        "bootstrap.servers": "k:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
        "ssl.ca.location": "/ca.crt",
    }
    with pytest.raises(SettingsError, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
        kafka_settings({})
