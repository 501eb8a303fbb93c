"""Settings: defaults, refusals with a sentence, and no password in any of them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from mm_warehouse.settings import Settings, SettingsError, read_settings, size_bytes

ACCOUNT = {"WAREHOUSE_USER": "mars", "WAREHOUSE_PASSWORD": "secret-word"}


def test_defaults() -> None:
    settings = read_settings(ACCOUNT)
    assert (settings.directory, settings.port, settings.database) == (Path("/data"), 8080, "MARS")
    assert settings.schemas == ("BRONZE", "SILVER", "GOLD")


def test_everything_can_be_set() -> None:
    settings = read_settings(
        {
            **ACCOUNT,
            "WAREHOUSE_DIR": "/x",
            "WAREHOUSE_HOST": "127.0.0.1",
            "WAREHOUSE_PORT": "0",
            "WAREHOUSE_DATABASE": "venus",
            "WAREHOUSE_SCHEMAS": "a, b",
            "WAREHOUSE_MEMORY_LIMIT": "800MB",
            "WAREHOUSE_THREADS": "4",
            "WAREHOUSE_SPILL_LIMIT": "1GB",
            "WAREHOUSE_CHECKPOINT_SIZE": "64MB",
            "WAREHOUSE_RESULT_LIMIT": "1GB",
            "WAREHOUSE_STATEMENT_WAIT": "1.5",
            "WAREHOUSE_LOCK_TIMEOUT": "2",
            "WAREHOUSE_IDLE_TRANSACTION": "3",
            "WAREHOUSE_IDLE_SESSION": "4",
        }
    )
    assert settings == Settings(
        user="mars",
        password="secret-word",
        directory=Path("/x"),
        host="127.0.0.1",
        port=0,
        database="VENUS",
        schemas=("A", "B"),
        memory_limit="800MB",
        threads=4,
        spill_limit="1GB",
        checkpoint_size="64MB",
        result_limit="1GB",
        statement_wait=1.5,
        lock_timeout=2,
        idle_transaction=3,
        idle_session=4,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAREHOUSE_USER", ""),
        ("WAREHOUSE_PASSWORD", ""),
        ("WAREHOUSE_PORT", "http"),
        ("WAREHOUSE_PORT", "70000"),
        ("WAREHOUSE_THREADS", "0"),
        ("WAREHOUSE_MEMORY_LIMIT", "much"),
        ("WAREHOUSE_DATABASE", 'a"; drop'),
        ("WAREHOUSE_SCHEMAS", "a,,b"),
        ("WAREHOUSE_LOCK_TIMEOUT", "-1"),
        ("WAREHOUSE_IDLE_SESSION", "soon"),
    ],
)
def test_refusal_names_the_variable_and_never_the_password(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refusal:
        read_settings({**ACCOUNT, name: value})
    assert "secret-word" not in str(refusal.value)


def test_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    from mm_warehouse.main import main

    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    documented = set(re.findall(r"(WAREHOUSE_\w+): ", Path(read_settings.__code__.co_filename).read_text()))
    assert len(documented) == len(dataclasses.fields(Settings))
    assert [name for name in documented if name not in shown] == []


def test_bad_setting_ends_with_its_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mm_warehouse.main import main

    monkeypatch.delenv("WAREHOUSE_USER", raising=False)
    assert main([]) == 64
    assert "WAREHOUSE_USER is not set" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "size"), [("1KB", 1024), ("1.5 MiB", 1_572_864), ("2GB", 2 << 30)])
def test_sizes(text: str, size: int) -> None:
    assert size_bytes(text) == size
