"""What the check says of the external stage, from what the account answers."""

from collections.abc import Sequence
from typing import Any

import pytest
from mm_cli import external_stage
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
