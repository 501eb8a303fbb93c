"""The real numbers that the generator leans on, read once from the package's data files."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import accumulate, groupby
from statistics import median
from typing import NamedTuple

# Photos per sol of Curiosity at 0 %, 5 %, ... 95 %, 100 % of its sols.
QUANTILES = (1, 4, 12, 22, 33, 44, 54, 68, 84, 105, 124, 144, 166, 192, 219, 247, 284, 329, 392, 509, 1500)

# Photos on the first sols (from sol 1) of the older rovers.
FIRST_SOLS: dict[str, tuple[int, ...]] = {
    "Opportunity": (95, 280, 321, 274, 97, 34, 143, 95, 43),
    "Spirit": (77, 125, 125, 143, 353, 346, 137, 182, 353, 186),
}

# Sols whose split over cameras was recorded; Perseverance's sol 1 is known as 201 photos of 13 cameras,
# and how they divide is ours.
KNOWN_SPLITS: dict[tuple[str, int], dict[str, int]] = {
    ("Curiosity", 0): {"MARDI": 3684, "FHAZ": 8, "RHAZ": 8, "CHEMCAM": 2},
    ("Curiosity", 1000): {"MAST": 838, "NAVCAM": 10, "CHEMCAM": 4, "FHAZ": 2, "RHAZ": 2},
    ("Opportunity", 1): {"PANCAM": 86, "ENTRY": 3, "FHAZ": 2, "RHAZ": 2, "NAVCAM": 2},
    ("Spirit", 1): {"NAVCAM": 61, "PANCAM": 9, "ENTRY": 3, "FHAZ": 2, "RHAZ": 2},
    ("Perseverance", 0): {
        "FRONT_HAZCAM_LEFT_A": 16, "REAR_HAZCAM_RIGHT": 14, "FRONT_HAZCAM_RIGHT_A": 11,
        "REAR_HAZCAM_LEFT": 11, "EDL_DDCAM": 2,
    },
    ("Perseverance", 1): {
        "EDL_RUCAM": 31, "EDL_RDCAM": 34, "EDL_DDCAM": 26, "EDL_PUCAM1": 15, "EDL_PUCAM2": 15, "LCAM": 4,
        "NAVCAM_LEFT": 18, "NAVCAM_RIGHT": 18, "MCZ_LEFT": 6, "FRONT_HAZCAM_LEFT_A": 9,
        "FRONT_HAZCAM_RIGHT_A": 9, "REAR_HAZCAM_LEFT": 8, "REAR_HAZCAM_RIGHT": 8,
    },
}  # fmt: skip


class ManifestRow(NamedTuple):
    """One sol of a real manifest."""

    sol: int
    total: int
    cameras: tuple[str, ...]


class Drive(NamedTuple):
    """One drive: rover motion counters, metres, spacecraft clock, and (lon, lat, elevation) of both ends."""

    sol: int
    from_rmc: str
    to_rmc: str
    length: float
    sclk_start: int
    sclk_end: int
    points: int
    start: tuple[float, float, float]
    end: tuple[float, float, float]


def rows(name: str) -> Iterator[dict[str, str]]:
    """Rows of one of the package's data files."""
    with (files("mm_simulator") / "data" / name).open(encoding="ascii") as handle:
        yield from csv.DictReader(handle)


@cache
def curiosity_manifest() -> tuple[ManifestRow, ...]:
    """The real manifest of sols 0 to 3156, ascending."""
    return tuple(
        ManifestRow(int(row["sol"]), int(row["total_photos"]), tuple(row["cameras"].split("+")))
        for row in rows("curiosity_manifest_sol0_3156.csv")
    )


@cache
def real_manifests() -> dict[str, tuple[ManifestRow, ...]]:
    """The real manifests by rover, sols ascending: whole ones of Opportunity and Spirit, Curiosity's to sol 4102."""
    return {
        rover: tuple(
            ManifestRow(int(row["sol"]), int(row["total_photos"]), tuple(row["cameras"].split("+")))
            for row in rows(f"manifest_{rover.lower()}_2024-10-06.csv")
        )
        for rover in ("Opportunity", "Spirit", "Curiosity")
    }


@cache
def m20_drives() -> dict[int, Drive]:
    """The real drives of Perseverance by sol (one a sol), ascending."""

    def end(row: dict[str, str], which: str) -> tuple[float, float, float]:
        return float(row[f"{which}_lon"]), float(row[f"{which}_lat"]), float(row[f"{which}_elev"])

    return {
        int(row["sol"]): Drive(
            int(row["sol"]), row["fromRMC"], row["toRMC"], float(row["length_m"]), int(row["SCLK_START"]),
            int(row["SCLK_END"]), int(row["n_points"]), end(row, "start"), end(row, "end"),
        )
        for row in rows("m20_drives_sol14_1840.csv")
    }  # fmt: skip


@cache
def missing_runs() -> tuple[int, ...]:
    """Lengths of the real runs of sols without photos, in the order in which they happened."""
    present = {row.sol for row in curiosity_manifest()}
    sols = range(curiosity_manifest()[-1].sol + 1)
    return tuple(len(list(run)) for there, run in groupby(sols, present.__contains__) if not there)


class CameraSet(NamedTuple):
    """A real combination of Curiosity's cameras, how often it occurred, and the median photos of such a sol."""

    cameras: tuple[str, ...]
    sols: int
    median: float


@cache
def camera_sets() -> tuple[CameraSet, ...]:
    """The real camera combinations, most frequent first (ties: by name)."""
    totals: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in curiosity_manifest():
        totals[row.cameras].append(row.total)
    counted = Counter({cameras: len(values) for cameras, values in totals.items()})
    ranked = sorted(counted, key=lambda cameras: (-counted[cameras], cameras))
    return tuple(CameraSet(cameras, counted[cameras], median(totals[cameras])) for cameras in ranked)


@cache
def _cumulative_sets() -> tuple[int, ...]:
    return tuple(accumulate(entry.sols for entry in camera_sets()))


def draw_camera_set(u: float) -> CameraSet:
    """The camera set at position u (0 <= u < 1) of the real frequencies."""
    cumulative = _cumulative_sets()
    return camera_sets()[bisect_right(cumulative, int(u * cumulative[-1]))]


def quantile(p: float) -> float:
    """Photos a sol at quantile p (0 <= p <= 1), linear between the table's entries."""
    position = p * (len(QUANTILES) - 1)
    index = min(int(position), len(QUANTILES) - 2)
    return QUANTILES[index] + (QUANTILES[index + 1] - QUANTILES[index]) * (position - index)
