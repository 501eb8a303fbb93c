"""REMOVE (RM) of staged files, which fakesnow does not know; without it every load's file would stay on the volume."""

from __future__ import annotations

import re
from pathlib import Path

from fakesnow.copy_into import stage_url_from_var
from sqlglot import Expr, exp

from mm_warehouse.cursor_types import CursorLike
from mm_warehouse.errors import SqlError

_REMOVE = re.compile(
    r"(?:remove|rm)\s+'?@(?P<stage>[^\s/';]+)(?:/(?P<path>[^\s';]*))?'?(?P<pattern>\s+pattern\s*=)?[\s;]*\Z", re.I
)


def remove_target(text: str) -> tuple[str, str] | None:
    """(stage, path prefix) of a REMOVE statement; None if `text` is none.

    Raises:
        SqlError: it has a PATTERN, or cannot be read.
    """
    if not re.match(r"(?:remove|rm)\s+'?@", text[:40], re.I):
        return None
    match = _REMOVE.match(text)
    if match is None:
        raise SqlError("001003", "42000", "REMOVE is supported as REMOVE @stage[/path], without PATTERN.")
    return match["stage"], match["path"] or ""


def remove(target: tuple[str, str], cursor: CursorLike) -> Expr:
    """Delete the files whose path in the stage begins with the target's; the statement that gives REMOVE's result.

    Raises:
        Error of the connector: the stage does not exist.
    """
    stage, prefix = target
    root = Path(
        stage_url_from_var(stage, cursor.duck, cursor.database, cursor.schema, cursor.table_stages, exp.to_table("_"))
    ).resolve()
    start = str(root / prefix)
    removed = []
    for file in sorted(root.rglob("*")) if root.is_dir() else []:
        if file.is_file() and str(file).startswith(start):
            file.unlink(missing_ok=True)
            removed.append(file)
            _drop_empty(file.parent, root)
    rows = ", ".join(f"({exp.Literal.string(str(f.relative_to(root))).sql('duckdb')}, 'removed')" for f in removed)
    sql = f'SELECT * FROM (VALUES {rows}) AS t("name", "result")' if rows else _NOTHING
    answer: Expr = exp.maybe_parse(sql, dialect="duckdb")
    return answer


_NOTHING = "SELECT '' AS \"name\", '' AS \"result\" WHERE 1 = 0"


def _drop_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
