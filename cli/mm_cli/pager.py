"""Long text on a terminal goes through a pager, as git's does."""

import os
import shlex
import shutil
import subprocess
import sys
from typing import Final

_LESS: Final = "less -FRSX"
"""Ends at once where all fits, keeps colours, cuts long lines (the arrow keys move sideways), leaves the text there."""


def columns() -> int | None:
    """Return the width of the terminal that the output goes to, or None where it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def page(text: str, *, use: bool = True) -> None:
    """Print a text, through a pager where it is longer than the terminal and one is wanted and there."""
    if not (use and sys.stdout.isatty() and text.count("\n") >= shutil.get_terminal_size().lines):
        sys.stdout.write(text)
        return
    command = shlex.split(os.environ.get("MARS_PAGER") or os.environ.get("PAGER") or _LESS)
    if not command or shutil.which(command[0]) is None:
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    subprocess.run(command, input=text, text=True, check=False)
