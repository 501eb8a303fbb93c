"""Names of a result's columns as people would write them: the same whichever engine answers. Pure.

An engine names a column without alias by the inside of its own translation (``count_star()``), Snowflake by the
expression in capitals (``COUNT(*)``). Both are told by the statement instead, as it was written.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Z_][A-Z0-9_$]*")
_LONGEST: Final = 40


def column_names(statement: str, given: Sequence[str]) -> list[str]:
    """Return a name for each column, none of them twice.

    Args:
        statement: what was run.
        given: the columns' names as the warehouse tells them.
    """
    written = _written(statement, len(given))
    names = [_plain(told) if own is None else own for own, told in zip(written, given, strict=True)]
    found: list[str] = []
    for position, name in enumerate(names, 1):
        base = name or f"column_{position}"
        candidate, number = base, 2
        while candidate in found:
            candidate, number = f"{base}_{number}", number + 1
        found.append(candidate)
    return found


def _plain(name: str) -> str:
    """Return a name that the warehouse gave: identifiers without quotes in small letters, what is none made one."""
    if _PLAIN.fullmatch(name):
        return name.lower()
    return name if re.fullmatch(r"[\w $.-]+", name) else _slug(name)


def _slug(expression: str) -> str:
    words = [word for word in re.split(r"\W+", expression.lower()) if word]
    name = ""
    for word in words:
        if len(name) + len(word) > _LONGEST:
            break
        name = f"{name}_{word}" if name else word
    name = name or "".join(words)[:_LONGEST]
    return "" if not name or name[0].isdigit() else name


def _written(statement: str, columns: int) -> list[str | None]:
    """Return the columns' names by the statement; None where it leaves them to a table (``select *``)."""
    unknown: list[str | None] = [None] * columns
    # Beside a statement that it cannot parse it says so in its log, which is nothing to a person who asked for rows.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    import sqlglot
    from sqlglot import exp

    try:
        parsed = sqlglot.parse_one(statement, dialect="snowflake")
    except sqlglot.errors.SqlglotError:
        return unknown
    if not isinstance(parsed, exp.Query):
        return unknown
    selects = parsed.selects
    stars = [position for position, projection in enumerate(selects) if projection.is_star]
    if not stars and len(selects) == columns:
        return [_own(projection) for projection in selects]
    if len(stars) == 1 and len(selects) - 1 <= columns:
        before, after = selects[: stars[0]], selects[stars[0] + 1 :]
        middle: list[str | None] = [None] * (columns - len(before) - len(after))
        return [*map(_own, before), *middle, *map(_own, after)]
    return unknown


def _own(projection: Any) -> str:
    from sqlglot import exp

    if isinstance(projection, exp.Alias | exp.Column):
        identifier = projection.args.get("alias") if isinstance(projection, exp.Alias) else projection.this
        name = str(projection.alias if isinstance(projection, exp.Alias) else projection.name)
        quoted = bool(getattr(identifier, "args", {}).get("quoted"))
        return name if quoted and not _PLAIN.fullmatch(name) else name.lower()
    if isinstance(projection, exp.Paren | exp.Cast):
        return _own(projection.this)
    plain = projection.transform(lambda node: node.this if isinstance(node, exp.Cast) else node)
    return _slug(plain.sql(dialect="snowflake"))
