"""The self-test: what it waits for, and what it says where that does not come."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from mm_cli import kafka_session, selftest, warehouse_session
from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.main import run
from mm_contracts.messages import parse_schedule

KEY = "photos/spirit/mars_rover_photos_batch_sol_1_to_1_20260101T000000Z-a.json"


class Loop:
    """A warehouse that shows each step of the loop one look after the other, once a schedule was published."""

    def __init__(self, *, stops_before: str = "") -> None:
        self.published: list[tuple[Any, ...]] = []
        self.stops_before = stops_before
        self.looks: list[str] = []

    def publish(self, messages: Any, _timeout: float) -> None:
        self.published += messages

    def rows(self, sql: str, _binds: Any = ()) -> list[tuple[Any, ...]]:
        step = next(name for name in ("SOL_PROMISES", "SOL_OUTCOMES", "PHOTO_COUNTS", "OBJECT_KEY") if name in sql)
        self.looks.append(step)
        if step == "SOL_PROMISES":
            if len(self.looks) < 3:
                raise CliError("the warehouse refused: no such table", USAGE)
            return [("Spirit", 1)]
        if not self.published or step == self.stops_before:
            return [(0,)] if step == "PHOTO_COUNTS" else [("photos/older.json",)]
        return [(7,)] if step == "PHOTO_COUNTS" else [("photos/older.json",), (KEY,)]


def _use(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def session(_timeout: float) -> Iterator[Loop]:
        yield loop

    monkeypatch.setattr(warehouse_session, "session", session)
    monkeypatch.setattr(kafka_session, "publish", loop.publish)
    now = iter(range(0, 100_000, 3))
    monkeypatch.setattr(selftest.time, "monotonic", lambda: float(next(now)))
    monkeypatch.setattr(selftest.time, "sleep", lambda _seconds: None)


def test_a_sol_goes_the_whole_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    loop = Loop()
    _use(loop, monkeypatch)
    assert run(["selftest"]) == 0
    ((topic, _, value, headers),) = loop.published
    assert topic == "ingestion-scheduling"
    assert "traceparent" in headers
    (task,) = parse_schedule(value).tasks
    assert (task.rover_name, task.sol) == ("Spirit", 1)
    assert "gold has 7 photos of Spirit's sol 1: the loop works" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("OBJECT_KEY", "a new object of it in bronze"),
        ("SOL_OUTCOMES", "its outcome in silver"),
        ("PHOTO_COUNTS", "its photos in gold"),
    ],
)
def test_what_does_not_come_is_named(
    step: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _use(Loop(stops_before=step), monkeypatch)
    assert run(["selftest", "--rover", "Spirit", "--sols", "1"]) == NOT_FOUND
    assert f"{said} did not come in time" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--rover", "Spirit"], ["--rover", "Spirit", "--sols", "1-3"]])
def test_one_whole_sol_is_wanted(wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _use(Loop(), monkeypatch)
    assert run(["selftest", *wrong]) == USAGE
