"""SQL text into its statements: at semicolons and ``\\G`` outside of quotes and comments. Pure."""

import re
from typing import Final, NamedTuple

_PIECE: Final = re.compile(
    r"""(?P<kept>'(?:[^'\\]|\\.|'')*' | "(?:[^"]|"")*" | \$\$.*?\$\$)
      | (?P<comment>--[^\n]* | //[^\n]* | /\*.*?\*/)
      | (?P<end>; | \\[Gg](?![A-Za-z0-9_]))""",
    re.DOTALL | re.VERBOSE,
)


class Statement(NamedTuple):
    """One statement without its end, and whether it ended in ``\\G``: its rows are wanted one below the other."""

    text: str
    vertical: bool = False


def split(text: str) -> list[Statement]:
    """Return the statements of a text in order; what holds only white space and comments is none."""
    found: list[Statement] = []
    start, has_code, last = 0, False, 0

    def take(end: int, vertical: bool) -> None:
        if has_code or text[last:end].strip():
            found.append(Statement(text[start:end].strip(), vertical))

    for piece in _PIECE.finditer(text):
        has_code = has_code or bool(text[last : piece.start()].strip()) or piece["kept"] is not None
        if piece["end"] is not None:
            take(piece.start(), piece["end"] != ";")
            start, has_code = piece.end(), False
        last = piece.end()
    take(len(text), False)
    return found
