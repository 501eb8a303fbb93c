"""``mars dlq`` and ``mars replay``: look at messages that could not be understood, and give them another try."""

import argparse
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from mm_contracts.topics import (
    DLQ_MESSAGE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_SIZE,
    DLQ_TOPIC,
    TOPICS,
    dead_letter_topic,
)

from mm_cli.errors import USAGE, CliError
from mm_cli.tables import table

if TYPE_CHECKING:
    from mm_cli.kafka_session import Message

_REPLAYED = "mars-replay"
"""Consumer group whose offsets say what was replayed."""

_OURS = frozenset({DLQ_TOPIC, DLQ_PARTITION, DLQ_OFFSET, DLQ_REASON, DLQ_MESSAGE, DLQ_SIZE})


def add_parser(commands: Any) -> None:
    """Add ``dlq`` and ``replay`` to argparse's sub-commands."""
    listing = commands.add_parser(
        "dlq",
        help="list the dead letters of a topic",
        description="List the messages of a topic that could not be understood, each with its reason.",
        epilog="example: mars dlq ingestion-scheduling --json",
    )
    _common(listing)
    listing.add_argument("--json", action="store_true", help="one JSON object per line, with the original value")
    listing.set_defaults(func=show)
    replaying = commands.add_parser(
        "replay",
        help="put the dead letters of a topic back into it",
        description="Publish dead letters to their topic again, as they were. What a replay of all has replayed "
        "is left out of the next, unless --again is given. They stay in the dead-letter topic. Shortened letters, "
        "which say where the whole message is, are left out.",
        epilog="example: mars replay minio-events --limit 10 --dry-run",
    )
    _common(replaying)
    replaying.add_argument("--reason", default="", help="only those with this reason")
    replaying.add_argument("--again", action="store_true", help="also those that were replayed before")
    replaying.add_argument("--dry-run", action="store_true", help="only say what would be published")
    replaying.set_defaults(func=replay)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", help=f"one of {', '.join(TOPICS)}")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the newest N only (default: all)")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="wait for Kafka (default: 30)")


def text_of(message: "Message", header: str) -> str:
    """Return a header of a dead letter as text, empty where it is absent."""
    return message.headers.get(header, b"").decode("utf-8", "replace")


def selected(letters: Iterable["Message"], limit: int, reason: str = "") -> list["Message"]:
    """Return the letters with that reason (empty: any), oldest first, only the newest ``limit`` (0: all)."""
    wanted = [letter for letter in letters if not reason or text_of(letter, DLQ_REASON) == reason]
    wanted.sort(key=lambda letter: (letter.timestamp_ms, letter.partition, letter.offset))
    return wanted[-limit:] if limit > 0 else wanted


def original(letter: "Message", topic: str) -> tuple[str, bytes | None, bytes | None, dict[str, bytes]]:
    """Return (topic, key, value, headers) of the message as it was before it became a dead letter."""
    headers = {name: value for name, value in letter.headers.items() if name not in _OURS}
    return text_of(letter, DLQ_TOPIC) or topic, letter.key, letter.value, headers


def _letters(arguments: argparse.Namespace, group: str = "") -> Iterator["Message"]:
    from mm_cli.kafka_session import names, read_all

    if arguments.topic not in TOPICS:
        raise CliError(f"unknown topic {arguments.topic!r}: use one of {', '.join(TOPICS)}", USAGE)
    return read_all(
        dead_letter_topic(names().topic(arguments.topic)), arguments.timeout, group and names().group(group)
    )


def show(arguments: argparse.Namespace) -> int:
    """List dead letters."""
    letters = selected(_letters(arguments), arguments.limit)
    if arguments.json:
        for letter in letters:
            print(json.dumps(_as_json(letter), ensure_ascii=False))
        return 0
    if not letters:
        print(f"no dead letters of {arguments.topic}")
        return 0
    rows = [
        (
            datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC),
            f"{text_of(letter, DLQ_PARTITION)}/{text_of(letter, DLQ_OFFSET)}",
            text_of(letter, DLQ_REASON),
            text_of(letter, DLQ_MESSAGE)[:90],
            (letter.value or b"").decode("utf-8", "replace")[:40],
        )
        for letter in letters
    ]
    print(table(("WHEN (UTC)", "OFFSET", "REASON", "WHY", "VALUE"), rows))
    return 0


def _as_json(letter: "Message") -> dict[str, Any]:
    value = None if letter.value is None else letter.value.decode("utf-8", "replace")
    return {
        "time": datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC).isoformat(),
        "topic": text_of(letter, DLQ_TOPIC),
        "partition": text_of(letter, DLQ_PARTITION),
        "offset": text_of(letter, DLQ_OFFSET),
        "reason": text_of(letter, DLQ_REASON),
        "message": text_of(letter, DLQ_MESSAGE),
        "value": value,
    }


def replay(arguments: argparse.Namespace) -> int:
    """Publish dead letters to their topic again."""
    from mm_cli.kafka_session import mark_done, names, publish

    letters = selected(_letters(arguments, "" if arguments.again else _REPLAYED), arguments.limit, arguments.reason)
    topic = names().topic(arguments.topic)
    originals = [original(letter, topic) for letter in letters if DLQ_SIZE not in letter.headers]
    if left_out := len(letters) - len(originals):
        what = "1 shortened letter" if left_out == 1 else f"{left_out} shortened letters"
        print(f"left out {what}: `mars dlq {arguments.topic} --json` says where the whole messages are")
    if arguments.dry_run:
        for topic, _key, value, _headers in islice(originals, 50):
            print(f"would publish to {topic}: {(value or b'').decode('utf-8', 'replace')[:120]}")
        print(f"{len(originals)} dead letters of {arguments.topic}; nothing was published")
        return 0
    publish(originals, arguments.timeout)
    if letters and not arguments.reason and not arguments.limit:
        # After a choice, letters before the last chosen one are still to be replayed.
        mark_done(names().group(_REPLAYED), letters)
    print(f"published {len(originals)} dead letters to {arguments.topic} again")
    return 0
