"""Is the stage from which the account reads the bucket there, is it this bucket, and does the account get in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mm_contracts.connections import SettingsError, external_stage
from mm_contracts.keys import MANIFESTS

from mm_cli.errors import CliError
from mm_cli.findings import Finding

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_ROOT: Final = re.compile(r"s3\w*://([^/]+)/")
"""Without the last slash the account would join bucket and key without one."""
_MAKE: Final = "create it as docs/snowflake-setup.sql shows"


def check(warehouse: "Session", env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is found of the stage that SNOWFLAKE_EXTERNAL_STAGE names; nothing where it names none."""
    try:
        stage = external_stage(env)
    except SettingsError as error:
        yield Finding("external stage", False, str(error))
        return
    if stage is None:
        return
    try:
        url = _url(*warehouse.answer(f"show stages in schema {stage.rpartition('.')[0]}"), stage)
    except CliError as error:
        yield Finding(f"external stage {stage}", False, f"{_MAKE}, or grant usage on its database and schema ({error})")
        return
    problem = url_problem(url, env.get("S3_BUCKET", ""))
    yield Finding(f"external stage {stage}{f' ({url})' if url else ''}", problem is None, problem or "")
    if url:
        yield _listed(warehouse, stage)


def _url(columns: Sequence[str], rows: Sequence[Sequence[Any]], stage: str) -> str | None:
    name = stage.rpartition(".")[2].upper()
    for row in rows:
        found = dict(zip((column.lower() for column in columns), row, strict=True))
        if found["name"] == name:
            return str(found["url"] or "")
    return None


def url_problem(url: str | None, bucket: str) -> str | None:
    """Return what to do about a stage with this URL, or None where it is the bucket's root.

    Args:
        url: None where there is no such stage, empty where it is an internal one.
        bucket: the bucket that it should be; empty where that is not known here.
    """
    if url is None:
        return f"{_MAKE}, or grant usage on it to the role"
    if not url:
        return f"it is an internal stage, which has no URL: {_MAKE}"
    root = _ROOT.fullmatch(url)
    if root is None:
        return f"its URL must be the bucket's root with a slash at its end, as in s3://{bucket or '<bucket>'}/"
    if bucket and root[1] != bucket:
        return f"it reads bucket {root[1]}, but S3_BUCKET is {bucket}: set its URL to s3://{bucket}/, or S3_BUCKET"
    return None


def _listed(warehouse: "Session", stage: str) -> Finding:
    try:
        # The few objects of the manifests, not the whole archive: what is asked is whether the account gets in.
        warehouse.rows(f"list @{stage}/{MANIFESTS}/")
    except CliError as error:
        advice = (
            "grant usage on its storage integration to the role, and let the integration's AWS role list the bucket"
        )
        return Finding(f"bucket of {stage}", False, f"{advice} ({error})")
    return Finding(f"bucket of {stage} can be listed", True)
