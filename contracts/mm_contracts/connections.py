"""How environment variables name the connections to Kafka and the warehouse: a mapping in, arguments out.

Every part reads the same names, so that one ConfigMap and its Secrets serve all pods and a person's shell alike.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mm_contracts.topics import PREFIX, Names


class SettingsError(ValueError):
    """A setting is missing or unusable; the message says which and what to set."""


_KAFKA: Final = {
    "security.protocol": "KAFKA_SECURITY_PROTOCOL",
    "sasl.mechanism": "KAFKA_SASL_MECHANISM",
    "sasl.username": "KAFKA_USERNAME",
    "sasl.password": "KAFKA_PASSWORD",
}
_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_CA: Final = "KAFKA_SSL_CA_LOCATION"

_KEY_PATH: Final = "SNOWFLAKE_PRIVATE_KEY_PATH"
_KEY_PASSPHRASE: Final = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"
_STAGE: Final = re.compile(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*){2}", re.ASCII)


def required(env: Mapping[str, str], name: str, what: str) -> str:
    """Return a variable's value; ``what`` tells in a few words what belongs there.

    Raises:
        SettingsError: it is unset or empty.
    """
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set: give {what}")
    return value


def kafka_settings(env: Mapping[str, str], read: Callable[[str], str] | None = None) -> dict[str, Any]:
    """Return librdkafka's connection settings. Make each client with new ones: its CA may have been replaced meanwhile.

    Args:
        env: the environment.
        read: returns the CA certificates of a file or folder as PEM; by default it reads them from there.

    Raises:
        SettingsError: no bootstrap servers are named, a login lacks its name or password, or there is no CA to read.
    """
    settings: dict[str, Any] = {"bootstrap.servers": required(env, "KAFKA_BOOTSTRAP_SERVERS", "Kafka's host:port list")}
    settings.update({name: env[variable] for name, variable in _KAFKA.items() if env.get(variable)})
    protocol = settings.get("security.protocol", "PLAINTEXT")
    if protocol not in _PROTOCOLS:
        raise SettingsError(f"KAFKA_SECURITY_PROTOCOL is {protocol!r}: give one of {', '.join(_PROTOCOLS)}")
    if protocol.startswith("SASL"):
        required(env, "KAFKA_USERNAME", f"the user to log in as, since KAFKA_SECURITY_PROTOCOL is {protocol}")
        required(env, "KAFKA_PASSWORD", f"the password of user {env['KAFKA_USERNAME']}")
        required(env, "KAFKA_SASL_MECHANISM", "SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN")
    if where := env.get(_CA):
        settings["ssl.ca.pem"] = (read or read_certificates)(where)
    return settings


def kafka_names(env: Mapping[str, str]) -> Names:
    """Return what topics and consumer groups are called. Raises SettingsError where the prefix is not one."""
    prefix = env.get("KAFKA_TOPIC_PREFIX", "")
    if not PREFIX.fullmatch(prefix):
        raise SettingsError(f"KAFKA_TOPIC_PREFIX is {prefix!r}: 100 letters, digits, dots, dashes, underscores at most")
    return Names(prefix)


def read_certificates(where: str) -> str:
    """Return the certificates of a PEM file, or of all files of a folder that end in .crt or .pem, as one text.

    While a CA is being replaced its Secret holds the old and the new one, in two files. Raises SettingsError.
    """
    path = Path(where)
    try:
        files = sorted(p for p in path.iterdir() if p.suffix in (".crt", ".pem")) if path.is_dir() else [path]
        text = "\n".join(file.read_text(encoding="utf-8", errors="replace").strip() for file in files)
    except OSError as error:
        raise SettingsError(f"{_CA} is {where}: {error.strerror}: mount the Secret with Kafka's CA there") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise SettingsError(f"{_CA} is {where}: there is no certificate in PEM form, such as ca.crt")
    return text + "\n"


def warehouse_arguments(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of ``snowflake.connector.connect``, with password or key pair.

    ``SNOWFLAKE_HOST``, ``_PORT`` and ``_PROTOCOL`` are for an endpoint without an account, such as the embedded server.

    Raises:
        SettingsError: a variable is missing, or the port is no number.
    """
    what = "the account identifier (any word for the embedded warehouse)"
    port = env.get("SNOWFLAKE_PORT", "")
    if port and not port.isdecimal():
        raise SettingsError(f"SNOWFLAKE_PORT is {port!r}: give a port number")
    arguments: dict[str, Any] = {
        "account": required(env, "SNOWFLAKE_ACCOUNT", what),
        "user": required(env, "SNOWFLAKE_USER", "the user to log in as"),
        "database": env.get("SNOWFLAKE_DATABASE") or "MARS",
        "role": env.get("SNOWFLAKE_ROLE"),
        "warehouse": env.get("SNOWFLAKE_WAREHOUSE"),
        "host": env.get("SNOWFLAKE_HOST"),
        "port": int(port) if port else None,
        "protocol": env.get("SNOWFLAKE_PROTOCOL"),
    }
    if key := env.get(_KEY_PATH):
        arguments["authenticator"] = "SNOWFLAKE_JWT"
        arguments["private_key_file"] = key
        arguments["private_key_file_pwd"] = env.get(_KEY_PASSPHRASE)
    else:
        what = "the user's password, or SNOWFLAKE_PRIVATE_KEY_PATH for a key pair"
        arguments["password"] = required(env, "SNOWFLAKE_PASSWORD", what)
    return {name: value for name, value in arguments.items() if value}


def check_key(env: Mapping[str, str], load: Callable[[str, bytes | None], object]) -> None:
    """Have the private key read, where one is named: the client lets its library's errors through as they are.

    Args:
        env: the environment.
        load: reads a key from a path with a passphrase or None, and raises whatever is wrong with it.

    Raises:
        SettingsError: the key cannot be used. No sentence has the passphrase, or text of the key, in it.
    """
    path = env.get(_KEY_PATH)
    if not path:
        return
    if "PRIVATE KEY" in path:
        raise SettingsError(f"{_KEY_PATH} holds a key: give the path of the file that does")
    passphrase = env.get(_KEY_PASSPHRASE)
    try:
        load(path, passphrase.encode() if passphrase else None)
        return
    except OSError as error:
        problem = f"{error.strerror or 'it cannot be read'}: mount the Secret with the key, readable for this user"
    except TypeError:
        problem = f"it is encrypted: set {_KEY_PASSPHRASE}"
        if passphrase:
            problem = f"it is not encrypted: unset {_KEY_PASSPHRASE}"
    except Exception:
        # What a library says of a key is its own affair, and may quote from it.
        problem = "it is no private key in PEM form"
        if passphrase:
            problem += f", or {_KEY_PASSPHRASE} is not its passphrase"
    raise SettingsError(f"{_KEY_PATH} is {path}: {problem}")


def external_stage(env: Mapping[str, str]) -> str | None:
    """Return the external stage that loads copy from, or None where they stage the documents themselves.

    Raises:
        SettingsError: it is no full name, or the endpoint is none of an account: nothing else reads external stages.
    """
    name = env.get("SNOWFLAKE_EXTERNAL_STAGE", "")
    if not name:
        return None
    if not _STAGE.fullmatch(name):
        raise SettingsError(
            f"SNOWFLAKE_EXTERNAL_STAGE is {name!r}: give the full name, <database>.<schema>.<stage>, without quotes"
        )
    if env.get("SNOWFLAKE_HOST"):
        raise SettingsError(
            "SNOWFLAKE_EXTERNAL_STAGE is set, but SNOWFLAKE_HOST names an endpoint without an account, such as the "
            "embedded warehouse, which reads no external stage: unset the one, or, for an account, the other"
        )
    return name
