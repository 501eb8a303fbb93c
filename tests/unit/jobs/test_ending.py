"""The last word of a Job and its log lines: within the limits, of the contract's form, without secrets."""

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.redaction import SECRET_NAMES
from mm_contracts.terminations import TERMINATION_MESSAGE_LIMIT, IngestDetails, Termination, read_termination
from mm_jobs.common import env
from mm_jobs.common.ending import rfc3339, termination
from mm_jobs.common.log import Log


def test_a_last_word_is_of_the_contracts_form() -> None:
    message = termination(
        "failed",
        reason="SourceGone",
        message="it is gone",
        failed_sols={"1-3": "SourceGone"},
        sols=2,
        details={"drives": 1},
    )
    said = read_termination(message.decode(), "ingest")
    assert said is not None
    assert (said.reason, said.failed_sols, said.sols, said.details) == (
        "SourceGone",
        {"1-3": "SourceGone"},
        2,
        IngestDetails(drives=1),
    )
    assert set(json.loads(message)) <= set(Termination.model_fields)


def test_a_last_word_fits_whatever_it_has_to_say() -> None:
    sols = {str(sol): "SourceError" for sol in range(0, 4000, 2)}
    message = termination(
        "failed", reason="SourceError", message="🚀" * 9000, failed_sols=sols, details={"key": "x" * 3000}, sols=7
    )
    assert len(message) <= TERMINATION_MESSAGE_LIMIT
    said = Termination.model_validate_json(message)
    assert said.sols == 7
    assert said.message.startswith("🚀🚀🚀")


def test_secrets_are_hidden_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.StringIO()
    for name in SECRET_NAMES:
        monkeypatch.setenv(name, f"value-of-{name.lower()}")
    text = " ".join(f"value-of-{name.lower()}" for name in SECRET_NAMES) + " http://x/?sol=1&api_key=DEMO_KEY"
    Log("test", stream=lines).info("leak", url=text)
    shown = lines.getvalue() + termination("failed", message=text).decode()
    assert "value-of-" not in shown
    assert "DEMO_KEY" not in shown
    assert "sol=1" in shown


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "secret", ['say "friend"', "back\\slash\\es", "Schlüssel 🔑", 'it\'s "both" \\ and ü', "two\nlines"]
)
def test_secrets_are_hidden_whatever_is_in_them_and_however_deep_they_lie(
    monkeypatch: pytest.MonkeyPatch, secret: str, form: str
) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", secret)
    monkeypatch.setenv("LOG_FORMAT", form)
    fields = {
        "message": f"no entry with {secret}.",
        "error": repr(OSError(f"refused: {secret}")),
        "details": {"docs": f"failed: {secret}", "failed": [("a", secret)], "path": Path(secret), "n": 3},
        "failed_sols": {"1": f"said {secret}"},
    }
    lines = io.StringIO()
    Log("test", stream=lines).info("leak", **fields)
    said = termination("failed", reason="OtherError", **fields).decode()
    assert [text.count("***") for text in (lines.getvalue(), said)] == [6, 6]
    for part in ("friend", "slash", "Schl", "both", "lines"):
        assert part not in lines.getvalue() + said
    assert json.loads(said)["details"]["n"] == 3


_JOB_WITH_A_THREAD = """
import threading
from mm_jobs.common.ending import run
from mm_jobs.common.log import Log

def fall():
    raise OSError("no route to http://x/?sol=1&api_key=DEMO_KEY")

def job():
    thread = threading.Thread(target=fall, name="canceller")
    thread.start()
    thread.join()
    return {}

run(Log("load"), job)
"""


def test_a_thread_that_dies_is_told_in_a_line_without_secrets_and_ends_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"LOG_FORMAT": "json", "MM_TERMINATION_LOG": str(tmp_path / "last-word")}
    ended = subprocess.run(
        [sys.executable, "-c", _JOB_WITH_A_THREAD], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "DEMO_KEY" not in ended.stdout
    told, done = (json.loads(line) for line in ended.stdout.splitlines())
    assert (told["level"], told["message"], told["thread"]) == ("warning", "thread.crashed", "canceller")
    assert told["error"].startswith("OSError('no route to http://x/?sol=1&api_key=")
    assert done["message"] == "done"


_JOB_WITH_A_KEY = """
from mm_jobs.common.ending import run
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse

run(Log("load"), lambda: Warehouse(query_tag="test") and {})
"""


def test_a_key_that_cannot_be_used_is_a_setting_to_change_and_no_crash(tmp_path: Path) -> None:
    key, word = tmp_path / "rsa_key.p8", tmp_path / "last-word"
    key.write_text("a note of where the key is")
    environment = os.environ | {
        "SNOWFLAKE_ACCOUNT": "org-account",
        "SNOWFLAKE_USER": "MARS_JOBS",
        "SNOWFLAKE_PRIVATE_KEY_PATH": str(key),
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "open sesame",
        "MM_TERMINATION_LOG": str(word),
    }
    ended = subprocess.run(
        [sys.executable, "-c", _JOB_WITH_A_KEY], env=environment, capture_output=True, text=True, check=False
    )
    said = Termination.model_validate_json(word.read_bytes())
    assert said.cpu_seconds > 0
    assert (ended.returncode, said.reason) == (ExitCode.BAD_ARGUMENTS, Reason.CONFIG_ERROR)
    assert said.message.startswith(f"SNOWFLAKE_PRIVATE_KEY_PATH is {key}: it is no private key in PEM form")
    assert "open sesame" not in ended.stdout + ended.stderr + said.message


def test_lines_for_people_and_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.StringIO()
    log = Log("ingest", stream=lines, trace_id="t1")
    log.bind(plan="p")
    log.info("sol", rover="Curiosity", sol=3, message='he said "no"', seconds=1.23456, nothing=None)
    assert lines.getvalue().split(" ", 1)[1] == (
        'INFO    ingest sol rover=Curiosity sol=3 message="he said \\"no\\"" seconds=1.235 trace_id=t1 plan=p\n'
    )
    monkeypatch.setenv("LOG_FORMAT", "json")
    monkeypatch.setenv("LOG_LEVEL", "warning")
    machine = io.StringIO()
    log = Log("ingest", stream=machine, trace_id="t1")
    log.info("unseen")
    log.error("seen", sol=3)
    (line,) = machine.getvalue().splitlines()
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "level": "error",
        "logger": "ingest",
        "message": "seen",
        "sol": 3,
        "trace_id": "t1",
    }


def test_a_time_to_come_again_is_never_early() -> None:
    moment = datetime(2026, 1, 2, 5, 4, 5, 1, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2026-01-02T03:04:06Z"
    assert rfc3339(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00Z"


def test_settings_that_are_missing_or_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARS_X", "many")
    with pytest.raises(env.SettingsError, match="MARS_X is 'many': give a number"):
        env.number("MARS_X", 1)
    monkeypatch.delenv("MARS_X")
    assert env.number("MARS_X", 1.5) == 1.5
    with pytest.raises(env.SettingsError, match="MARS_X is not set: give a thing"):
        env.required("MARS_X", "a thing")
