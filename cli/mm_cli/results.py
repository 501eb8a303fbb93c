"""A result in the form that was asked for: table, vertical, CSV, JSON, JSON lines, Parquet."""

import csv
import io
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from mm_cli.errors import USAGE, CliError
from mm_cli.tables import table, vertical, width_of
from mm_cli.values import as_json, shown

FORMATS: Final = ("table", "vertical", "csv", "json", "jsonl", "parquet")
_BY_ENDING: Final = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_BY_ENDING_OF_TEXT: Final = {".txt": "table"}


class Result(NamedTuple):
    """A statement's answer: names of the columns as people know them, and the rows."""

    names: list[str]
    rows: list[tuple[Any, ...]]


class Target(NamedTuple):
    """Where a result goes, and how: without a file it is printed."""

    format: str
    file: Path | None = None


def target_of(given: str) -> Target:
    """Return what ``-o`` asks for: a format's name, or a file whose name tells its format.

    Raises:
        CliError: it is neither.
    """
    if not given:
        return Target("")
    if given in FORMATS:
        if given == "parquet":
            raise CliError("Parquet is not for reading on a terminal: name a file, such as -o photos.parquet", USAGE)
        return Target(given)
    path = Path(given)
    found = (_BY_ENDING | _BY_ENDING_OF_TEXT).get(path.suffix.lower())
    if found is None:
        endings = ", ".join(_BY_ENDING | _BY_ENDING_OF_TEXT)
        raise CliError(f"-o takes one of {', '.join(FORMATS[:-1])}, or a file that ends in {endings}", USAGE)
    return Target(found, path)


def text_of(result: Result, form: str, columns: int | None = None) -> str:
    """Return a result as text with a line break at its end; empty where there is nothing to show.

    Args:
        result: names and rows.
        form: one of FORMATS but parquet; empty is a table, or vertical where that would be too wide.
        columns: the terminal's width; None where it is no terminal, and nothing is too wide.
    """
    if form == "csv":
        return _csv(result)
    if form in ("json", "jsonl"):
        return _json(result, lines=form == "jsonl")
    if not result.rows:
        return ""
    if form == "vertical":
        return vertical(result.names, result.rows) + "\n"
    text = table(result.names, result.rows)
    if form == "" and columns is not None and width_of(text) > columns:
        return vertical(result.names, result.rows) + "\n"
    return text + "\n"


def _json(result: Result, *, lines: bool) -> str:
    rows = [{name: as_json(value) for name, value in zip(result.names, row, strict=True)} for row in result.rows]
    if lines:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _csv(result: Result) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.names)
    for row in result.rows:
        values = (as_json(value) for value in row)
        writer.writerow([("true" if v else "false") if isinstance(v, bool) else "" if v is None else v for v in values])
    return out.getvalue()


def write(result: Result, target: Target) -> None:
    """Write a result into the target's file. Raises CliError where that cannot be."""
    assert target.file is not None
    try:
        if target.format == "parquet":
            _parquet(result, target.file)
        else:
            target.file.write_text(text_of(result, target.format), encoding="utf-8")
    except OSError as error:
        raise CliError(f"cannot write {target.file}: {error.strerror or error}", USAGE) from None


def _parquet(result: Result, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = []
    for position in range(len(result.names)):
        values = [row[position] for row in result.rows]
        try:
            array = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            array = pa.array([None if value is None else shown(value) for value in values])
        arrays.append(array.cast(pa.string()) if pa.types.is_null(array.type) else array)
    pq.write_table(pa.Table.from_arrays(arrays, names=result.names), path)
