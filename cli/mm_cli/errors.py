"""Ends of a command that are not success: a sentence for people and an exit code for scripts."""

from typing import Final

USAGE: Final = 64
"""The request itself is wrong: repeating it cannot help."""
UNAVAILABLE: Final = 69
"""A server did not answer or refused: repeating it later can help."""
BUG: Final = 70
"""This program is at fault."""
NOT_FOUND: Final = 1
"""The question was answered, and the answer is no."""


class CliError(Exception):
    """A command's end with a sentence that says what to do."""

    def __init__(self, message: str, code: int = UNAVAILABLE) -> None:
        super().__init__(message)
        self.code = code
