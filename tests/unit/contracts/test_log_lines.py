"""One form of log line for every process, and nothing secret in any."""

import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mm_contracts.log_lines import Lines, line_of

MOMENT = datetime(2026, 11, 28, 4, 5, 6, 789000, UTC)
SERVERS = {
    "mm_simulator.main": {"SIM_PROFILE": "tiny", "SIM_HOST": "127.0.0.1", "SIM_PORT": "{port}"},
    "mm_warehouse.main": {
        "WAREHOUSE_DIR": "{folder}",
        "WAREHOUSE_HOST": "127.0.0.1",
        "WAREHOUSE_PORT": "{port}",
        "WAREHOUSE_USER": "mars",
        "WAREHOUSE_PASSWORD": "a long secret",
    },
}


def test_a_line_has_its_fields_beside_the_head_and_never_in_its_place() -> None:
    fields = {"plan": "p", "message": "why", "level": "of the field", "seconds": 1.5, "nothing": None}
    line = json.loads(line_of(MOMENT, "WARNING", "load", "retry", fields, text=False))
    assert line == {
        "time": "2026-11-28T04:05:06.789Z",
        "level": "warning",
        "logger": "load",
        "message": "retry",
        "plan": "p",
        "detail": "why",
        "seconds": 1.5,
        "nothing": None,
    }
    text = line_of(MOMENT, "WARNING", "load", "retry", fields, text=True)
    assert text == ('2026-11-28T04:05:06.789Z WARNING load retry plan=p message=why level="of the field" seconds=1.500')


@pytest.mark.parametrize("text", [True, False])
def test_records_of_libraries_are_lines_too_and_hide_secrets(monkeypatch: pytest.MonkeyPatch, text: bool) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", 'say "friend"')
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Lines(text=text))
    log = logging.Logger("library")
    log.addHandler(handler)
    try:
        raise OSError('refused: say "friend"')
    except OSError:
        extra = {"trace_id": "t1", "why": "password: hunter22"}
        log.exception("login with %s, token=abc, http://u:p@proxy/", 'say "friend"', extra=extra)
    said = out.getvalue()
    assert "t1" in said
    assert "refused: ***" in said
    for secret in ("friend", "abc", "u:p", "hunter22"):
        assert secret not in said
    if not text:
        assert json.loads(said)["trace_id"] == "t1"


@pytest.mark.parametrize("module", SERVERS)
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_server_s_own_lines_and_its_libraries_have_the_form_asked_for(module: str, form: str, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {name: value.format(port=port, folder=tmp_path) for name, value in SERVERS[module].items()}
    environment = {**os.environ, "LOG_FORMAT": form, "LOG_LEVEL": "INFO", **settings}
    said = tmp_path / "said"
    with said.open("w") as out:
        server = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 120
        while "startup complete" not in said.read_text():
            assert server.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    lines = said.read_text().splitlines()
    assert lines
    for line in lines:
        if form == "json":
            assert {"time", "level", "logger", "message"} <= json.loads(line).keys()
        else:
            assert datetime.fromisoformat(line.split(" ", 1)[0]).tzinfo is not None
