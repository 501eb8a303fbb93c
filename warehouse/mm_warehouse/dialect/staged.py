"""Files in internal stages: which ones a COPY means, what is in them, and how DuckDB should read them."""

from __future__ import annotations

import hashlib
import mmap
import re
import zlib
from pathlib import Path

from fakesnow.copy_into import stage_url_from_var
from sqlglot import Expr, exp

from mm_warehouse.cursor_types import CursorLike
from mm_warehouse.errors import SqlError

_SMALLEST_LIMIT = 1024 * 1024
_USUAL_LIMIT = 16 * 1024 * 1024
_LARGEST_LIMIT = 128 * 1024 * 1024
"""Snowflake's limit for one VARIANT. DuckDB reads in pieces of twice its own limit, which each thread reserves and no
two threads share: so it is set as low as the documents allow."""

_BY_LINE = "newline_delimited"


def location(source: Expr, table: exp.Table, cursor: CursorLike) -> tuple[Path, Path]:
    """Where the statement's files are: the path it names, and its stage's root folder."""
    inner = source.this
    if isinstance(inner, exp.Select):
        inner = inner.args["from_"].this.this
    reference = inner.name if isinstance(inner, exp.Var | exp.Literal) else ""
    if not reference.startswith("@"):
        raise SqlError("001011", "42601", "COPY reads from an internal stage here: write FROM @stage/path.")
    stage, _, path = reference[1:].partition("/")
    root = stage_url_from_var(stage, cursor.duck, cursor.database, cursor.schema, cursor.table_stages, table)
    root_path = Path(root).resolve()
    return root_path / path, root_path


def files_at(location: Path, root: Path, names: list[str] | None, pattern: str | None) -> list[Path]:
    """Snowflake takes a stage path as a prefix of file names, and loads them in no promised order; here by name."""
    if not root.is_dir():
        return []
    if names is not None:
        wanted = [location / name for name in names]
        if missing := [file.name for file in wanted if not file.is_file()]:
            raise SqlError("091016", "22000", f"File {missing[0]} is not in the stage.")
        return wanted
    prefix = str(location)
    found = sorted(file for file in root.rglob("*") if file.is_file() and str(file).startswith(prefix))
    if pattern is None:
        return found
    expression = re.compile(pattern)
    return [file for file in found if expression.fullmatch(str(file.relative_to(root)))]


def reading(file: Path, strip_outer_array: bool) -> str:
    """The DuckDB table function that gives a row per document of `file`, in column `json`."""
    name = re.sub(r"([\[\]*?])", r"[\1]", str(file))
    layout = "array" if strip_outer_array else _layout(file)
    literal = exp.Literal.string(name).sql(dialect="duckdb")
    return f"read_json_objects({literal}, format = '{layout}', maximum_object_size = {_size_limit(file, layout)})"


def fingerprint(file: Path) -> str:
    """What tells a file from an earlier one of the same name; Snowflake loads a changed file again."""
    crc, adler = 0, 1
    with file.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            crc, adler = zlib.crc32(chunk, crc), zlib.adler32(chunk, adler)
    return f"{file.stat().st_size:x}-{crc:08x}{adler:08x}"


def content_key(file: Path) -> str:
    """METADATA$FILE_CONTENT_KEY: the content's MD5, which is also the ETag of an object that S3 got in one piece."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _layout(file: Path) -> str:
    """DuckDB reads one document per line in parallel; anything else (documents over several lines) is read as such."""
    return _BY_LINE if re.search(r"\.(ndjson|jsonl)(\.\w+)?$", file.name.lower()) else "unstructured"


def _size_limit(file: Path, layout: str) -> int:
    """An upper bound for the file's largest document, in bytes: cheap to find, and DuckDB's buffers follow it."""
    size = file.stat().st_size
    if file.suffix in (".gz", ".zst"):
        return _LARGEST_LIMIT if size > _USUAL_LIMIT // 16 else _USUAL_LIMIT
    # A document is a line only in the one layout; in others the longest line says little, and is no lower bound.
    smallest = _SMALLEST_LIMIT if layout == _BY_LINE else _USUAL_LIMIT
    if size <= smallest:
        return smallest
    longest = start = 0
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while (end := content.find(b"\n", start)) >= 0:
            longest, start = max(longest, end - start), end + 1
        longest = max(longest, size - start)
    return min(max(smallest, longest + 1024), _LARGEST_LIMIT)
