"""What was asked, and what was answered: a bounded log and counters. Keys never enter it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from mm_simulator.shell.target import Target

_SECRET = {"api_key"}


@dataclass(frozen=True, slots=True)
class Record:
    """One request: arrival (Unix seconds, to the millisecond), meaning, and answer (status 0: connection reset).

    ``sim_time`` is the simulated time of the arrival, ``flavour`` the source that was asked.
    """

    seq: int
    time: float
    sim_time: float
    flavour: str
    method: str
    path: str
    query: str
    kind: str
    rover: str | None
    sol: int | None
    status: int
    bytes: int
    duration_ms: float
    faults: list[str]
    traceparent: str | None


class RequestLog:
    """The newest ``size`` requests, and counts of all since the last reset."""

    def __init__(self, size: int) -> None:
        self._records: deque[Record] = deque(maxlen=size)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._total = 0
        self._bytes = 0
        self._by_status: Counter[int] = Counter()
        self._by_kind: dict[str, Counter[int]] = {}
        self._by_rover: dict[str, Counter[int]] = {}
        self._by_flavour: dict[str, Counter[int]] = {}
        self._sols: set[tuple[str, int]] = set()

    def add(
        self, target: Target, method: str, path: str, arrived: float, ended: float, status: int, size: int,
        faults: tuple[str, ...], traceparent: str | None, sim_time: float,
    ) -> None:  # fmt: skip
        """Remember one request; times are Unix seconds, ``sim_time`` those of the simulated clock."""
        self._total += 1
        self._bytes += size
        self._by_status[status] += 1
        self._by_flavour.setdefault(target.flavour, Counter())[status] += 1
        self._by_kind.setdefault(target.kind, Counter())[status] += 1
        if target.rover is not None:
            self._by_rover.setdefault(target.rover, Counter())[status] += 1
            if target.kind in ("photos", "feed") and target.sol is not None and status == 200:
                self._sols.add((target.rover, target.sol))
        self._records.append(
            Record(
                self._total, round(arrived, 3), round(sim_time, 1), target.flavour, method, path,
                _public(target.query), target.kind, target.rover, target.sol, status, size,
                round((ended - arrived) * 1000.0, 3), list(faults), traceparent,
            )
        )  # fmt: skip

    def find(
        self, since: float = 0.0, after_seq: int = 0, kind: str | None = None, rover: str | None = None,
        sol: int | None = None, status: int | None = None, limit: int | None = None, flavour: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Remembered requests that fit, oldest first; ``limit`` keeps the newest."""
        found = [
            record
            for record in self._records
            if record.time >= since
            and record.seq > after_seq
            and kind in (None, record.kind)
            and flavour in (None, record.flavour)
            and rover in (None, record.rover)
            and sol in (None, record.sol)
            and status in (None, record.status)
        ]
        if limit is not None:
            found = found[-limit:] if limit else []
        return [asdict(record) for record in found]

    @property
    def forgotten(self) -> int:
        """How many requests the log no longer holds."""
        return self._total - len(self._records)

    def counters(self) -> dict[str, Any]:
        """Counts since the last reset."""
        return {
            "requests": self._total,
            "bytes": self._bytes,
            "sols_answered": len(self._sols),
            "by_status": _text_keys(self._by_status),
            "by_flavour": {name: _text_keys(counts) for name, counts in sorted(self._by_flavour.items())},
            "by_kind": {kind: _text_keys(counts) for kind, counts in sorted(self._by_kind.items())},
            "by_rover": {rover: _text_keys(counts) for rover, counts in sorted(self._by_rover.items())},
        }


def _text_keys(counts: Counter[int]) -> dict[str, int]:
    return {str(status): count for status, count in sorted(counts.items())}


def _public(query: Mapping[str, str]) -> str:
    return urlencode([(name, value) for name, value in query.items() if name not in _SECRET])
