"""Stateless randomness: every draw is a hash of what it is for, so any sol can be made alone, in any order."""

from __future__ import annotations

from hashlib import blake2b
from statistics import NormalDist

_STANDARD = NormalDist()
_TINY = 2.0**-54


class Rand:
    """Draws in [0, 1) named by rover, sol, tag and index; equal names give equal draws in every process."""

    __slots__ = ("seed",)

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def u(self, rover: str, sol: int, tag: str, i: int = 0) -> float:
        """The first 53 bits of BLAKE2b-64 over the ASCII string ``seed|rover|sol|tag|i``, divided by 2**53."""
        digest = blake2b(f"{self.seed}|{rover}|{sol}|{tag}|{i}".encode("ascii"), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) * 2.0**-53

    def between(self, rover: str, sol: int, tag: str, i: int, low: float, high: float) -> float:
        """A uniform draw in [low, high)."""
        return low + (high - low) * self.u(rover, sol, tag, i)

    def integer(self, rover: str, sol: int, tag: str, i: int, low: int, high: int) -> int:
        """A uniform draw among the integers low..high, both included."""
        return low + int((high - low + 1) * self.u(rover, sol, tag, i))


def probit(p: float) -> float:
    """The standard normal quantile of p; p = 0 is read as the smallest draw there is."""
    return _STANDARD.inv_cdf(p if p > 0.0 else _TINY)


def phi(z: float) -> float:
    """The standard normal distribution function."""
    return _STANDARD.cdf(z)
