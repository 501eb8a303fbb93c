"""What the operator counts, over the last hours: its metrics, read now and then, kept where they change.

A series is kept as a step function: a sample is stored when its value differs from the one before. Counters stand still
most of the time, so that a day of a few hundred series takes a few hundred kilobytes.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Final

Labels = tuple[tuple[str, str], ...]
"""Pairs of name and value, by name."""

KEPT: Final = 2.5 * 3600
LONG_KEPT: Final = 26 * 3600
"""Seconds of what is compared with yesterday."""
LONG: Final = frozenset({"mars_archive_gaps"})
WANTED: Final = frozenset(
    {
        "mars_kafka_up", "mars_archive_manifest_timestamp_seconds", "mars_archive_gaps", "mars_jobs_ended_total",
        "mars_plans_ended_total", "mars_dead_letters_total", "mars_waiting_events", "mars_gate_closures_total",
        "mars_reconcile_errors_total", "mars_set_aside_objects",
    }
)  # fmt: skip
_LINE: Final = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
_LABEL: Final = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Samples:
    """Series by name and labels."""

    def __init__(self) -> None:
        self._series: dict[str, dict[Labels, tuple[list[float], list[float | None]]]] = {}
        self.since: float | None = None
        """Time of the first look."""

    def take(self, now: float, seen: Mapping[tuple[str, Labels], float] | None) -> None:
        """Add what was seen at a time (Unix seconds); None where the operator did not answer."""
        self.since = now if self.since is None else self.since
        self._put("up", (), now, 0.0 if seen is None else 1.0)
        for (name, labels), value in (seen or {}).items():
            self._put(name, labels, now, value)
        if seen is not None:
            for name, series in self._series.items():
                for labels in series:
                    if name != "up" and (name, labels) not in seen:
                        self._put(name, labels, now, None)

    def _put(self, name: str, labels: Labels, now: float, value: float | None) -> None:
        times, values = self._series.setdefault(name, {}).setdefault(labels, ([], []))
        if not values or values[-1] != value:
            times.append(now)
            values.append(value)
        oldest = now - (LONG_KEPT if name in LONG else KEPT)
        while len(times) > 1 and times[1] <= oldest:  # one from before says what it was then
            del times[0], values[0]

    def at(self, name: str, when: float, **labels: str) -> Iterator[tuple[Mapping[str, str], float]]:
        """Yield (labels, value) of the series of a name as they were at a time."""
        for known, (times, values) in self._series.get(name, {}).items():
            mine = dict(known)
            place = bisect_right(times, when) - 1
            if place >= 0 and (value := values[place]) is not None and labels.items() <= mine.items():
                yield mine, value

    def increase(self, name: str, now: float, seconds: float) -> Iterator[tuple[Mapping[str, str], float]]:
        """Yield (labels, how much a counter grew) over the last ``seconds``; one that began anew counts from 0."""
        for known, (times, values) in self._series.get(name, {}).items():
            begin, end = bisect_right(times, now - seconds) - 1, bisect_right(times, now)
            grown, last = 0.0, None
            for value in values[max(0, begin) : end]:
                if value is not None:
                    grown += 0.0 if last is None else value - last if value >= last else value
                    last = value
            if last is not None:
                yield dict(known), grown


def read_metrics(text: str) -> dict[tuple[str, Labels], float]:
    """Return the wanted samples of a page in Prometheus' text format."""
    found: dict[tuple[str, Labels], float] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match and match[1] in WANTED:
            labels = sorted((name, _plain(value)) for name, value in _LABEL.findall(match[2] or ""))
            try:
                found[match[1], tuple(labels)] = float(match[3])
            except ValueError:
                continue
    return found


def _plain(value: str) -> str:
    return value.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
