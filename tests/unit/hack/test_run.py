"""Failures of other programs are told in full, and times and sizes are written for people."""

import io
import sys
from pathlib import Path

import pytest
from mm_hack import run
from mm_hack.progress import Progress, amount, clock, span


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_failure_names_its_log_and_shows_the_last_lines() -> None:
    code = "print('\\n'.join(f'line {n}' for n in range(100))); raise SystemExit(3)"
    with pytest.raises(run.CommandFailed) as caught:
        run.run(_python(code), log="some-build")
    text = str(caught.value)
    assert caught.value.code == 3
    assert "some-build.log" in text
    assert "line 99" in text
    assert "line 50" not in text


def test_a_log_keeps_earlier_runs_and_a_failure_shows_its_own_only() -> None:
    run.run(_python("print('first run')"), log="twice")
    with pytest.raises(run.CommandFailed) as caught:
        run.run(_python("raise SystemExit('second run')"), log="twice")
    assert "first run" not in str(caught.value)
    log = run.logs_root() / "twice.log"
    assert "first run" in log.read_text()
    assert "second run" in log.read_text()


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(run.SetupError, match="no program `no-such-program-here`"):
        run.output(["no-such-program-here"])
    assert run.attempt(["no-such-program-here"]) is None


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(run.CommandFailed, match="did not end"):
        run.output(_python("import sys; sys.stdin.read()\nwhile True: pass"), timeout=0.5)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (12.3, "12 s"), (150, "2 min 30 s"), (361, "6 min"), (1500, "25 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (44e6, "44 MB"), (3.6e9, "3.6 GB"), (5.4e12, "5400.0 GB")])
def test_sizes(size: float, text: str) -> None:
    assert amount(size) == text


def test_the_clock_counts_minutes() -> None:
    assert clock(247.9) == "4:07"


def test_long_steps_say_so_first_and_failed_ones_say_so_last() -> None:
    out = io.StringIO()
    progress = Progress(out)
    with progress.step("short") as step:
        step.note = "fine"
    with pytest.raises(ValueError, match="x"), progress.step("long", about=120):
        raise ValueError("x")
    lines = [line.split(maxsplit=1)[1] for line in out.getvalue().splitlines()]
    assert lines[0].startswith("✓ short: fine")
    assert lines[1] == "→ long (about 2 min)"
    assert lines[2].startswith("✗ long")
