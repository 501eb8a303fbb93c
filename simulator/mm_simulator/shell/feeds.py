"""What the two raw image feeds share: which records a query asks for, and one page of them without making the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mm_simulator.archive import Archive
from mm_simulator.core.facts import Rover
from mm_simulator.core.records import Record
from mm_simulator.shell.target import sol_bounds

Wanted = Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a result: its records, in the feed's order, and how many the whole result has."""

    records: list[Record]
    total: int


def instruments(query: Mapping[str, str]) -> frozenset[str]:
    """Instruments that ``search=A|B`` names; empty for all."""
    return frozenset(part.strip().upper() for part in query.get("search", "").split("|") if part.strip())


def conditions(query: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(value, field, operator) of each condition of a query.

    Written ``condition_n=value:field:operator``, ``condition_n=value:field`` or ``extended=field::value,``.
    """
    found = []
    for name, value in query.items():
        parts = value.split(":")
        if name.startswith("condition_") and len(parts) == 2:
            found.append((parts[0], parts[1], "in"))
        elif name.startswith("condition_") and len(parts) == 3:
            found.append((parts[0], parts[1], parts[2]))
        elif name == "extended":
            for pair in value.split(","):
                field, _, wanted = pair.partition("::")
                if wanted:
                    found.append((wanted, field, "in"))
    return found


def wanted(query: Mapping[str, str]) -> Wanted | None:
    """A test of the query's instruments and kinds of sample, None for all; sols are looked after by ``page``."""
    names = instruments(query)
    samples = [frozenset(value.lower().split(",")) for value, field, _ in conditions(query) if field == "sample_type"]
    named = [frozenset(value.upper().split(",")) for value, field, _ in conditions(query) if field == "instrument"]
    if not (names or samples or named):
        return None

    def fits(record: Record) -> bool:
        return (
            (not names or record.instrument in names)
            and all(record.sample_type.lower() in some for some in samples)
            and all(record.instrument in some for some in named)
        )

    return fits


def page(archive: Archive, rover: Rover, query: Mapping[str, str], now: float, start: int, size: int) -> Page:
    """Records ``start`` to ``start + size`` of a query's result, newest sol first unless it says otherwise."""
    low, high = sol_bounds(query)
    entries = [
        entry
        for entry in archive.manifest(rover, now).entries
        if (low is None or entry.sol >= low) and (high is None or entry.sol <= high)
    ]
    if "sol asc" not in query.get("order", ""):
        entries.reverse()
    fits = wanted(query)
    found: list[Record] = []
    total = 0
    for entry in entries:
        if fits is None and (total >= start + size or total + archive.feed_size(rover, entry, now) <= start):
            total += archive.feed_size(rover, entry, now)
            continue
        here = archive.feed(rover, entry.sol, now)
        here = here if fits is None else [record for record in here if fits(record)]
        found.extend(here[max(0, start - total) : max(0, start + size - total)])
        total += len(here)
    return Page(found, total)
