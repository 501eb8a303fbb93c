"""``mars dlq``, ``replay``, ``drop``: messages that could not be understood, and what becomes of them."""

import argparse
import json
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from mm_contracts.topics import DLQ_MESSAGE, DLQ_OFFSET, DLQ_PARTITION, DLQ_REASON, DLQ_TOPIC, TOPICS, dead_letter_topic

from mm_cli.errors import USAGE, CliError
from mm_cli.tables import table

if TYPE_CHECKING:
    from mm_contracts.letters import Letter

_BY = "the command line"


def add_parser(commands: Any) -> None:
    """Add ``dlq``, ``replay`` and ``drop`` to argparse's sub-commands."""
    listing = commands.add_parser(
        "dlq",
        help="list the dead letters of a topic",
        description="List the messages of a topic that could not be understood, each with its reason, and what was "
        "done about it. Dropped ones are left out.",
        epilog="example: mars dlq ingestion-scheduling --json",
    )
    _common(listing)
    listing.add_argument("--all", action="store_true", help="also those that were dropped")
    listing.add_argument("--json", action="store_true", help="one JSON object per line, with the original value")
    listing.set_defaults(func=show)
    replaying = commands.add_parser(
        "replay",
        help="put the dead letters of a topic back into it",
        description="Publish dead letters to their topic again, as they were. What was replayed or dropped before is "
        "left out, unless --again is given. They stay in the dead-letter topic. Shortened letters, which say where "
        "the whole message is, are left out.",
        epilog="example: mars replay minio-events --limit 10 --dry-run",
    )
    _common(replaying)
    _choice(replaying)
    replaying.add_argument("--again", action="store_true", help="also those that were replayed or dropped before")
    replaying.set_defaults(func=replay)
    dropping = commands.add_parser(
        "drop",
        help="let the dead letters of a topic rest",
        description="Note that nothing is to be done about dead letters: lists and replays leave them out from then "
        "on. They stay in the dead-letter topic until its retention ends.",
        epilog="example: mars drop minio-events --reason NotJson",
    )
    _common(dropping)
    _choice(dropping)
    dropping.set_defaults(func=drop)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", help=f"one of {', '.join(TOPICS)}")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the newest N only (default: all)")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="wait for Kafka (default: 30)")


def _choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", help="only those with this reason")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _letters(arguments: argparse.Namespace) -> "list[Letter]":
    from mm_contracts.letters import letters

    from mm_cli.kafka_session import names, read_all

    if arguments.topic not in TOPICS:
        raise CliError(f"unknown topic {arguments.topic!r}: use one of {', '.join(TOPICS)}", USAGE)
    return letters(read_all(dead_letter_topic(names().topic(arguments.topic)), arguments.timeout))


def show(arguments: argparse.Namespace) -> int:
    """List dead letters."""
    from mm_contracts.letters import selected

    known = [one for one in _letters(arguments) if arguments.all or one.done != "dropped"]
    found = selected(known, arguments.limit)
    if arguments.json:
        for letter in found:
            print(json.dumps(_as_json(letter), ensure_ascii=False))
        return 0
    if not found:
        print(f"no dead letters of {arguments.topic}")
        return 0
    rows = [
        (
            datetime.fromtimestamp(letter.message.timestamp_ms / 1000, UTC),
            f"{letter.message.text(DLQ_PARTITION)}/{letter.message.text(DLQ_OFFSET)}",
            letter.message.text(DLQ_REASON),
            letter.message.text(DLQ_MESSAGE)[:90],
            (letter.message.value or b"").decode("utf-8", "replace")[:40],
            letter.done,
        )
        for letter in found
    ]
    print(table(("WHEN (UTC)", "OFFSET", "REASON", "WHY", "VALUE", "DONE"), rows))
    return 0


def _as_json(letter: "Letter") -> dict[str, Any]:
    message = letter.message
    value = None if message.value is None else message.value.decode("utf-8", "replace")
    return {
        "time": datetime.fromtimestamp(message.timestamp_ms / 1000, UTC).isoformat(),
        "topic": message.text(DLQ_TOPIC),
        "partition": message.text(DLQ_PARTITION),
        "offset": message.text(DLQ_OFFSET),
        "reason": message.text(DLQ_REASON),
        "message": message.text(DLQ_MESSAGE),
        "done": letter.done,
        "by": letter.by,
        "value": value,
    }


def _chosen(arguments: argparse.Namespace, again: bool) -> "list[Letter]":
    from mm_contracts.letters import selected

    return selected([one for one in _letters(arguments) if again or not one.done], arguments.limit, arguments.reason)


def replay(arguments: argparse.Namespace) -> int:
    """Publish dead letters to their topic again."""
    from mm_contracts.letters import note, original

    from mm_cli.kafka_session import names, publish

    found = _chosen(arguments, arguments.again)
    topic = names().topic(arguments.topic)
    whole = [letter for letter in found if not letter.is_shortened]
    originals = [original(letter, topic) for letter in whole]
    if left_out := len(found) - len(originals):
        what = "1 shortened letter" if left_out == 1 else f"{left_out} shortened letters"
        print(f"left out {what}: `mars dlq {arguments.topic} --json` says where the whole messages are")
    if arguments.dry_run:
        for name, _key, value, _headers in islice(originals, 50):
            print(f"would publish to {name}: {(value or b'').decode('utf-8', 'replace')[:120]}")
        print(f"{len(originals)} dead letters of {arguments.topic}; nothing was published")
        return 0
    publish(originals, arguments.timeout)
    publish([note(letter, topic, "replayed", _BY) for letter in whole], arguments.timeout)
    print(f"published {len(originals)} dead letters to {arguments.topic} again")
    return 0


def drop(arguments: argparse.Namespace) -> int:
    """Note that nothing is to be done about dead letters."""
    from mm_contracts.letters import note

    from mm_cli.kafka_session import names, publish

    found = _chosen(arguments, again=False)
    if arguments.dry_run:
        print(f"{len(found)} dead letters of {arguments.topic} would be dropped; nothing was noted")
        return 0
    publish([note(letter, names().topic(arguments.topic), "dropped", _BY) for letter in found], arguments.timeout)
    print(f"dropped {len(found)} dead letters of {arguments.topic}")
    return 0
