"""``mars``: publish schedules, look at the archive and at what went wrong. Each command imports what it needs, late."""

import argparse
import os
import sys
from typing import Final, NoReturn

from mm_cli import backup, docs, letters, schedule, selftest, setup, sql, status, trace, warehouse
from mm_cli.errors import USAGE, CliError

_EPILOG: Final = """
environment:
  KAFKA_BOOTSTRAP_SERVERS (and KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD,
  KAFKA_SSL_CA_LOCATION) for schedule, dlq, replay, drop and setup topics
  SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_PASSWORD or SNOWFLAKE_PRIVATE_KEY_PATH, SNOWFLAKE_ROLE,
  SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE; and SNOWFLAKE_HOST, SNOWFLAKE_PORT, SNOWFLAKE_PROTOCOL for the embedded
  warehouse; for sql, status, trace and warehouse. SNOWFLAKE_EXTERNAL_STAGE (and S3_BUCKET) for warehouse check
  S3_ENDPOINT_URL, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION for docs and setup bucket

exit codes: 0 done, 1 the answer is no, 64 wrong use, 69 a server did not answer

examples:
  mars schedule --dataset manifests
  mars schedule --rover Curiosity --sols 0-10
  mars status
  mars trace curiosity/1000
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the whole command line."""
    parser = argparse.ArgumentParser(
        prog="mars",
        description="Martian Moments from the command line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for part in (schedule, status, sql, trace, letters, warehouse, docs, setup, selftest, backup):
        part.add_parser(commands)
    return parser


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        parsed = build_parser().parse_args(arguments)
    except SystemExit as error:
        # argparse ends with 2 for wrong use; scripts get the same code for it everywhere.
        return USAGE if error.code == 2 else int(error.code or 0)
    try:
        code: int = parsed.func(parsed)
        return code
    except CliError as error:
        print(f"mars: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def main() -> NoReturn:
    """Entry point."""
    code = run()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            pass
    # Kafka's and the warehouse's client threads must not keep the shell waiting.
    os._exit(code)


if __name__ == "__main__":
    main()
