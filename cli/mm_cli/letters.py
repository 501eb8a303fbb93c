"""``mars dlq``: messages that could not be understood, and what becomes of them."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from mm_contracts.topics import DLQ_MESSAGE, DLQ_OFFSET, DLQ_PARTITION, DLQ_REASON, DLQ_TOPIC, TOPICS, dead_letter_topic

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import add_place
from mm_cli.reach import in_the_operator
from mm_cli.tables import table
from mm_cli.values import iso

if TYPE_CHECKING:
    from mm_contracts.letters import Letter, Message

_BY = "the command line"


def with_verb(words: Sequence[str]) -> list[str]:
    """Return a command line with ``dlq TOPIC`` written out as ``dlq list TOPIC``."""
    if words[:1] == ["dlq"] and len(words) > 1 and words[1] in TOPICS:
        return ["dlq", "list", *words[1:]]
    return list(words)


def add_parser(commands: Any) -> None:
    """Add ``dlq`` with its verbs, and ``replay`` and ``drop`` as other names of two of them."""
    whole = commands.add_parser(
        "dlq",
        help="messages that could not be understood: list, show, replay, drop",
        description="Dead letters: messages of a topic that could not be understood, each with its reason.",
        epilog="""examples:
  mars dlq list
  mars dlq show ingestion-scheduling 0/17
  mars dlq replay minio-events --dry-run
  mars dlq drop minio-events --reason NotJson""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_list(verbs)
    _add_show(verbs)
    for parent, start in ((verbs, "mars dlq"), (commands, "mars")):
        _add_replay(parent, start)
        _add_drop(parent, start)


def _add_list(verbs: Any) -> None:
    parser = verbs.add_parser(
        "list",
        help="list them",
        description="List the messages of a topic, or of all, that could not be understood, each with its reason, and "
        "what was done about it. Dropped ones are left out.",
        epilog="example: mars dlq list ingestion-scheduling -o json",
    )
    parser.add_argument("topic", nargs="?", default="", help=f"one of {', '.join(TOPICS)} (default: all)")
    _common(parser)
    parser.add_argument("--all", action="store_true", help="also those that were dropped")
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "jsonl"),
        default="table",
        help="json: a JSON list, with the original values; jsonl: one JSON object per line",
    )
    parser.add_argument("--json", action="store_const", const="jsonl", dest="output", help="the same as -o jsonl")
    parser.set_defaults(func=listing)


def _add_show(verbs: Any) -> None:
    parser = verbs.add_parser(
        "show",
        help="show one whole",
        description="Print one dead letter: why it is one, its headers, and the message as it came.",
        epilog="example: mars dlq show ingestion-scheduling 0/17",
    )
    parser.add_argument("topic", help=f"one of {', '.join(TOPICS)}")
    parser.add_argument("place", metavar="PARTITION/OFFSET", help="where the message was, as `mars dlq list` tells")
    _common(parser)
    add_format(parser, "as a JSON object")
    parser.set_defaults(func=show)


def _add_replay(commands: Any, start: str) -> None:
    parser = commands.add_parser(
        "replay",
        help="put the dead letters of a topic back into it",
        description="Publish dead letters to their topic again, as they were. What was replayed or dropped before is "
        "left out, unless --again is given. They stay in the dead-letter topic. Shortened letters, which say where "
        "the whole message is, are left out.",
        epilog=f"example: {start} replay minio-events --limit 10 --dry-run",
    )
    parser.add_argument("topic", help=f"one of {', '.join(TOPICS)}")
    _common(parser)
    _choice(parser)
    parser.add_argument("--again", action="store_true", help="also those that were replayed or dropped before")
    parser.set_defaults(func=replay)


def _add_drop(commands: Any, start: str) -> None:
    parser = commands.add_parser(
        "drop",
        help="let the dead letters of a topic rest",
        description="Note that nothing is to be done about dead letters: lists and replays leave them out from then "
        "on. They stay in the dead-letter topic until its retention ends.",
        epilog=f"example: {start} drop minio-events --reason NotJson",
    )
    parser.add_argument("topic", help=f"one of {', '.join(TOPICS)}")
    _common(parser)
    _choice(parser)
    parser.set_defaults(func=drop)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the newest N only (default: all)")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="wait for Kafka (default: 30)")
    add_place(parser)


def _choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", help="only those with this reason")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _checked(topic: str) -> str:
    if topic not in TOPICS:
        raise CliError(f"unknown topic {topic!r}: use one of {', '.join(TOPICS)}", USAGE)
    return topic


def _letters(topic: str, timeout: float) -> "list[Letter]":
    from mm_contracts.letters import letters

    from mm_cli.kafka_session import names, read_all

    return letters(read_all(dead_letter_topic(names().topic(topic)), timeout))


def listing(arguments: argparse.Namespace) -> int:
    """List dead letters."""
    topics = [_checked(arguments.topic)] if arguments.topic else list(TOPICS)
    if (code := in_the_operator(arguments)) is not None:
        return code
    from mm_contracts.letters import selected

    found = [
        (topic, letter)
        for topic in topics
        for letter in selected(
            [one for one in _letters(topic, arguments.timeout) if arguments.all or one.done != "dropped"],
            arguments.limit,
        )
    ]
    if arguments.output == "json":
        print(json.dumps([_as_json(topic, letter) for topic, letter in found], indent=2, ensure_ascii=False))
        return 0
    if arguments.output == "jsonl":
        for topic, letter in found:
            print(json.dumps(_as_json(topic, letter), ensure_ascii=False))
        return 0
    if not found:
        print(f"no dead letters of {', '.join(topics)}")
        return 0
    rows = [
        (
            _time(letter.message),
            topic,
            _place(letter.message),
            letter.message.text(DLQ_REASON),
            letter.message.text(DLQ_MESSAGE)[:90],
            _text(letter.message.value)[:40],
            letter.done,
        )
        for topic, letter in found
    ]
    print(table(("WHEN (UTC)", "TOPIC", "OFFSET", "REASON", "WHY", "VALUE", "DONE"), rows))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print one letter whole."""
    topic = _checked(arguments.topic)
    if (code := in_the_operator(arguments)) is not None:
        return code
    found = [one for one in _letters(topic, arguments.timeout) if _place(one.message) == arguments.place]
    if not found:
        raise CliError(
            f"no dead letter of {topic} was at {arguments.place}: `mars dlq list {topic} --all` tells which are there",
            NOT_FOUND,
        )
    letter, message = found[-1], found[-1].message
    if arguments.output == "json":
        print(json.dumps(_as_json(topic, letter), ensure_ascii=False))
        return 0
    told = {
        "when (UTC)": _time(message).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00"),
        "reason": message.text(DLQ_REASON),
        "why": message.text(DLQ_MESSAGE),
        "done": f"{letter.done} by {letter.by}" if letter.done else "nothing yet",
        "key": _text(message.key),
        **{name: _text(value) for name, value in message.headers.items() if not name.startswith("dlq-")},
    }
    for name, value in told.items():
        print(f"{name:<12}  {value}".rstrip())
    print(f"\n{_text(message.value)}")
    return 0


def _time(message: "Message") -> datetime:
    return datetime.fromtimestamp(message.timestamp_ms / 1000, UTC)


def _place(message: "Message") -> str:
    return f"{message.text(DLQ_PARTITION)}/{message.text(DLQ_OFFSET)}"


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _as_json(topic: str, letter: "Letter") -> dict[str, Any]:
    message = letter.message
    return {
        "time": iso(_time(message)),
        "topic": message.text(DLQ_TOPIC) or topic,
        "partition": message.text(DLQ_PARTITION),
        "offset": message.text(DLQ_OFFSET),
        "reason": message.text(DLQ_REASON),
        "message": message.text(DLQ_MESSAGE),
        "done": letter.done,
        "by": letter.by,
        "value": None if message.value is None else _text(message.value),
    }


def _chosen(arguments: argparse.Namespace, again: bool) -> "list[Letter]":
    from mm_contracts.letters import selected

    every = _letters(arguments.topic, arguments.timeout)
    return selected([one for one in every if again or not one.done], arguments.limit, arguments.reason)


def _number(letters: "Sequence[object]") -> str:
    return "1 dead letter" if len(letters) == 1 else f"{len(letters)} dead letters"


def replay(arguments: argparse.Namespace) -> int:
    """Publish dead letters to their topic again."""
    _checked(arguments.topic)
    if (code := in_the_operator(arguments)) is not None:
        return code
    from mm_contracts.letters import note, original

    from mm_cli.kafka_session import names, publish

    found = _chosen(arguments, arguments.again)
    topic = names().topic(arguments.topic)
    whole = [letter for letter in found if not letter.is_shortened]
    originals = [original(letter, topic) for letter in whole]
    if left_out := len(found) - len(originals):
        what = "1 shortened letter" if left_out == 1 else f"{left_out} shortened letters"
        print(f"left out {what}: `mars dlq list {arguments.topic} --json` says where the whole messages are")
    if arguments.dry_run:
        for name, _key, value, _headers in islice(originals, 50):
            print(f"would publish to {name}: {_text(value)[:120]}")
        print(f"{_number(originals)} of {arguments.topic}; nothing was published")
        return 0
    publish(originals, arguments.timeout)
    publish([note(letter, topic, "replayed", _BY) for letter in whole], arguments.timeout)
    print(f"published {_number(originals)} to {arguments.topic} again")
    return 0


def drop(arguments: argparse.Namespace) -> int:
    """Note that nothing is to be done about dead letters."""
    _checked(arguments.topic)
    if (code := in_the_operator(arguments)) is not None:
        return code
    from mm_contracts.letters import note

    from mm_cli.kafka_session import names, publish

    found = _chosen(arguments, again=False)
    if arguments.dry_run:
        print(f"{_number(found)} of {arguments.topic} would be dropped; nothing was noted")
        return 0
    publish([note(letter, names().topic(arguments.topic), "dropped", _BY) for letter in found], arguments.timeout)
    print(f"dropped {_number(found)} of {arguments.topic}")
    return 0
