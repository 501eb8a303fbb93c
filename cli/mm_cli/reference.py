"""The reference of all commands, written from the code: ``python -m mm_cli.reference docs/cli.md``."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

_HEAD = """# The command line

<!-- Written by `python -m mm_cli.reference docs/cli.md`: change the code, and run it again. -->

"""


def text(parser: argparse.ArgumentParser) -> str:
    """Return the reference as Markdown."""
    parts = [_HEAD + _top(parser)]
    for words, command, what in commands(parser):
        parts.append(_command(words, command, what))
    return "\n".join(parts)


def commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ("mars",), what: str = ""
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser, str]]:
    """Yield each command that does something: its words, its parser, and what it is for in a few words."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield words, parser, what
    for action in below:
        told = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            yield from commands(command, (*words, name), told.get(name, ""))


def _top(parser: argparse.ArgumentParser) -> str:
    rows = [f"| [`{' '.join(words)}`](#{'-'.join(words)}) | {what} |" for words, _, what in commands(parser)]
    table = "\n".join(["| command | does |", "| --- | --- |", *rows])
    return f"{parser.description}\n\n{table}\n\n```\n{(parser.epilog or '').strip()}\n```\n"


def _command(words: tuple[str, ...], command: argparse.ArgumentParser, what: str) -> str:
    lines = [
        f"## {' '.join(words)}",
        "",
        " ".join((command.description or f"{what[:1].upper()}{what[1:]}.").split()),
        "",
    ]
    rows = [row for action in command._actions if (row := _row(action))]
    lines += ["| argument | |", "| --- | --- |", *rows, ""] if rows else []
    if command.epilog:
        lines += ["```", command.epilog.strip(), "```", ""]
    return "\n".join(lines)


def _row(action: argparse.Action) -> str:
    if isinstance(action, argparse._HelpAction):
        return ""
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.choices:
        value = "|".join(map(str, action.choices))
    if action.option_strings:
        takes = action.nargs != 0
        name = ", ".join(action.option_strings) + (f" {value or action.dest.upper()}" if takes else "")
    else:
        name = value or action.dest
    return f"| `{_cell(name)}` | {_cell(action.help or '')} |"


def _cell(text: str) -> str:
    return text.replace("%%", "%").replace("|", "\\|")


def main() -> None:
    """Write the reference into the file that is named, or print it."""
    from mm_cli.main import build_parser

    written = text(build_parser())
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(written, encoding="utf-8")
    else:
        sys.stdout.write(written)


if __name__ == "__main__":
    main()
