"""Whose topics these are. A release notes its name beside the offsets it commits, and again and again that it lives.

Two releases that read the same topics would both act on every message. The notes are counters, not times: who finds
another's name watches whether its counter moves, by its own clock, so no two clocks are ever compared.
"""

import re
from typing import Final

BEAT_SECONDS: Final = 20.0
"""Between two notes of a release that it lives."""
QUIET_SECONDS: Final = 70.0
"""A release that has not noted anything for so long is taken to be gone, and its topics are taken over."""
_NOTE: Final = re.compile(r"read by (\S+), beat (\d+)", re.ASCII)


class Claim:
    """What one release notes for itself, and knows of others' notes."""

    def __init__(self, owner: str) -> None:
        """``owner`` names the release among all that may share a Kafka: <namespace>/<name>."""
        self.owner = owner
        self._beat = 0
        self._seen, self._since = "", 0.0
        self.moved = False
        """Whether the other release's counter was seen to move: it lives."""

    def note(self) -> str:
        """Return the next note, to be committed with an offset."""
        self._beat += 1
        return f"read by {self.owner}, beat {self._beat}"

    def holder(self, notes: list[str], now: float) -> str:
        """Return the other release that holds the topic, or nothing where this one may read it.

        Args:
            notes: what was committed beside each partition's offset.
            now: seconds of a clock that never goes back.
        """
        found = [match for note in notes if (match := _NOTE.fullmatch(note)) and match[1] != self.owner]
        if not found:
            return ""
        state = repr(sorted(match[0] for match in found))
        if state != self._seen:
            self.moved = bool(self._seen)
            self._seen, self._since = state, now
        return "" if now - self._since > QUIET_SECONDS else found[0][1]
