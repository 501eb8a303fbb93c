"""What hides secrets in texts that leave a process: log lines, termination messages, statuses, Events.

A secret is known by its value, where the process was given it as a variable, and by its form, where it was not.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

SECRET_NAMES: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "KAFKA_PASSWORD",
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
    "WAREHOUSE_PASSWORD",
    "WAREHOUSE_READER_PASSWORD",
    "MARS_DASHBOARD_TOKEN",
)
"""Variables whose values never leave a process, those of ``SECRET_PREFIX`` beside them."""
SECRET_PREFIX: Final = "SOURCE_API_KEY"
"""Begins the names of the variables with the sources' keys, one for each source."""

_HIDDEN: Final = "***"
_QUERY: Final = re.compile(r"(?i)\b(api_key|apikey|token|password|signature|x-amz-[a-z-]+)=[^&\s\"']+")
_NAMED: Final = re.compile(
    r"(?i)((?:api[_-]?key|password|passwd|secret(?:_access_key|_key)?|token|authorization|private[_-]?key)"
    r"[\"']?\s*[=:]\s*[\"']?(?:bearer\s+|basic\s+)?)[^\s&\"',;]+"
)
_URL: Final = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s@\"']+@")
"""User and password in a URL, as proxies are given."""
_SHORTEST: Final = 4
"""Shorter values are words of ordinary text; hiding them would garble the line and hide nothing."""


def redact_forms(text: str) -> str:
    """Return the text without what looks like a secret: named values, query arguments, users of URLs."""
    text = _URL.sub(lambda match: f"{match[1]}{_HIDDEN}@", text)
    text = _QUERY.sub(lambda match: f"{match[1]}={_HIDDEN}", text)
    return _NAMED.sub(lambda match: f"{match[1]}{_HIDDEN}", text)


def redact(text: str, environment: Mapping[str, str]) -> str:
    """Return the text without the values of secret variables, and without all that looks like a secret."""
    return _hide(text, _secrets(environment))


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Return what must not be told, in all its forms. Looked up for each text or value: variables may change."""
    names = (*SECRET_NAMES, *(name for name in environment if name.startswith(SECRET_PREFIX)))
    values = [value for name in names if len(value := environment.get(name, "")) >= _SHORTEST]
    return [form for value in values for form in _forms(value)]


def _hide(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return redact_forms(text)


def redacted(value: Any, environment: Mapping[str, str]) -> Any:
    """Return a value with every text in it redacted, before an encoding can disguise one; other kinds become text."""
    return _redacted(value, _secrets(environment))


def _redacted(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return {_redacted(key, secrets): _redacted(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_redacted(item, secrets) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if value is None or isinstance(value, bool | int | float):
        return value
    return _hide(value if isinstance(value, str) else str(value), secrets)


def _forms(value: str) -> list[str]:
    """Return a value as it is, and as a ``repr`` or JSON has it, longest first: some texts come quoted already."""
    doubled = value.replace("\\", "\\\\")
    quoted = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return sorted({value, doubled, doubled.replace("'", "\\'"), *quoted}, key=len, reverse=True)
