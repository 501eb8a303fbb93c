"""The states of all sols, packed for the heat map: one letter per sol."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mm_dashboard.marstime import conjunctions
from mm_dashboard.warehouse import Row

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "c": ("complete", "every promised photo is archived"),
    "g": ("growing", "the source still adds photos"),
    "m": ("mismatch", "archive and manifest differ"),
    "x": ("missing", "promised, nothing archived, not asked yet"),
    "w": ("waiting", "asked; the next attempt has its time"),
    "f": ("failed", "the last attempt failed"),
    "e": ("unpromised", "archived, though no manifest promises it"),
}
"""State by letter: its name, and what it means. A sol that nobody promises is a space."""
_SOFT: Final = frozenset(
    {"NoOutcome", "StableMismatch", "ManifestGrew", "Mismatch", "ManifestBehind", "ArchiveDisagrees"}
)


def state_of(row: Row) -> str:
    """Return a sol's letter.

    Args:
        row: of ``queries.SOLS``.
    """
    reason = row.get("reason")
    if row["promised_photos"] is None:
        return "e"
    if row["status"] is None:
        return "c"
    if reason is not None and reason not in _SOFT:
        return "f"
    if reason == "ManifestGrew" or (row.get("is_newest") and row["photos"]):
        return "g"
    if row["status"] != "MISSING_SOL":
        return "m"
    return "w" if reason == "NoOutcome" or (row["attempts"] and not row["is_due"]) else "x"


def bands(rows: Iterable[Row], rovers: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a band per rover: its name, letters by sol from 0, photos archived and promised by sol, conjunctions.

    Args:
        rows: of ``queries.SOLS``, by rover and sol.
        rovers: of ``queries.ROVERS``; bands come in their order.
    """
    by_rover: dict[str, list[Row]] = {}
    for row in rows:
        by_rover.setdefault(row["rover_name"], []).append(row)
    made = []
    for rover in rovers:
        sols = by_rover.get(rover["rover_name"], [])
        last = max([int(rover["max_sol"] or 0), *(int(row["sol"]) for row in sols)])
        letters, have, want = [" "] * (last + 1), [0] * (last + 1), [0] * (last + 1)
        for row in sols:
            sol = int(row["sol"])
            letters[sol] = state_of(row)
            have[sol], want[sol] = int(row["photos"] or 0), int(row["promised_photos"] or 0)
        made.append(
            {
                "rover": rover["rover_name"],
                "states": "".join(letters),
                "have": have,
                "want": want,
                "conjunctions": conjunctions(float(rover["midnight0_unix"]), last),
            }
        )
    return made


def counts(band: Mapping[str, Any]) -> dict[str, int]:
    """Return how many sols of a band are in each state, by the state's name."""
    return {name: band["states"].count(letter) for letter, (name, _) in STATES.items()}
