"""Run other programs: quietly into a log file, or for their output; a failure says what, where and the last lines."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from mm_hack.places import logs_root

TAIL = 15


class SetupError(Exception):
    """Something that the person can act on; its text is a sentence that says what to do."""


class CommandFailed(SetupError):
    """A program ended with an error; carries the command, its code and the last lines of what it printed."""

    def __init__(self, command: Sequence[str], code: int, output: str, log: Path | None) -> None:
        self.code = code
        self.output = output
        lines = output.strip().splitlines()[-TAIL:]
        said = "\n".join(f"    {line}" for line in lines) or "    (it printed nothing)"
        where = f" The whole output is in {log}." if log else ""
        super().__init__(f"`{shorten(command)}` ended with code {code}.{where}\n{said}")


def shorten(command: Sequence[str], width: int = 160) -> str:
    """A command as one line that fits a message."""
    text = shlex.join(command)
    return text if len(text) <= width else text[: width - 3] + "..."


def merged(env: Mapping[str, str] | None) -> dict[str, str]:
    """This process's environment with `env` over it."""
    return {**os.environ, **(env or {})}


def run(
    command: Sequence[str],
    *,
    log: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | None = None,
) -> None:
    """Run a command with its output appended to ``<cache>/logs/<log>.log``.

    Raises:
        CommandFailed: it ended with another code than 0.
        SetupError: there is no such program.
    """
    path = logs_root() / f"{log}.log"
    with path.open("ab") as sink:
        sink.write(f"$ {shorten(command, 1000)}\n".encode())
        sink.flush()
        start = sink.tell()
        try:
            done = subprocess.run(
                command,
                stdin=stdin or subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=merged(env),
                cwd=cwd,
                check=False,
            )
        except FileNotFoundError as error:
            raise SetupError(f"There is no program `{command[0]}` on this machine.") from error
    if done.returncode != 0:
        with path.open("rb") as source:
            source.seek(start)
            output = source.read().decode(errors="replace")
        raise CommandFailed(command, done.returncode, output, path)


def output(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    feed: str | None = None,
) -> str:
    """What a command prints on its standard output.

    Raises:
        CommandFailed: it ended with another code than 0, or did not end within `timeout` seconds.
        SetupError: there is no such program.
    """
    try:
        done = subprocess.run(
            command,
            input=feed,
            stdin=subprocess.DEVNULL if feed is None else None,
            capture_output=True,
            env=merged(env),
            cwd=cwd,
            check=False,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise SetupError(f"There is no program `{command[0]}` on this machine.") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(command, 124, f"It did not end within {timeout:.0f} s.", None) from error
    if done.returncode != 0:
        raise CommandFailed(command, done.returncode, done.stdout + done.stderr, None)
    return done.stdout


def attempt(command: Sequence[str], *, timeout: float = 30, env: Mapping[str, str] | None = None) -> str | None:
    """What a command prints, or None if it fails, hangs or is not there: for looking, not for doing."""
    try:
        return output(command, timeout=timeout, env=env)
    except SetupError:
        return None
