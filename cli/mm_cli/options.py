"""Options that several commands share."""

import argparse


def add_format(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``-o json`` and its short form ``--json``; ``what`` says what comes then. Read it from ``output``."""
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help=f"json: {what}")
    parser.add_argument("--json", action="store_const", const="json", dest="output", help="the same as -o json")
