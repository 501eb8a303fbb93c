"""``mars``: ask the archive, steer the loop, see what went wrong. Each command imports what it needs, late."""

import argparse
import os
import sys
import traceback
from typing import Final, NoReturn

from mm_cli import (
    backup,
    completion,
    connect,
    docs,
    gaps,
    letters,
    logs,
    plan_list,
    planning,
    plans,
    questions,
    schedule,
    selftest,
    setup,
    show,
    sql,
    status,
    timelapse,
    trace,
    warehouse,
    why,
)
from mm_cli.errors import BUG, USAGE, CliError

_EPILOG: Final = """
which release: the only one in the context's namespace, or the one that -n, --release, --context and --kubeconfig name,
  or MARS_NAMESPACE, MARS_RELEASE, MARS_CONTEXT. It is reached through kubectl (MARS_KUBECTL names another program).

without a cluster, or in a pod, the environment says where the servers are:
  KAFKA_BOOTSTRAP_SERVERS (and KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD,
  KAFKA_SSL_CA_LOCATION) for schedule, timelapse, dlq and setup topics
  SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_PASSWORD or SNOWFLAKE_PRIVATE_KEY_PATH, SNOWFLAKE_ROLE,
  SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE; and SNOWFLAKE_HOST, SNOWFLAKE_PORT, SNOWFLAKE_PROTOCOL for the embedded
  warehouse; for all that asks the warehouse. SNOWFLAKE_EXTERNAL_STAGE (and S3_BUCKET) for warehouse check
  S3_ENDPOINT_URL, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION for docs and setup bucket

exit codes:
  0 done   1 the answer is no   64 wrong use   69 a server did not answer   70 a fault of this program   130 interrupted

examples:
  mars status
  mars sql "select * from rover_summary"
  mars questions
  mars schedule --rover Curiosity --sols 0-10
  mars trace curiosity/1000
  kubectl mars status -n team
"""

_PARTS: Final = (
    *(status, plan_list, why, gaps, trace, logs),
    *(sql, questions, show, timelapse, connect),
    *(planning, schedule, plans, letters, backup),
    *(completion, warehouse, docs, setup, selftest),
)
"""In the order of the help: what is, what is in it, what to do, what is needed once."""


def build_parser(prog: str = "mars") -> argparse.ArgumentParser:
    """Return the whole command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Martian Moments from the command line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for part in _PARTS:
        part.add_parser(commands)
    return parser


def run(arguments: list[str] | None = None, prog: str = "mars") -> int:
    """Run a command and return its exit code."""
    given = letters.with_verb(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser(prog)
    completion.complete(parser)
    try:
        parsed = parser.parse_args(given)
    except SystemExit as error:
        # argparse ends with 2 for wrong use; scripts get the same code for it everywhere.
        return USAGE if error.code == 2 else int(error.code or 0)
    parsed.words = given
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
    except Exception as error:
        # A fault of this program is a sentence, too; who is to mend it asks for the rest.
        if os.environ.get("MARS_DEBUG"):
            traceback.print_exc()
        words = " ".join(f"{type(error).__name__}: {error}".split())[:400]
        print(
            f"mars: this should not have happened ({words}): MARS_DEBUG=1 shows where; please report it",
            file=sys.stderr,
        )
        return BUG


def main(prog: str = "mars") -> NoReturn:
    """Entry point."""
    code = run(prog=prog)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            pass
    # Kafka's and the warehouse's client threads must not keep the shell waiting.
    os._exit(code)


def kubectl_main() -> NoReturn:
    """Entry point of ``kubectl mars``: kubectl runs ``kubectl-mars`` from the PATH."""
    main("kubectl mars")


if __name__ == "__main__":
    main()
