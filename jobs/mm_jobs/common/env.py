"""Settings from the environment, each missing one told with a sentence."""

import os
import re
from typing import Final

from mm_contracts import connections
from mm_contracts.connections import SettingsError

__all__ = ["SECRET_NAMES", "SettingsError", "number", "optional", "redact", "required"]

SECRET_NAMES: Final = (
    "SOURCE_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "KAFKA_PASSWORD",
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
)
"""Variables whose values never reach a log line or a termination message."""

_HIDDEN: Final = "***"
_QUERY_SECRETS: Final = re.compile(r"(?i)\b(api_key|apikey|token|password|signature|x-amz-[a-z-]+)=[^&\s\"']+")
_SHORTEST_SECRET: Final = 4
"""Shorter values are words of ordinary text; hiding them would garble the line and hide nothing."""


def required(name: str, what: str) -> str:
    """Return the variable's value.

    Raises:
        SettingsError: it is unset or empty; ``what`` tells in a few words what belongs there.
    """
    return connections.required(os.environ, name, what)


def optional(name: str, default: str = "") -> str:
    """Return the variable's value, or the default where it is unset or empty."""
    return os.environ.get(name) or default


def number(name: str, default: float) -> float:
    """Return the variable as a number, or the default where it is unset.

    Raises:
        SettingsError: it is not a number.
    """
    text = optional(name)
    try:
        return float(text) if text else default
    except ValueError:
        raise SettingsError(f"{name} is {text!r}: give a number") from None


def redact(text: str) -> str:
    """Return the text without the values of secret variables and of secret query arguments."""
    for name in SECRET_NAMES:
        value = os.environ.get(name, "")
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, _HIDDEN)
    return _QUERY_SECRETS.sub(lambda match: f"{match[1]}={_HIDDEN}", text)
