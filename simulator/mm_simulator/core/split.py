"""Which cameras took photos on a sol, and how a sol's total divides over them.

Counts are by camera id. A group is a single camera or the two eyes of one instrument, which count alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log

from mm_simulator.core.facts import CAMERA_ID
from mm_simulator.core.rand import Rand
from mm_simulator.core.tables import draw_camera_set

# Mean contribution of an instrument when present (both eyes together).
_WEIGHTS = {
    "FHAZ": 4, "RHAZ": 4, "NAVCAM": 45, "MAST": 138, "MCZ": 138, "PANCAM": 138, "MAHLI": 65,
    "SHERLOC_WATSON": 65, "MARDI": 67, "CHEMCAM": 7, "CHEMCAM_RMI": 7, "SUPERCAM_RMI": 7, "SKYCAM": 4,
    "MINITES": 20, "EDL": 30, "LCAM": 4, "ENTRY": 4,
}  # fmt: skip
_STEREO = {"FHAZ", "RHAZ", "NAVCAM"}  # one camera name, two eyes: even counts


@dataclass(frozen=True, slots=True)
class Group:
    """An instrument on one rover: its camera ids (one, or left and right) and its weight."""

    instrument: str
    cameras: tuple[int, ...]
    even: bool
    weight: float


def _group(rover: str, instrument: str, *names: str) -> Group:
    paired = instrument in _STEREO
    ids = tuple(sorted(CAMERA_ID[rover, name] for name in names))
    return Group(instrument, ids, paired, float(_WEIGHTS[instrument]))


@cache
def _classic(name: str, rover: str) -> Group:
    return _group(rover, name, name)


def _perseverance() -> tuple[tuple[Group, float], ...]:
    g = "Perseverance"
    return (
        (_group(g, "NAVCAM", "NAVCAM_LEFT", "NAVCAM_RIGHT"), 0.90),
        (_group(g, "FHAZ", "FRONT_HAZCAM_LEFT_A", "FRONT_HAZCAM_RIGHT_A"), 0.85),
        (_group(g, "RHAZ", "REAR_HAZCAM_LEFT", "REAR_HAZCAM_RIGHT"), 0.70),
        (_group(g, "MCZ", "MCZ_LEFT", "MCZ_RIGHT"), 0.80),
        (_group(g, "SUPERCAM_RMI", "SUPERCAM_RMI"), 0.55),
        (_group(g, "SHERLOC_WATSON", "SHERLOC_WATSON"), 0.35),
        (_group(g, "SKYCAM", "SKYCAM"), 0.60),
    )


def _curiosity_2025() -> tuple[tuple[Group, float], ...]:
    g = "Curiosity"
    return (
        (_group(g, "NAVCAM", "NAV_LEFT_B", "NAV_RIGHT_B"), 0.90),
        (_group(g, "FHAZ", "FHAZ_LEFT_B", "FHAZ_RIGHT_B"), 0.80),
        (_group(g, "RHAZ", "RHAZ_LEFT_B", "RHAZ_RIGHT_B"), 0.60),
        (_group(g, "MAST", "MAST_LEFT", "MAST_RIGHT"), 0.70),
        (_group(g, "CHEMCAM_RMI", "CHEMCAM_RMI"), 0.50),
        (_group(g, "MAHLI", "MAHLI"), 0.25),
    )


# Measured on the whole manifests: the share of sols with photos on which a camera has some.
_MER_SHARES = {
    "Opportunity": {"PANCAM": 0.99, "NAVCAM": 0.57, "FHAZ": 0.49, "RHAZ": 0.32, "MINITES": 0.14},
    "Spirit": {"PANCAM": 0.99, "NAVCAM": 0.57, "FHAZ": 0.47, "RHAZ": 0.27, "MINITES": 0.16},
}


def _mer(rover: str) -> tuple[tuple[Group, float], ...]:
    return tuple((_classic(name, rover), chance) for name, chance in _MER_SHARES[rover].items())


# The chance that an instrument took photos on a sol; those of Perseverance and of Curiosity in 2025 are design choices.
PRESENCE: dict[str, tuple[tuple[Group, float], ...]] = {
    "Perseverance": _perseverance(),
    "Curiosity 2025": _curiosity_2025(),
    "Opportunity": _mer("Opportunity"),
    "Spirit": _mer("Spirit"),
}


def named_groups(rover: str, names: Sequence[str]) -> list[Group]:
    """The groups of cameras that stand for themselves (Curiosity to sol 4102, and the older rovers)."""
    return [_classic(name, rover) for name in names]


def curiosity_groups(rand: Rand, sol: int, total: int) -> list[Group]:
    """A real camera set for a generated sol of Curiosity: of four draws, the one whose median is nearest."""
    wanted = log(total)
    draws = [draw_camera_set(rand.u("Curiosity", sol, "camera-set", i)) for i in range(4)]
    fitting = [entry for entry in draws if len(entry.cameras) <= total] or draws
    best = min(fitting, key=lambda entry: abs(log(entry.median) - wanted))
    names = best.cameras[:total] if len(best.cameras) > total else best.cameras
    return named_groups("Curiosity", names)


def drawn_groups(rand: Rand, key: str, rover: str, sol: int, total: int) -> list[Group]:
    """Instruments by their chance of being present, as many as the total has photos for.

    An odd total needs a camera that takes single pictures, so one is added where none was drawn.
    """
    pool = [group for group, _ in PRESENCE[key]]
    chances = [chance for _, chance in PRESENCE[key]]
    chosen = [pool[i] for i, chance in enumerate(chances) if rand.u(rover, sol, "present", i) < chance]
    while chosen and sum(map(_need, chosen)) > total:
        chosen.pop()
    if total % 2 and all(group.even for group in chosen):
        chosen.append(next(group for group in pool if not group.even and len(group.cameras) == 1))
    return chosen or [pool[0]]


def _need(group: Group) -> int:
    """The fewest photos of an instrument that is there: a pair, if it has two eyes."""
    return 2 if group.even else len(group.cameras)


def edl_groups(rand: Rand, sol: int) -> list[Group]:
    """Perseverance's landing cameras, which sent photos only in the first sols."""
    names = ("EDL_RUCAM", "EDL_RDCAM", "EDL_DDCAM", "EDL_PUCAM1", "EDL_PUCAM2", "LCAM")
    return [
        Group(name, (CAMERA_ID["Perseverance", name],), False, 4.0 if name == "LCAM" else 30.0)
        for i, name in enumerate(names)
        if rand.u("Perseverance", sol, "edl", i) < 0.5
    ]


def split(
    rand: Rand, rover: str, sol: int, total: int, groups: Sequence[Group], least: Mapping[str, int]
) -> dict[int, int]:
    """Photos per camera id, summing to ``total``; every camera at least one, or what ``least`` asks per eye.

    Parts go by the instruments' weights with 30 % noise and by largest remainder; then eyes are evened out
    with an instrument that has no eyes. Only where there is none, or too few photos, may one eye have more.
    """
    counts = [max(_need(group), len(group.cameras) * least.get(group.instrument, 1)) for group in groups]
    if sum(counts) > total:
        counts = [len(group.cameras) for group in groups]
    spare = total - sum(counts)
    fixed = _skycam(rand, rover, sol, groups, counts, spare)
    spare -= fixed
    weights = [
        0.0 if group.instrument == "SKYCAM" and len(groups) > 1
        else group.weight * (0.7 + 0.6 * rand.u(rover, sol, "split", i))
        for i, group in enumerate(groups)
    ]  # fmt: skip
    scale = spare / sum(weights)
    exact = [weight * scale for weight in weights]
    whole = [int(part) for part in exact]
    for i in sorted(range(len(groups)), key=lambda i: (whole[i] - exact[i], i))[: spare - sum(whole)]:
        whole[i] += 1
    counts = [count + part for count, part in zip(counts, whole, strict=True)]
    _even_out(groups, counts)
    result: dict[int, int] = {}
    for group, count in zip(groups, counts, strict=True):
        eyes = len(group.cameras)
        for i, camera in enumerate(group.cameras):
            result[camera] = count // eyes + (1 if i < count % eyes else 0)
    return dict(sorted(result.items()))


def _skycam(rand: Rand, rover: str, sol: int, groups: Sequence[Group], counts: list[int], spare: int) -> int:
    """Give the sky camera its two to six photos, as far as there are any; returns how many it took of the spare."""
    for i, group in enumerate(groups):
        if group.instrument == "SKYCAM" and len(groups) > 1:
            extra = min(spare, rand.integer(rover, sol, "skycam", 0, 1, 5))
            counts[i] += extra
            return extra
    return 0


def _even_out(groups: Sequence[Group], counts: list[int]) -> None:
    """Make counts of the stereo cameras even: trade single photos among them, the last with another camera."""
    odd = [i for i, group in enumerate(groups) if group.even and counts[i] % 2]
    for low, high in zip(odd[::2], odd[1::2], strict=False):
        if counts[low] > 1:
            counts[low], counts[high] = counts[low] - 1, counts[high] + 1
        elif counts[high] > 1:
            counts[low], counts[high] = counts[low] + 1, counts[high] - 1
    sinks = [i for i, group in enumerate(groups) if not group.even]
    if len(odd) % 2 and sinks:
        last, sink = odd[-1], max(sinks, key=lambda i: (counts[i], -i))
        if counts[last] > 1:
            counts[last], counts[sink] = counts[last] - 1, counts[sink] + 1
        elif counts[sink] > 1:
            counts[last], counts[sink] = counts[last] + 1, counts[sink] - 1
