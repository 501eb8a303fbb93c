"""From watches and lists into the store; and whether the watches keep up with what the lists show."""

from typing import Any, Final

from mm_operator.store import Kind, Store, version_of

LAG_SWEEPS: Final = 3
"""Lists in a row that show what a watch has not told, before it counts as dead."""


class Observer:
    """Takes what watches and lists say into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watched: dict[tuple[Kind, str], int] = {}
        self._lagging: dict[tuple[Kind, str], tuple[int, int]] = {}

    def watched(self, kind: Kind, event: str | None, body: dict[str, Any]) -> None:
        """Take one watch event in. ``event`` is ADDED, MODIFIED, DELETED, or None for an initial listing."""
        key = (kind, body["metadata"]["name"])
        if event == "DELETED":
            self._watched.pop(key, None)
            self._store.remove(kind, body)
            return
        self._watched[key] = max(version_of(body), self._watched.get(key, 0))
        self._store.put(kind, body)

    def listed(self, kind: Kind, bodies: list[dict[str, Any]], version: str) -> bool:
        """Take a whole list in. Returns whether the watch of this kind has kept up with it."""
        self._store.replace(kind, bodies, version)
        present = {body["metadata"]["name"] for body in bodies}
        lagging: dict[tuple[Kind, str], tuple[int, int]] = {}
        for body in bodies:
            key = (kind, body["metadata"]["name"])
            before, lists = self._lagging.get(key, (version_of(body), 0))
            if self._watched.get(key, 0) < before:
                lagging[key] = (before, lists + 1)
        self._lagging = {k: v for k, v in self._lagging.items() if k[0] != kind} | lagging
        for key in [k for k in self._watched if k[0] == kind and k[1] not in present]:
            del self._watched[key]
        return all(lists < LAG_SWEEPS for _, lists in lagging.values())
