"""Profiles: which sols of the one history a simulator shows. A sol answers alike in every profile that has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Profile:
    """Sols shown by rover (None: all), and caps on photos of single sols (the first so many by camera and id)."""

    name: str
    sols: Mapping[str, frozenset[int]] | None
    caps: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def shows(self, rover: str, sol: int) -> bool:
        """Whether the profile has that sol, if the rover took photos or drove on it."""
        return self.sols is None or sol in self.sols[rover]

    def with_sols(self, more: Mapping[str, frozenset[int]]) -> Profile:
        """This profile with more sols of some rovers, as when a rover sends new ones home."""
        if self.sols is None:
            return self
        return Profile(
            self.name,
            {name: sols | more.get(name, frozenset()) for name, sols in self.sols.items()},
            self.caps,
        )

    def cap(self, rover: str, sol: int) -> int | None:
        """The most photos that this profile shows of a sol, or None."""
        return self.caps.get((rover, sol))


def _sols(*parts: range | int) -> frozenset[int]:
    return frozenset(sol for part in parts for sol in (part if isinstance(part, range) else (part,)))


PROFILES: dict[str, Profile] = {
    "full": Profile("full", None),
    "demo": Profile(
        "demo",
        {
            "Perseverance": _sols(range(0, 121)),
            "Curiosity": _sols(range(0, 61), range(990, 1011)),
            "Opportunity": _sols(range(1, 41)),
            "Spirit": _sols(range(1, 41)),
        },
    ),
    # What a month or a year after the first of these sols brings, with the clock set to 2025-12-28 or later.
    "living": Profile(
        "living",
        {
            "Perseverance": _sols(range(1715, 4000)),
            "Curiosity": _sols(range(4755, 7000)),
            "Opportunity": _sols(1, 2, 3),
            "Spirit": _sols(1, 2, 3),
        },
    ),
    "tiny": Profile(
        "tiny",
        {
            "Perseverance": _sols(0, 1, 14, 15, 16, 52),
            "Curiosity": _sols(0, 1, 2, 10),
            "Opportunity": _sols(1, 2, 3),
            "Spirit": _sols(1, 2, 3),
        },
        {("Curiosity", 0): 200},
    ),
}
