"""Rows for people: a table, or one value below the other where rows are wide. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from mm_cli.values import shown


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], text_of: Callable[[object], str] = shown) -> str:
    """Return headers and rows as aligned text, two spaces between columns, without a line break at the end.

    Args:
        headers: the columns' names.
        rows: their values.
        text_of: makes the text of a value.
    """
    cells = [[" ".join(text_of(value).splitlines()) for value in row] for row in rows]
    widths = [max([len(header), *(len(row[i]) for row in cells)]) for i, header in enumerate(headers)]
    numeric = [bool(rows) and all(row[i] is None or _number(row[i]) for row in rows) for i in range(len(headers))]

    def line(values: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(values, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(headers), line(["-" * width for width in widths]), *(line(row) for row in cells)])


def vertical(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return each row as a block with a line per column, as ``\\G`` and ``-x`` ask for."""
    width = max(map(len, headers), default=0)
    blocks = []
    for number, row in enumerate(rows, 1):
        lines = [f"{header.ljust(width)}  {shown(value)}".rstrip() for header, value in zip(headers, row, strict=True)]
        blocks.append("\n".join([f"-- row {number} ".ljust(max(width + 2, 24), "-"), *lines]))
    return "\n".join(blocks)


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return max(map(len, text.splitlines()), default=0)


def _number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
