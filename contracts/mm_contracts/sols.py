"""Sets of sols written as text: ``"0-99"``, ``"150"``, ``"1-3,10,12"``."""

from collections.abc import Iterable

MAX_SOL = 99_999
"""Largest sol any text may name: image file names carry five digits for it."""


def parse_sols(text: str) -> tuple[int, ...]:
    """Return the sols that a text of comma-separated numbers and inclusive ranges names, ascending, each once.

    Raises:
        ValueError: not of that form, a range runs backwards, or a sol is outside 0..MAX_SOL.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isascii() or not first.isdigit() or (dash and not (last.isascii() and last.isdigit())):
            raise ValueError(f"{text!r} is not a sol list: write sols as '150' or '0-99', joined by commas")
        low, high = int(first), int(last) if dash else int(first)
        if low > high:
            raise ValueError(f"{part.strip()!r} runs backwards: write the smaller sol first")
        if high > MAX_SOL:
            raise ValueError(f"sol {high} is beyond {MAX_SOL}")
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def format_sols(sols: Iterable[int]) -> str:
    """Return the shortest text that ``parse_sols`` reads back as the same set; the empty set is ``""``."""
    parts: list[str] = []
    run: list[int] = []
    for sol in [*sorted(set(sols)), None]:
        if sol is not None and run and sol == run[-1] + 1:
            run.append(sol)
            continue
        if run:
            parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
        run = [] if sol is None else [sol]
    return ",".join(parts)


def merge_sols(texts: Iterable[str]) -> tuple[int, ...]:
    """Return the union of several sol texts, ascending. Raises ValueError as ``parse_sols`` does."""
    found: set[int] = set()
    for text in texts:
        found.update(parse_sols(text))
    return tuple(sorted(found))
