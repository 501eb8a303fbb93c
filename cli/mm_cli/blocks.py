"""A picture as text: two pixels in each character, the upper one its foreground, the lower one its background."""

import io
from typing import Final

_RAMP: Final = " .:-=+*#%@"
"""From dark to bright, for terminals without colours."""


class NotAPicture(ValueError):
    """The bytes are no picture that can be shown; the message says why."""


def drawn(content: bytes, columns: int, *, colours: bool = True, rows: int = 0) -> str:
    """Return a picture as lines of text.

    Args:
        content: the picture's file.
        columns: characters in a line, at most.
        colours: 24-bit ANSI colours, else characters by brightness.
        rows: lines, at most; 0 is any number.

    Raises:
        NotAPicture: it is none, or one of a kind that is not known here.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotAPicture(f"this is no picture that can be shown: {error}") from None
    wide = min(columns, image.width)
    # A character is about twice as high as wide: with two pixels in each, pixels are square.
    high = max(2, round(wide * image.height / image.width))
    if rows and high > 2 * rows:
        wide, high = max(1, round(wide * 2 * rows / high)), 2 * rows
    high += high % 2
    small = image.resize((wide, high))
    return _coloured(small) if colours else _plain(small)


def _coloured(image: "object") -> str:
    from PIL import Image

    assert isinstance(image, Image.Image)
    lines = []
    for y in range(0, image.height, 2):
        parts = []
        for x in range(image.width):
            upper, lower = image.getpixel((x, y)), image.getpixel((x, y + 1))
            assert isinstance(upper, tuple)
            assert isinstance(lower, tuple)
            parts.append("\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m\u2580".format(*upper, *lower))
        lines.append("".join(parts) + "\x1b[0m")
    return "\n".join(lines)


def _plain(image: "object") -> str:
    from PIL import Image

    assert isinstance(image, Image.Image)
    grey = image.convert("L").resize((image.width, image.height // 2))
    lines = []
    for y in range(grey.height):
        values = [grey.getpixel((x, y)) for x in range(grey.width)]
        lines.append(
            "".join(_RAMP[int(v) * (len(_RAMP) - 1) // 255] for v in values if isinstance(v, int | float)).rstrip()
        )
    return "\n".join(lines)
