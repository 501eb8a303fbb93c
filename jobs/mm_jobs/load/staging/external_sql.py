"""What is said to the account that copies objects from the bucket, and what its answer means. Pure.

Both warehouses understand the statement; only an account has stages outside of itself to say it of.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from mm_jobs.load.staging.base import Part

MOST_FILES: Final = 1_000
"""Names that the account takes in FILES."""

Rows = Sequence[Sequence[Any]]

# The name from the bucket's root, which is the key where the stage's URL is that root. S3 gives the ETag in quotes to
# some of its callers; the ledger has it without.
_KEY: Final = "METADATA$FILENAME"
_ETAG: Final = "trim(METADATA$FILE_CONTENT_KEY, '\"')"


def copy_statement(stage: str, part: Part) -> str:
    """Return the statement that copies the part's objects from the bucket into their table.

    Every option that a stage may have a default of its own for is spelled out: the archive must never be deleted
    (PURGE), nothing be left out for an error (ON_ERROR), and nothing for having been loaded before (FORCE): whether an
    object is to be loaded is the ledger's to say, and the account forgets after 64 days.
    """
    given = {
        "OBJECT_KEY": _KEY,
        "ETAG": _ETAG,
        "LOAD_ID": literal(part.load_id),
        "LOADED_AT": f"{literal(part.loaded_at)}::timestamp_ntz",
    }
    selected = [given.get(name) or _field(name, type_) for name, type_ in part.table.columns]
    return (
        f"copy into {part.table.qualified} ({', '.join(name for name, _ in part.table.columns)}) "
        f"from (select {', '.join(selected)} from @{stage}) files = ({', '.join(map(literal, part.keys))}) "
        "file_format = (type = json) on_error = abort_statement force = true purge = false"
    )


def _field(name: str, type_: str) -> str:
    return f"$1:{name.lower()}{'' if type_ == 'variant' else f'::{type_}'}"


def literal(text: str) -> str:
    """Return a text as it stands in a statement: that a COPY takes binds is documented nowhere."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def difference(part: Part, rows: Iterable[Sequence[Any]]) -> str | None:
    """Return in words how what was copied is not what was checked, or None where each object is there, once, as it was.

    Args:
        part: what was to be copied.
        rows: (key, ETag) of the rows that are there.
    """
    copied: dict[str, list[Any]] = {}
    for key, etag in rows:
        copied.setdefault(key, []).append(etag)
    for item in part.items:
        etags = copied.get(item.key, [])
        if not etags:
            return f"{item.key} is not among the rows"
        if etags != [item.etag]:
            return f"{item.key} has ETag {item.etag} in the bucket and {', '.join(map(str, etags))} in the rows"
    return None
