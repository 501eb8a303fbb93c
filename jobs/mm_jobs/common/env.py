"""Settings from the environment, each missing one told with a sentence."""

import os
from typing import Any

from mm_contracts import connections, redaction
from mm_contracts.connections import SettingsError

__all__ = ["SettingsError", "number", "optional", "redact", "redacted", "required"]


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
    """Return the text without the values of secret variables, and without all that looks like a secret."""
    return redaction.redact(text, os.environ)


def redacted(value: Any) -> Any:
    """Return a value with every text in it redacted, before an encoding can disguise one; other kinds become text."""
    return redaction.redacted(value, os.environ)
