"""Pictures as bytes: what is one, what is too large, and how it is made small. Pillow is imported where it is needed.

Whoever fetches a picture (the mirror's Jobs, the dashboard) judges it by the same rules, and makes the same thumbnails.
"""

import io
import re
from typing import Final

SIZES: Final = {"small": 320, "large": 800}
"""Longest side of a thumbnail, in pixels."""
MOST_BYTES: Final = 40_000_000
MOST_PIXELS: Final = 30_000_000
"""A picture of more is not opened: it would take more memory than a whole process may have."""
MEDIA: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
THUMBNAIL_MEDIA: Final = "image/webp"
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,159}")


class NoPicture(Exception):
    """There is no picture to show. ``gone`` where the source says that it has it no more; the message is a sentence."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


def file_of(url: str) -> str | None:
    """Return the name under which the file of a URL is kept; None where it has none that a key may hold."""
    name = url.partition("?")[0].partition("#")[0].rpartition("/")[2]
    return name if _FILE.fullmatch(name) else None


def media_of(body: bytes) -> str:
    """Return the media type of an image by its content, whatever its sender calls it. Raises NoPicture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(body), formats=list(MEDIA)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NoPicture("The picture is too large to be shown here.")
            return MEDIA[str(image.format)]
    except Image.DecompressionBombError:  # Pillow's own bound, far above this one
        raise NoPicture("The picture is too large to be shown here.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise NoPicture("What the source sent is no picture.") from None


def shrink(body: bytes, longest: int) -> bytes:
    """Return a WebP of an image whose longest side is at most ``longest`` pixels. Raises NoPicture."""
    from PIL import Image, ImageOps

    media_of(body)
    try:
        with Image.open(io.BytesIO(body), formats=list(MEDIA)) as opened:
            # A JPEG is decoded no larger than needed: a quarter of the pixels is a quarter of the time.
            opened.draft("RGB", (longest, longest))
            image = ImageOps.exif_transpose(opened)
            image = image if image.mode in ("RGB", "L") else image.convert("RGB")
            image.thumbnail((longest, longest))
            made = io.BytesIO()
            image.save(made, "WEBP", quality=78, method=2)
            return made.getvalue()
    except (OSError, SyntaxError, ValueError):
        raise NoPicture("The source sent only part of the picture.") from None
