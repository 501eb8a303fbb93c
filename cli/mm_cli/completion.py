"""``mars completion``: have a shell complete commands, options and names of plans."""

import argparse
import os
from typing import Any, Final

SHELLS: Final = ("bash", "zsh", "fish")
_PROGRAMS: Final = ["mars", "kubectl-mars"]


def add_parser(commands: Any) -> None:
    """Add ``completion`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "completion",
        help="have your shell complete commands, options, plans",
        description="Print what a shell needs to complete commands, options, names of plans and questions.",
        epilog="""examples:
  eval "$(mars completion bash)"                                     # in ~/.bashrc
  eval "$(mars completion zsh)"                                      # in ~/.zshrc
  mars completion fish > ~/.config/fish/completions/mars.fish""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the shell's code."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(_PROGRAMS, shell=arguments.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell and end, where it is a shell that asks."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
