"""Whose end plans wait for, because it had sols in hand that they asked for too; and what it had fetched at its end."""

from collections.abc import Set

Fetched = dict[str, frozenset[int]]
"""Sols by rover; WHOLE for a manifest or coordinates."""


class Awaited:
    """Plans that wait for others' ends. Nothing is kept of ends that nobody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[str]] = {}
        self._fetched: dict[str, Fetched] = {}

    def waiting_for(self, other: str) -> Set[str]:
        """Return the plans that wait for another's end."""
        return self._waiting.get(other, frozenset())

    def begins(self, other: str) -> None:
        """Note that a plan of this name lives: an end that was told before was another one's."""
        self._fetched.pop(other, None)

    def ended(self, other: str, fetched: Fetched) -> None:
        """Note what a plan had fetched at its end; nothing where it is gone without a trace."""
        self._fetched[other] = fetched

    def fetched_by(self, other: str) -> Fetched | None:
        """Return what a plan had fetched at its end, None where that is not known."""
        return self._fetched.get(other)

    def set(self, name: str, before: Set[str], others: Set[str]) -> None:
        """Note for whose ends a plan waits now, and forget what nobody asks for any more."""
        for other in before - others:
            names = self._waiting.get(other, set())
            names.discard(name)
            if not names:
                self._waiting.pop(other, None)
                self._fetched.pop(other, None)
        for other in others - before:
            self._waiting.setdefault(other, set()).add(name)
