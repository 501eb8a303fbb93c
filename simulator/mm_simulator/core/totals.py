"""How many photos a sol has: correlated draws from the real distribution, scaled to an exact sum."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

from mm_simulator.core.rand import Rand, phi, probit
from mm_simulator.core.tables import quantile

_LAG1 = 0.32  # autocorrelation of the log of neighbouring totals
_FRESH = 0.947  # its complement, sqrt(1 - 0.32**2)


def raw_total(rand: Rand, rover: str, sol: int) -> float:
    """An unscaled total: the real quantiles at a draw that leans on the previous sol's own draw."""
    previous = probit(rand.u(rover, sol - 1, "total"))
    own = probit(rand.u(rover, sol, "total"))
    return quantile(phi(_LAG1 * previous + _FRESH * own))


def scale_exact(base: Mapping[int, int], raw: Mapping[int, float], target: int) -> tuple[dict[int, int], float]:
    """Totals per sol that sum to ``target``: each sol's base plus its part of the rest, in proportion to ``raw``.

    Multiply, floor, and give what is left to the largest fractions (ties: the lower sol). Also returns the
    factor, by which later sols can go on alike. Raises ValueError if the bases alone exceed the target.
    """
    budget = target - sum(base.values())
    if budget < 0:
        raise ValueError(f"the smallest totals sum to more than the target {target}")
    factor = budget / sum(raw.values())
    totals: dict[int, int] = {}
    fractions: list[tuple[float, int]] = []
    for sol, value in raw.items():
        exact = value * factor
        whole = floor(exact)
        totals[sol] = base[sol] + whole
        fractions.append((whole - exact, sol))
    left = target - sum(totals.values())
    for _, sol in sorted(fractions)[:left]:
        totals[sol] += 1
    return totals, factor
