"""The command line without servers: what it publishes, how it words its answers, and how it ends."""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from mm_cli import main, schedule, status, trace
from mm_cli.errors import CliError
from mm_cli.tables import table
from mm_contracts.letters import Letter, Message, note, original, selected
from mm_contracts.letters import letters as letters_of
from mm_contracts.messages import parse_schedule
from mm_contracts.sources import Sources
from mm_contracts.topics import TOPICS
from mm_hack import snapshot

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _commands(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command that does something, as its words."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield words
    for action in below:
        for name, command in action.choices.items():
            yield from _commands(command, (*words, name))


COMMANDS = sorted(_commands(main.build_parser()))


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("KAFKA_", "SNOWFLAKE_", "MARS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MARS_KUBECTL", "/no/kubectl")


@pytest.mark.parametrize(
    ("dataset", "rovers", "sols", "tasks"),
    [
        ("photos", ["curiosity"], "0-1,7", [("Curiosity", 0), ("Curiosity", 1), ("Curiosity", 7)]),
        ("manifests", [], "", [(name, None) for name in ("Perseverance", "Curiosity", "Opportunity", "Spirit")]),
        ("coordinates", [], "", [("Perseverance", None), ("Curiosity", None)]),
        ("manifests", ["SPIRIT"], "", [("Spirit", None)]),
    ],
)
def test_a_request_becomes_a_message_that_the_operator_takes(
    dataset: str, rovers: list[str], sols: str, tasks: list[tuple[str, int | None]]
) -> None:
    ((name, value),) = schedule.messages_of(dataset, schedule.tasks_of(dataset, rovers, sols), "", "nasa", NOW)
    parsed = parse_schedule(value)
    assert [(task.rover_name, task.sol) for task in parsed.tasks] == tasks
    assert (parsed.dataset, parsed.schedule_id, parsed.source) == (dataset, name, "nasa")
    assert parsed.rejected == ()


def test_a_given_id_is_kept_and_a_made_one_differs_with_time() -> None:
    tasks = schedule.tasks_of("photos", ["Spirit"], "1")
    assert schedule.messages_of("photos", tasks, "mine", "", NOW)[0][0] == "mine"
    made = {schedule.messages_of("photos", tasks, "", "", moment)[0][0] for moment in (NOW, NOW.replace(second=6))}
    assert len(made) == 2


def test_very_many_tasks_become_several_messages() -> None:
    tasks = schedule.tasks_of("photos", ["Curiosity"], "0-12000")
    messages = schedule.messages_of("photos", tasks, "all", "", NOW)
    assert [name for name, _ in messages] == ["all-1", "all-2", "all-3"]
    assert sum(len(parse_schedule(value).tasks) for _, value in messages) == 12_001


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["schedule"], "photos need sols"),
        (["schedule", "--sols", "5-1"], "runs backwards"),
        (["schedule", "--rover", "Zhurong", "--sols", "1"], "unknown rover 'Zhurong'"),
        (["schedule", "--dataset", "manifests", "--sols", "1"], "leave out --sols"),
        (["schedule", "--dataset", "coordinates", "--rover", "Spirit"], "no coordinates of Spirit"),
        (["dlq", "list", "nothing"], "unknown topic 'nothing'"),
        (["replay", "nothing"], "unknown topic 'nothing'"),
        (["sql", "-f", "/does/not/exist"], "cannot read /does/not/exist"),
        (["sql", "-f", "/tmp"], "cannot read /tmp"),
        (["sql", " ; "], "the statement is empty"),
        (["sql", ""], "the statement is empty"),
        (["sql", "-- only a word\n;"], "the statement is empty"),
        (["sql", "select 1; select 2", "-o", "two.csv"], "takes the rows of one statement, and there are 2"),
        (["sql", "select 1", "-o", "file.xls"], "ends in .csv"),
        (["sql", "select 1", "-o", "parquet"], "name a file"),
        (["questions", "newest-pictures", "--where", "sol"], "'sol' is no condition"),
        (["trace", "mars"], "neither rover/sol"),
        (["trace", "curiosity/1-2"], "not a rover and one sol"),
        (["trace", "zhurong/1"], "unknown rover"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 64
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["schedule", "--dataset", "videos"], ["sql"]])
def test_wrong_options_end_with_the_same_code(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 64
    assert "usage: mars" in capsys.readouterr().err


def test_a_server_that_is_away_is_told_by_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert main.run(["schedule", "--sols", "1", "--timeout", "1"]) == 69
    assert main.run(["dlq", TOPICS[0], "--timeout", "0.5"]) == 69  # short for dlq list
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all("127.0.0.1:1" in line for line in told)


def test_every_command_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert main.run([*command, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"mars {' '.join(command)}" in text.partition("example")[2]


def test_help_imports_no_client() -> None:
    code = (
        "import sys, json; from mm_cli.main import build_parser; build_parser().format_help();"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"snowflake", "confluent_kafka", "boto3", "pydantic", "sqlglot", "pyarrow", "PIL"} & set(
        json.loads(answer.stdout)
    )


def _letter(offset: int, when: int, reason: str = "NotJson", topic: bytes = b"minio-events") -> Message:
    headers = {
        "dlq-topic": topic,
        "dlq-partition": b"2",
        "dlq-offset": str(offset).encode(),
        "dlq-reason": reason.encode(),
        "dlq-message": b"no json",
        "traceparent": b"00-x",
    }
    return Message("minio-events.dlq", 0, offset, b"key", b"\xffvalue", headers, when)


def test_a_replayed_letter_is_the_message_as_it_was() -> None:
    topic, key, value, headers = original(Letter(_letter(7, 1)), "minio-events")
    assert (topic, key, value, headers) == ("minio-events", b"key", b"\xffvalue", {"traceparent": b"00-x"})


def test_the_newest_letters_oldest_first() -> None:
    found = letters_of([_letter(1, 30), _letter(2, 10), _letter(3, 20, reason="BadMessage")])
    assert [letter.message.offset for letter in selected(found, 0)] == [2, 3, 1]
    assert [letter.message.offset for letter in selected(found, 2)] == [3, 1]
    assert [letter.message.offset for letter in selected(found, 0, "BadMessage")] == [3]


class Topic:
    """A dead-letter topic that takes what is published to it, and keeps what goes elsewhere."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.sent: list[Any] = []

    def read(self, _topic: str, _timeout: float) -> Any:
        return iter(list(self.messages))

    def publish(self, messages: Any, _timeout: float) -> None:
        for topic, key, value, headers in messages:
            if topic.endswith(".dlq"):
                at = 100 + len(self.messages)
                self.messages.append(Message(topic, 1, at, key, value, headers, at))
            else:
                self.sent.append((topic, value))


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """Two dead letters of minio-events."""
    topic = Topic(_letter(1, 1), _letter(2, 2))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr("mm_cli.kafka_session.read_all", topic.read)
    monkeypatch.setattr("mm_cli.kafka_session.publish", topic.publish)
    return topic


def test_a_shortened_letter_stays_where_it_is(dead: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    dead.messages[0].headers["dlq-size"] = b"9000000"
    assert main.run(["replay", "minio-events"]) == 0
    assert len(dead.sent) == 1
    said = capsys.readouterr().out
    assert "left out 1 shortened letter: `mars dlq list minio-events --json` says where" in said
    assert "published 1 dead letter to minio-events again" in said


def test_a_letter_is_replayed_once_whichever_were_chosen_before(
    dead: Topic, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["replay", "minio-events", "--dry-run"]) == 0
    assert dead.sent == []
    assert "2 dead letters of minio-events; nothing was published" in capsys.readouterr().out
    assert main.run(["replay", "minio-events", "--limit", "1"]) == 0
    assert dead.sent == [("minio-events", b"\xffvalue")]
    assert main.run(["replay", "minio-events"]) == 0
    assert main.run(["replay", "minio-events"]) == 0
    assert len(dead.sent) == 2
    capsys.readouterr()
    assert main.run(["dlq", "minio-events", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["offset"], line["reason"], line["partition"], line["done"]) for line in lines] == [
        ("1", "NotJson", "2", "replayed"),
        ("2", "NotJson", "2", "replayed"),
    ]
    assert main.run(["replay", "minio-events", "--again"]) == 0
    assert len(dead.sent) == 4


def test_a_dropped_letter_is_neither_listed_nor_replayed(dead: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["drop", "minio-events", "--reason", "NotJson", "--limit", "1"]) == 0
    assert "dropped 1 dead letter of minio-events" in capsys.readouterr().out
    assert main.run(["replay", "minio-events"]) == 0
    assert len(dead.sent) == 1
    capsys.readouterr()
    for words, count in ((["dlq", "minio-events", "--json"], 1), (["dlq", "minio-events", "--json", "--all"], 2)):
        assert main.run(words) == 0
        assert len(capsys.readouterr().out.splitlines()) == count
        assert main.run([*words[:2], *words[3:], "-o", "json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == count


@pytest.mark.usefixtures("dead")
def test_one_letter_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["dlq", "show", "minio-events", "2/1"]) == 0
    said = capsys.readouterr().out
    for part in ("NotJson", "no json", "nothing yet", "traceparent   00-x", "\ufffdvalue"):
        assert part in said
    assert main.run(["dlq", "drop", "minio-events", "--limit", "1"]) == 0
    capsys.readouterr()
    assert main.run(["dlq", "show", "minio-events", "2/2", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == "dropped"
    assert main.run(["dlq", "show", "minio-events", "2/9"]) == 1
    assert "--all` tells which" in capsys.readouterr().err


def test_what_was_done_last_counts_and_a_note_is_no_letter() -> None:
    first = Letter(_letter(7, 5))
    notes = []
    for at, done in ((20, "dropped"), (30, "replayed"), (10, "dropped")):
        topic, key, value, headers = note(first, "minio-events", done, "Ada")  # type: ignore[arg-type]
        notes.append(Message(topic, 2, at, key, value, headers, at))
    (found,) = letters_of([*notes, first.message])
    assert (found.done, found.by, found.at_ms) == ("replayed", "Ada", 30)


def test_a_table() -> None:
    text = table(("NAME", "N", "AT"), [("a", 12345, NOW), ("long name", None, None)])
    assert text.splitlines() == [
        "NAME           N  AT",
        "---------  -----  -------------------",
        "a          12345  2026-01-02 03:04:05",
        "long name",
    ]
    assert table(("A",), []).splitlines() == ["A", "-"]


def _rover(name: str, **changes: int) -> dict[str, Any]:
    numbers = {column.lower(): 2 for column in status.COLUMNS if column != "ROVER_NAME"}
    return {"rover_name": name, **numbers, "gaps": 0, "gaps_due": 0, "gaps_waiting": 0, **changes}


def test_complete_means_no_gap_and_every_promised_photo() -> None:
    assert status.complete([_rover("Spirit"), _rover("Curiosity")])
    assert not status.complete([_rover("Spirit", gaps=1)])
    assert not status.complete([_rover("Spirit", photos_archived=1)])
    assert not status.complete([])
    assert status.totals([_rover("Spirit"), _rover("Curiosity", gaps=3)])["gaps"] == 3


def test_a_schedule_is_told_as_one_document(dead: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["schedule", "--rover", "spirit", "--sols", "1-3", "--schedule-id", "mine", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert re.fullmatch("[0-9a-f]{32}", told.pop("trace_id"))
    assert told == {"dataset": "photos", "rovers": ["Spirit"], "sols": "1-3", "schedules": ["mine"]}
    assert len(dead.sent) == 1


class _Summaries:
    """A warehouse that has the rows of GOLD.ROVER_SUMMARY and nothing else; Spirit's drives are told by no layer."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if "INFORMATION_SCHEMA" in query:
            return [(1,)]
        if "ROVER_SUMMARY" not in query:
            return []
        return [("Perseverance", 5, 5, 50, 50, 0, 0, 0, 1234), ("Spirit", 3, 3, 30, 30, 0, 0, 0, None)]


def test_drives_that_no_layer_tells_are_unknown_and_not_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mm_cli.reach.warehouse", lambda _: contextlib.nullcontext(_Summaries()))
    assert main.run(["status", "-o", "json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["drives"] for entry in entries] == [1234, None, 1234]
    assert main.run(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[2:5]] == ["1,234", "unknown", "1,234"]
    assert status.totals([entries[1]])["drives"] is None
    rovers = tuple(snapshot.rover_archive(entry) for entry in entries[:-1])
    closing = snapshot.closing_table(snapshot.Snapshot(rovers=rovers)).splitlines()
    assert [closing[at].split()[-1] for at in (2, 3, -1)] == ["1,234", "unknown", "1,234"]


def test_what_can_be_traced() -> None:
    assert trace.parse_subject("CURIOSITY/0012") == ("Curiosity", 12)
    assert trace.parse_subject("A" * 32) == "a" * 32
    with pytest.raises(CliError):
        trace.parse_subject("a" * 31)


def test_manifests_are_asked_of_every_source_of_a_rover() -> None:
    raw = {"kind": "msl-raw", "baseUrl": "http://raw.example"}
    configured = {"default": "mirror", "sources": {"mirror": {"baseUrl": "http://mirror.example"}, "raw": raw}}
    sources = Sources.model_validate(configured | {"rovers": {"Curiosity": ["raw", "mirror"]}})
    tasks = schedule.tasks_of("manifests", [], "")
    found = schedule.by_source("manifests", tasks, "", sources)
    names = {source: [task["rover_name"] for task in part] for source, part in found.items()}
    assert names == {
        "": ["Perseverance", "Opportunity", "Spirit"],  # they have one source: the operator picks it
        "raw": ["Curiosity"],
        "mirror": ["Curiosity"],
    }
    assert schedule.by_source("manifests", tasks, "raw", sources) == {"raw": tasks}
    assert schedule.by_source("coordinates", tasks, "", sources) == schedule.by_source("manifests", tasks, "", None)
    ids = {schedule.messages_of("manifests", part, "", source, NOW)[0][0] for source, part in found.items()}
    assert len(ids) == 3


def test_a_schedule_of_images_says_which_and_within_what_budget() -> None:
    parsed = main.build_parser().parse_args(
        [
            "schedule",
            "--dataset",
            "images",
            "--rover",
            "spirit",
            "--camera",
            "PANCAM",
            "--newest",
            "3",
            "--max-bytes",
            "1000",
        ]
    )
    said = schedule.images_of(parsed)
    ((_, value),) = schedule.messages_of("images", schedule.tasks_of("images", ["spirit"], ""), "", "", NOW, said)
    found = parse_schedule(value)
    assert [(task.rover_name, task.sol) for task in found.tasks] == [("Spirit", None)]
    assert (found.images.cameras, found.images.newest, found.images.max_bytes) == (["PANCAM"], 3, 1000)
    assert [task["sol"] for task in schedule.tasks_of("images", ["spirit"], "4-5")] == [4, 5]
    for words, said_of in ((["--size", "huge"], "size"), (["--newest", "0"], "newest")):
        with pytest.raises(CliError, match=said_of):
            schedule.images_of(main.build_parser().parse_args(["schedule", "--dataset", "images", *words]))
    with pytest.raises(CliError, match="cameras say which images are wanted"):
        schedule.images_of(main.build_parser().parse_args(["schedule", "--camera", "PANCAM"]))


def test_a_timelapse_is_a_schedule_of_one_camera(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[Any] = []
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "nowhere:9092")
    monkeypatch.setattr("mm_cli.kafka_session.publish", lambda messages, _: sent.extend(messages))
    assert main.run(["timelapse", "curiosity", "NAVCAM", "--sols", "7-9", "--frames-per-second", "8"]) == 0
    found = parse_schedule(sent[0][2])
    assert (found.dataset, [task.sol for task in found.tasks]) == ("timelapse", [7, 8, 9])
    assert (found.images.cameras, found.images.frames_per_second) == (["NAVCAM"], 8)
    assert "NAVCAM over 3 sols" in capsys.readouterr().out
    assert main.run(["timelapse", "curiosity", "NAVCAM", "--sols", "7", "--frames-per-second", "fast"]) == 64
    assert main.run(["timelapse", "moon", "NAVCAM", "--sols", "7"]) == 64
