"""The ``mm-ingest`` process itself: what it imports before its first request, how it ends, what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mm_contracts.terminations import Termination

from tests.unit.jobs.scripted_source import ScriptedSource, json_reply

HEAVY = (
    "boto3",
    "botocore",
    "pydantic",
    "requests",
    "snowflake",
    "confluent_kafka",
    "dbt",
    "yaml",
    "pyarrow",
    "asyncio",
)
MOST_MODULES = 260
"""About what urllib3, json and argparse need; every further import costs CPU in every pod."""


def test_nothing_heavy_is_imported_before_the_first_request() -> None:
    code = (
        "import json, sys, mm_jobs.ingest.main;"
        "print(json.dumps([len(sys.modules), sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, names = json.loads(answer.stdout)
    assert not set(HEAVY) & set(names)
    assert count <= MOST_MODULES


STORE = {
    "S3_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "key-id-of-the-store",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-store",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
}
"""A store that nobody serves."""


def _ingest(tmp_path: Path, *arguments: str, **env: str) -> tuple[int, Termination | None, str]:
    last_word = tmp_path / "termination"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_", "MARS_", "MM_"))}
    answer = subprocess.run(
        [sys.executable, "-m", "mm_jobs.ingest.main", *arguments],
        env=clean | {"MM_TERMINATION_LOG": str(last_word)} | STORE | env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = Termination.model_validate_json(last_word.read_bytes()) if last_word.exists() else None
    return answer.returncode, said, answer.stdout + answer.stderr


BATCH = json.dumps(
    {
        "plan": "p",
        "batch": 0,
        "attempt": 1,
        "dataset": "photos",
        "rover": "Curiosity",
        "sols": "1",
        "source": "",
        "stamp": "20260102T030405Z",
        "trace_id": "a" * 32,
    }
)


@pytest.fixture
def sources(tmp_path: Path, source: ScriptedSource) -> str:
    path = tmp_path / "sources.json"
    path.write_text(json.dumps({"default": "nasa", "sources": {"nasa": {"baseUrl": source.url}}}))
    return str(path)


def test_a_batch_that_cannot_be_read_ends_with_64(tmp_path: Path) -> None:
    code, said, _ = _ingest(tmp_path, "--batch", "{}")
    assert code == 64
    assert said is not None
    assert (said.status, said.reason) == ("failed", "BadArguments")


def test_a_missing_setting_is_told_by_name(tmp_path: Path) -> None:
    code, said, _ = _ingest(tmp_path)
    assert code == 64
    assert said is not None
    assert said.reason == "ConfigError"
    assert "MM_BATCH is not set" in said.message


def test_a_rate_limit_ends_with_75_and_a_time(tmp_path: Path, source: ScriptedSource, sources: str) -> None:
    source.on("/manifests/Curiosity", json_reply({}, 429, **{"Retry-After": "600"}))
    code, said, log = _ingest(
        tmp_path, MM_BATCH=BATCH, MARS_SOURCES_FILE=sources, SOURCE_API_KEY_NASA="secret-key-of-nasa"
    )
    assert code == 75
    assert said is not None
    assert (said.reason, said.requests) == ("RateLimited", 1)
    assert said.retry_at is not None
    assert said.retry_at.endswith("Z")
    assert "secret-key-of-nasa" not in log + said.model_dump_json()
    assert source.seen[0][2]["X-Api-Key"] == "secret-key-of-nasa"


def test_an_object_store_that_does_not_answer_ends_with_74(
    tmp_path: Path, source: ScriptedSource, sources: str
) -> None:
    manifest = {"name": "Curiosity", "max_sol": 1, "photos": []}
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": manifest}))
    code, said, _ = _ingest(
        tmp_path,
        MM_BATCH=BATCH,
        MARS_SOURCES_FILE=sources,
    )
    assert code == 74
    assert said is not None
    assert said.reason == "StorageError"
    assert "S3_ENDPOINT_URL" in said.message


def test_help_names_every_setting(tmp_path: Path) -> None:
    code, _, text = _ingest(tmp_path, "--help")
    assert code == 0
    for name in (
        "MM_BATCH",
        "MARS_SOURCES_FILE",
        "MARS_GATE_URL",
        "SOURCE_API_KEY_<NAME>",
        "HTTPS_PROXY",
        "SSL_CERT_FILE",
        "S3_ENDPOINT_URL",
        "exit codes",
    ):
        assert name in text
