"""Pictures to look at where the real ones cannot be had: a hazy horizon, and the file's name below it.

A picture is a grid of cells of 8 by 8 equal pixels. That is what a JPEG holds when it has nothing but the mean of each
block, so encoding one takes milliseconds without an imaging library.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import cache
from math import ceil, pi, sin

from mm_simulator.core.rand import Rand

CELL = 8  # pixels
# Letters of three by five cells, a row per octal digit.
_GLYPHS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757",
    "7": "71111", "8": "75757", "9": "75717", "A": "25755", "B": "65656", "C": "34443", "D": "65556",
    "E": "74747", "F": "74744", "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655",
    "L": "44447", "M": "57755", "N": "65555", "O": "25552", "P": "65644", "Q": "25563", "R": "65655",
    "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255", "Y": "55222",
    "Z": "71247", "_": "00007", "-": "00700", ".": "00002",
}  # fmt: skip
_GLYPH_WIDTH, _GLYPH_HEIGHT = 4, 6  # with the space between

Color = tuple[int, int, int]  # luma, blue and red chroma, each 0..255
Grid = list[list[Color]]

_SKY: Color = (196, 112, 140)
_GROUND: Color = (112, 104, 158)
_BAND: Color = (24, 128, 128)
_INK: Color = (236, 128, 128)


def scene(rand: Rand, name: str, width: int, height: int) -> Grid:
    """The picture of a file name as a grid that covers width by height pixels."""
    columns, rows = ceil(width / CELL), ceil(height / CELL)
    # The name stands for rover and sol here: a picture depends on nothing else.
    base, swing, phase = (rand.u(name, 0, "picture", i) for i in range(3))
    grid: Grid = [[_SKY] * columns for _ in range(rows)]
    for x in range(columns):
        hill = sin(2 * pi * (x / columns * (1 + 2 * swing) + phase)) * (0.04 + 0.08 * swing)
        horizon = int(rows * (0.35 + 0.2 * base + hill))
        for y in range(rows):
            near = (y - horizon) / rows if y >= horizon else y / rows
            luma, blue, red = _GROUND if y >= horizon else _SKY
            grid[y][x] = (min(255, int(luma - 60 * near + 40 * near * near)), blue, red)
    _write(grid, name.upper(), columns, rows)
    return grid


def _write(grid: Grid, text: str, columns: int, rows: int) -> None:
    per_line = max(1, (columns - 1) // _GLYPH_WIDTH)
    lines = [text[i : i + per_line] for i in range(0, len(text), per_line)]
    lines = lines[: max(0, (rows - 2) // _GLYPH_HEIGHT)]
    top = rows - len(lines) * _GLYPH_HEIGHT - 1
    for y in range(max(0, top), rows):
        grid[y] = [_BAND] * columns
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            for dy, bits in enumerate(_GLYPHS.get(letter, _GLYPHS["-"])):
                for dx in range(3):
                    if int(bits, 8) >> (2 - dx) & 1:
                        grid[top + 1 + row * _GLYPH_HEIGHT + dy][1 + column * _GLYPH_WIDTH + dx] = _INK


def png(grid: Grid, width: int, height: int) -> bytes:
    """A PNG of the grid, 8 bits a channel."""
    lines = []
    for y in range(height):
        if y % CELL == 0:
            row = b"".join(_rgb(color) * CELL for color in grid[y // CELL])[: width * 3]
        lines.append(b"\0" + row)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(lines), 6)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _rgb(color: Color) -> bytes:
    luma, blue, red = color[0], color[1] - 128, color[2] - 128
    channels = (luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue)
    return bytes(max(0, min(255, round(value))) for value in channels)


# The baseline code for differences of block means (ITU-T T.81, table K.3); every block ends after its mean.
_DC_LENGTHS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
_DC_CATEGORIES = tuple(range(12))
_END_OF_BLOCK = "0"
_QUANTUM = 8  # makes the quantized mean of a block its color less 128


@cache
def _category_codes() -> tuple[str, ...]:
    codes = []
    code = 0
    for length, count in enumerate(_DC_LENGTHS, start=1):
        for _ in range(count):
            codes.append(f"{code:0{length}b}")
            code += 1
        code <<= 1
    return tuple(codes)


@cache
def _difference(value: int) -> str:
    """Bits of a difference: its category, then its offset in it, then the end of the block."""
    category = abs(value).bit_length()
    offset = value if value > 0 else value + (1 << category) - 1
    return _category_codes()[category] + (f"{offset:0{category}b}" if category else "") + _END_OF_BLOCK


def jpeg(grid: Grid, width: int, height: int) -> bytes:
    """A baseline JPEG of the grid."""
    bits: list[str] = []
    last = [128, 128, 128]
    for row in grid:
        for color in row:
            for channel in range(3):
                bits.append(_difference(color[channel] - last[channel]))
                last[channel] = color[channel]
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"".join(bytes((i, 0x11, 0)) for i in (1, 2, 3))
    dc = bytes((0x00, *_DC_LENGTHS, *_DC_CATEGORIES))
    ac = bytes((0x10, 1, *([0] * 15), 0x00))
    scan = bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0))
    return (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
        + _segment(0xDB, bytes((0, *([_QUANTUM] * 64))))
        + _segment(0xC0, frame)
        + _segment(0xC4, dc + ac)
        + _segment(0xDA, scan)
        + data
        + b"\xff\xd9"
    )


def _segment(marker: int, payload: Sequence[int] | bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + bytes(payload)
