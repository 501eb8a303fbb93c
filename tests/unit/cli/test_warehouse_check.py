"""What the check says of a key, and of what an account refuses or answers."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mm_cli import external_stage, main, warehouse
from mm_cli.errors import CliError
from mm_cli.findings import Finding

ENV = {"SNOWFLAKE_EXTERNAL_STAGE": "MARS.BRONZE.archive", "S3_BUCKET": "mars"}
COLUMNS = ["created_on", "name", "url", "type"]


class Session:
    """Answers as an account with these stages does; ``shut`` is what it refuses."""

    def __init__(self, stages: dict[str, str | None], shut: str = "nothing") -> None:
        self.stages = stages
        self.said: list[str] = []
        self._shut = shut

    def answer(self, sql: str, _binds: Sequence[object] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        self.said.append(sql)
        if sql.startswith(self._shut):
            raise CliError("the warehouse refused: no")
        return COLUMNS, [("now", name, url, "x") for name, url in self.stages.items()]

    def rows(self, sql: str, binds: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.answer(sql, binds)[1]


def _check(session: Session, **env: str) -> list[Finding]:
    return list(external_stage.check(session, ENV | env))  # type: ignore[arg-type]


def test_a_stage_on_the_bucket_is_shown_with_it() -> None:
    session = Session({"ARCHIVE2": "s3://other/", "ARCHIVE": "s3://mars/"})
    found = _check(session)
    assert [finding.line() for finding in found] == [
        "ok       external stage MARS.BRONZE.archive (s3://mars/)",
        "ok       bucket of MARS.BRONZE.archive can be listed",
    ]
    assert session.said == ["show stages in schema MARS.BRONZE", "list @MARS.BRONZE.archive/manifests/"]


@pytest.mark.parametrize(
    ("stages", "advice"),
    [
        ({}, "create it as docs/snowflake-setup.sql shows, or grant usage on it"),
        ({"ARCHIVE": ""}, "it is an internal stage"),
        ({"ARCHIVE": None}, "it is an internal stage"),
        ({"ARCHIVE": "s3://mars"}, "with a slash at its end, as in s3://mars/"),
        ({"ARCHIVE": "s3://mars/photos/"}, "must be the bucket's root"),
        ({"ARCHIVE": "azure://account/mars/"}, "must be the bucket's root"),
        ({"ARCHIVE": "s3compat://other/"}, "it reads bucket other, but S3_BUCKET is mars"),
    ],
)
def test_what_is_wrong_with_a_stage_is_told_with_what_to_do(stages: dict[str, str | None], advice: str) -> None:
    first = _check(Session(stages))[0]
    assert not first.good
    assert advice in first.advice


def test_a_bucket_that_is_not_known_here_is_not_compared() -> None:
    assert all(finding.good for finding in _check(Session({"ARCHIVE": "s3gov://whatever/"}), S3_BUCKET=""))


def test_a_schema_or_a_bucket_that_the_account_may_not_read() -> None:
    (unseen,) = _check(Session({}, shut="show"))
    assert "grant usage on its database and schema (the warehouse refused: no)" in unseen.advice
    there, unlisted = _check(Session({"ARCHIVE": "s3://mars/"}, shut="list"))
    assert there.good
    assert not unlisted.good
    assert "storage integration" in unlisted.advice


def test_nothing_is_asked_where_no_stage_is_named_or_none_can_be_read() -> None:
    session = Session({})
    assert _check(session, SNOWFLAKE_EXTERNAL_STAGE="") == []
    (named,) = _check(session, SNOWFLAKE_HOST="mars-warehouse")
    assert not named.good
    assert "embedded warehouse" in named.advice
    assert session.said == []


@pytest.mark.parametrize("command", [["warehouse", "check"], ["warehouse", "init"], ["sql", "select 1"]])
def test_a_key_that_cannot_be_used_is_one_sentence(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "rsa_key.p8"
    key.write_text("a note of where the key is")
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "org-account")
    monkeypatch.setenv("SNOWFLAKE_USER", "MARS_JOBS")
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY_PATH", str(key))
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "open sesame")
    assert main.run(command) == (1 if "check" in command else 64)
    said = "".join(capsys.readouterr())
    assert f"SNOWFLAKE_PRIVATE_KEY_PATH is {key}: it is no private key in PEM form" in said
    assert len(said.splitlines()) == 1
    assert "open sesame" not in said


class Account:
    """An account's answers to the check; ``refused`` are beginnings of statements that its role may not run."""

    def __init__(self, *refused: str, compute: str | None = "MARS_WH") -> None:
        self.said: list[str] = []
        self._refused, self._compute = refused, compute

    def rows(self, sql: str, _binds: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.said.append(sql)
        if sql.startswith(self._refused):
            raise CliError("the warehouse refused: no")
        if "current_user()" in sql:
            return [("MARS_JOBS", "MARS_LOADER", self._compute, "MARS")]
        if "SCHEMATA" in sql:
            return [("BRONZE",), ("SILVER",), ("GOLD",)]
        return [(name,) for name in warehouse.all_tables()] if "INFORMATION_SCHEMA.TABLES" in sql else []


def _told(account: Account) -> list[str]:
    return [finding.line() for finding in warehouse._inside(account)]  # type: ignore[arg-type]


@pytest.fixture
def _no_warehouse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWFLAKE_WAREHOUSE", raising=False)


@pytest.mark.usefixtures("_no_warehouse")
def test_what_the_check_makes_it_takes_away_again() -> None:
    account = Account()
    told = _told(account)
    assert not [line for line in told if line.startswith("MISSING")]
    assert "ok       virtual warehouse MARS_WH (the default)" in told
    made, dropped = (
        [match[0] for sql in account.said if sql.startswith(verb) and (match := re.search(r"\w+\.MARS_CHECK_\w+", sql))]
        for verb in ("create", "drop")
    )
    assert made == dropped
    assert len(made) == 6
    put = next(sql for sql in account.said if sql.startswith("put"))
    assert f"remove {put.split()[2]}" in account.said


@pytest.mark.usefixtures("_no_warehouse")
@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("create view SILVER", "views in SILVER: grant create view on it to role MARS_LOADER"),
        ("create transient table GOLD", "tables in GOLD: grant create table on it to role MARS_LOADER"),
        ("put", "stage BRONZE.LOAD_FILES: run `mars warehouse init`, or grant read and write on it"),
        ("remove", "stage BRONZE.LOAD_FILES: run `mars warehouse init`, or grant read and write on it"),
    ],
)
def test_a_right_that_is_missing_is_told_by_name(refused: str, told: str) -> None:
    (missing,) = [line for line in _told(Account(refused)) if line.startswith("MISSING")]
    assert missing == f"MISSING  {told} (the warehouse refused: no)"


@pytest.mark.usefixtures("_no_warehouse")
def test_a_user_without_a_virtual_warehouse_is_told() -> None:
    told = _told(Account(compute=None))
    assert "MISSING  virtual warehouse: set SNOWFLAKE_WAREHOUSE, or give the user a default warehouse" in told[1]
    assert len(told) == 3, "without one nothing else can be asked"
