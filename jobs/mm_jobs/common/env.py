"""Settings from the environment, each missing one told with a sentence."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from mm_contracts import connections
from mm_contracts.connections import SettingsError

__all__ = ["SECRET_NAMES", "SettingsError", "number", "optional", "redact", "redacted", "required"]

SECRET_NAMES: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "KAFKA_PASSWORD",
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
)
"""Variables whose values never reach a log line or a termination message, those of ``SECRET_PREFIX`` beside them."""
SECRET_PREFIX: Final = "SOURCE_API_KEY"
"""Begins the names of the variables with the sources' keys, one for each source."""

_HIDDEN: Final = "***"
_QUERY_SECRETS: Final = re.compile(r"(?i)\b(api_key|apikey|token|password|signature|x-amz-[a-z-]+)=[^&\s\"']+")
_URL_SECRETS: Final = re.compile(r"(?i)\b(https?://)[^/\s@\"']+@")
"""User and password in a URL, as proxies are given."""
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
    for name in (*SECRET_NAMES, *(name for name in os.environ if name.startswith(SECRET_PREFIX))):
        value = os.environ.get(name, "")
        if len(value) >= _SHORTEST_SECRET:
            for form in _forms(value):
                text = text.replace(form, _HIDDEN)
    text = _URL_SECRETS.sub(lambda match: f"{match[1]}{_HIDDEN}@", text)
    return _QUERY_SECRETS.sub(lambda match: f"{match[1]}={_HIDDEN}", text)


def _forms(value: str) -> list[str]:
    """Return a value as it is, and as a ``repr`` or JSON has it, longest first: some texts come quoted already."""
    doubled = value.replace("\\", "\\\\")
    quoted = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return sorted({value, doubled, doubled.replace("'", "\\'"), *quoted}, key=len, reverse=True)


def redacted(value: Any) -> Any:
    """Return a value with every text in it redacted, before an encoding can disguise one; other kinds become text."""
    if isinstance(value, Mapping):
        return {redacted(key): redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [redacted(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(value if isinstance(value, str) else str(value))
