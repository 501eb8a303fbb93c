"""``mars setup``: make the topics and the bucket. Every step waits for its server and may be repeated."""

import argparse
import functools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[[argparse.Namespace], int]


def add_parser(commands: Any) -> None:
    """Add ``setup`` to argparse's sub-commands; ``func`` of the parsed arguments is the command to call."""
    setup = commands.add_parser("setup", help="make the topics and the bucket that the parts expect to find")
    steps = setup.add_subparsers(dest="step", required=True, metavar="STEP")
    _add_topics(steps)
    _add_bucket(steps)


def _add_topics(steps: Any) -> None:
    parser = steps.add_parser(
        "topics",
        help="make the Kafka topics and their dead-letter topics",
        description="Make the topics of KAFKA_BOOTSTRAP_SERVERS, or bring existing ones to these settings.",
        epilog="example: mars setup topics --partitions 6 --replication-factor 3",
    )
    parser.add_argument("--partitions", type=_positive, default=3, help="partitions of each topic (default: 3)")
    parser.add_argument("--replication-factor", type=_positive, default=1, help="copies of each (default: 1)")
    parser.add_argument("--retention-hours", type=_positive, default=168, help="of the topics (default: 168)")
    parser.add_argument("--dlq-retention-hours", type=_positive, default=672, help="of dead letters (default: 672)")
    parser.add_argument(
        "--max-message-bytes",
        type=_positive,
        default=8_388_608,
        help="of the topics; dead-letter topics get 64 KiB more (default: 8 MiB)",
    )
    parser.add_argument("--wait-only", action="store_true", help="create nothing: wait until all topics exist")
    _add_timeout(parser)
    parser.set_defaults(func=functools.partial(run, _topics))


def _add_bucket(steps: Any) -> None:
    from mm_cli.setup_bucket import DEFAULT_ARN, RELEASE

    parser = steps.add_parser(
        "bucket",
        help="make the bucket and its event notification",
        description="Make bucket S3_BUCKET at S3_ENDPOINT_URL and have every written object reported to a target.",
        epilog="example: mars setup bucket --arn arn:minio:sqs::MARS:kafka",
    )
    parser.add_argument("--arn", default=DEFAULT_ARN, help=f"notification target (default: {DEFAULT_ARN})")
    parser.add_argument(
        "--release", default=RELEASE, help=f"whose notification it is; those of others stay (default: {RELEASE})"
    )
    parser.add_argument("--no-notification", action="store_true", help="make the bucket alone")
    _add_timeout(parser)
    parser.set_defaults(func=functools.partial(run, _bucket))


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="SECONDS", help="how long to wait for the server (default: 120)"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _topics(arguments: argparse.Namespace) -> int:
    from mm_cli.setup_topics import TopicSettings, ensure_topics, wanted_topics

    settings = TopicSettings(
        partitions=arguments.partitions,
        replication_factor=arguments.replication_factor,
        retention_ms=arguments.retention_hours * 3_600_000,
        dlq_retention_ms=arguments.dlq_retention_hours * 3_600_000,
        max_message_bytes=arguments.max_message_bytes,
    )
    done = ensure_topics(settings, create=not arguments.wait_only, timeout=arguments.timeout)
    print(
        f"topics: {len(wanted_topics())} there, {len(done.create)} created, {len(done.grow)} given partitions, "
        f"{len(done.alter)} altered",
        flush=True,
    )
    return 0


def _bucket(arguments: argparse.Namespace) -> int:
    from mm_cli.setup_bucket import ensure_bucket

    arn = "" if arguments.no_notification else arguments.arn
    created, notified = ensure_bucket(arn=arn, timeout=arguments.timeout, release=arguments.release)
    told = "none wanted" if not arn else "set" if notified else "as it should be"
    print(f"bucket: {'created' if created else 'there'}, notification: {told}", flush=True)
    return 0


def run(command: "Command", arguments: argparse.Namespace) -> int:
    """Run a set-up command; a failure is one sentence on standard error and exit code 1."""
    from mm_cli.setup_topics import SetupError

    try:
        return command(arguments)
    except SetupError as error:
        print(f"mars setup: {error}", file=sys.stderr)
        return 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``python -m mm_cli.setup topics|bucket``."""
    parser = argparse.ArgumentParser(prog="mars")
    add_parser(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["setup", *(sys.argv[1:] if argv is None else argv)])
    code: int = arguments.func(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
