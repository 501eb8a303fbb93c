"""Long text goes through the pager that is named, and straight out where nobody reads on a terminal."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from mm_cli import pager

LONG = "".join(f"line {number}\n" for number in range(40))


@pytest.fixture
def paged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pager that keeps what it is given, in the file that is returned; the terminal has 24 lines."""
    script, kept = tmp_path / "pager", tmp_path / "kept"
    script.write_text(f'#!/bin/sh\ncat > "{kept}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("MARS_PAGER", str(script))
    monkeypatch.setenv("PAGER", "no-such-pager")
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_: os.terminal_size((80, 24)))
    return kept


def _on_a_terminal(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: there, raising=False)


def test_what_is_longer_than_the_terminal_goes_through_the_pager(
    paged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _on_a_terminal(monkeypatch, True)
    pager.page(LONG)
    assert paged.read_text() == LONG
    assert capsys.readouterr().out == ""


def test_no_pager_where_it_is_not_wanted_or_not_needed_or_not_there(
    paged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _on_a_terminal(monkeypatch, False)
    pager.page(LONG)
    assert capsys.readouterr().out == LONG, "into a pipe or a file"
    _on_a_terminal(monkeypatch, True)
    pager.page(LONG, use=False)
    assert capsys.readouterr().out == LONG
    pager.page("short\n")
    assert capsys.readouterr().out == "short\n"
    monkeypatch.setenv("MARS_PAGER", "no-such-pager")
    pager.page(LONG)
    assert capsys.readouterr().out == LONG
    assert not paged.exists()
