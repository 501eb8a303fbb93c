"""What the operator is told at its start: settings file, sources file, environment."""

import json
import os
from pathlib import Path
from typing import Any, Final

from mm_contracts import connections
from mm_contracts.sources import Sources
from mm_contracts.topics import Names
from pydantic import ValidationError

from mm_operator.core.settings import OperatorSettings

DEFAULT_FILE: Final = "/etc/martian-moments/operator.json"
DEFAULT_SOURCES: Final = "/etc/martian-moments/sources.json"


class ConfigError(Exception):
    """A setting is missing or wrong; the sentence says which and what to do."""


def _read(variable: str, default: str) -> tuple[str, Any]:
    path = os.environ.get(variable) or default
    try:
        return path, json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): set {variable} to the file's path") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None


def _sentence(path: str, error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def load_settings() -> OperatorSettings:
    """Return the settings of the file that MARS_OPERATOR_FILE names. Raises ConfigError."""
    path, data = _read("MARS_OPERATOR_FILE", DEFAULT_FILE)
    try:
        settings = OperatorSettings.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_sentence(path, error)) from None
    namespace = settings.namespace or os.environ.get("POD_NAMESPACE") or ""
    if not namespace:
        raise ConfigError("no namespace to work in: set POD_NAMESPACE, or namespace in the settings file")
    return settings.model_copy(update={"namespace": namespace})


def load_sources() -> Sources:
    """Return the sources of the file that MARS_SOURCES_FILE names. Raises ConfigError."""
    path, data = _read("MARS_SOURCES_FILE", DEFAULT_SOURCES)
    try:
        return Sources.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_sentence(path, error)) from None


def kafka_settings() -> dict[str, Any]:
    """Return librdkafka's connection settings from the environment and its CA as it is now. Raises ConfigError."""
    try:
        return connections.kafka_settings(os.environ)
    except connections.SettingsError as error:
        raise ConfigError(str(error)) from None


def kafka_names() -> Names:
    """Return what the release calls its topics and consumer groups. Raises ConfigError."""
    try:
        return connections.kafka_names(os.environ)
    except connections.SettingsError as error:
        raise ConfigError(str(error)) from None


def own_pod() -> dict[str, Any] | None:
    """Return the head of the pod that this process runs in, for Events about it; None outside of a cluster."""
    name, uid = os.environ.get("POD_NAME"), os.environ.get("POD_UID")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": uid}} if name and uid else None


def operator_port() -> int:
    """Return the port to listen on, MARS_OPERATOR_PORT or 8080. Raises ConfigError."""
    text = os.environ.get("MARS_OPERATOR_PORT") or "8080"
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65_535:
        raise ConfigError(f"MARS_OPERATOR_PORT is {text!r}: give a port number")
    return int(text)
