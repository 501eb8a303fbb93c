"""Sets of batch indexes as the bits of one number: a plan of 10,000 batches costs what a plan of ten does.

Texts are read and written once: a plan is looked at more often than batches of it end.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_ITEM: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_RUN: Final = re.compile("1+")


@dataclass
class Indexes:
    """Batch indexes, written as sol texts are: ``0-12,15``."""

    bits: int = 0

    @classmethod
    def parse(cls, text: str, below: int) -> "Indexes":
        """Return the indexes in a text that are smaller than ``below``. What is no index list holds none."""
        return cls(_bits(text) & ((1 << below) - 1))

    @classmethod
    def of(cls, indexes: Iterable[int]) -> "Indexes":
        """Return some indexes as a set."""
        bits = 0
        for index in indexes:
            bits |= 1 << index
        return cls(bits)

    @property
    def text(self) -> str:
        """The shortest text that ``parse`` reads back as the same set."""
        return _text(self.bits)

    def add(self, index: int) -> None:
        """Put an index in."""
        self.bits |= 1 << index

    def discard(self, index: int) -> None:
        """Take an index out, if it is in."""
        self.bits &= ~(1 << index)

    def __contains__(self, index: int) -> bool:
        return index >= 0 and bool(self.bits >> index & 1)

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __iter__(self) -> Iterator[int]:
        """Yield the indexes, ascending; what is put in or taken out meanwhile is not seen."""
        bits = self.bits
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest


@lru_cache(maxsize=4096)
def _bits(text: str) -> int:
    bits = 0
    for item in text.split(",") if text else ():
        found = _ITEM.fullmatch(item)
        if found is None:
            return 0
        low, high = int(found[1]), int(found[2] or found[1])
        if low <= high:
            bits |= ((1 << (high - low + 1)) - 1) << low
    return bits


@lru_cache(maxsize=4096)
def _text(bits: int) -> str:
    parts = []
    for run in _RUN.finditer(bin(bits)[:1:-1]):
        low, high = run.start(), run.end() - 1
        parts.append(str(low) if low == high else f"{low}-{high}")
    return ",".join(parts)
