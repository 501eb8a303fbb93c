"""Clocks of Mars: sols, local mean solar time, spacecraft clocks, and the API's own idea of an Earth date.

All instants are Unix seconds (UTC), all hours are local mean solar hours (24 to a sol).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

SOL_SECONDS = 88775.244
_SOL_MS = 88775244
_DAY_MS = 86400000


@dataclass(frozen=True, slots=True)
class RoverClock:
    """One rover's clock: the midnight that begins sol 0, and pairs of a spacecraft clock reading and its Unix time.

    Time runs evenly from one pair to the next, and beyond the first and the last two. From the sol after ``repeated``
    on, sols begin one sol later than they would: the mission counted one twice.
    """

    midnight0: float
    anchors: tuple[tuple[float, float], ...]
    repeated: int | None = None

    def unix(self, sol: int, hour: float) -> float:
        """Unix time of a local hour of a sol."""
        late = self.repeated is not None and sol > self.repeated
        return self.midnight0 + (sol + late + hour / 24.0) * SOL_SECONDS

    def sclk(self, unix: float) -> float:
        """Spacecraft clock at a Unix time."""
        i = self._piece([at for _, at in self.anchors], unix)
        (reading, at), (next_reading, next_at) = self.anchors[i : i + 2]
        return reading + (unix - at) * ((next_reading - reading) / (next_at - at))

    def unix_of_sclk(self, sclk: float) -> float:
        """Unix time of a spacecraft clock reading."""
        i = self._piece([reading for reading, _ in self.anchors], sclk)
        (reading, at), (next_reading, next_at) = self.anchors[i : i + 2]
        return at + (sclk - reading) * ((next_at - at) / (next_reading - reading))

    @staticmethod
    def _piece(marks: list[float], value: float) -> int:
        return max(0, min(bisect_right(marks, value), len(marks) - 1) - 1)

    def lmst(self, unix: float) -> float:
        """Local mean solar hour, 0 <= h < 24."""
        return ((unix - self.midnight0) % SOL_SECONDS) / SOL_SECONDS * 24.0

    def sol_at(self, unix: float) -> int:
        """The sol that is going on at a Unix time."""
        sol = int((unix - self.midnight0) // SOL_SECONDS)
        return sol - 1 if self.repeated is not None and sol > self.repeated else sol

    def sol_sclk(self, sol: int) -> tuple[float, float]:
        """Spacecraft clock at the begin and at the end of a sol."""
        return self.sclk(self.unix(sol, 0.0)), self.sclk(self.unix(sol + 1, 0.0))


_MER_EPOCH = 946727935.816

# Readings that NASA's feed gave together with UTC; one line through them misses by up to 2.9 s.
_M20 = (
    (675828717.752, 1622556877.984), (726421425.133, 1673149984.187), (731848569.851, 1678577171.688),
    (744724219.997, 1691452923.332), (745756834.599, 1692485546.074), (745951935.934, 1692680648.947),
    (798697310.734, 1745426444.575), (841393387.640, 1788122861.638),
)  # fmt: skip


def _line(at: float, rate: float, reading: float) -> tuple[tuple[float, float], ...]:
    """Anchors of a clock that runs at one rate."""
    return (reading, at), (reading + 1e9, at + 1e9 * rate)


CLOCKS: dict[str, RoverClock] = {
    "Perseverance": RoverClock(1613622256.0, _M20),
    "Curiosity": RoverClock(1344174599.0, _line(1381317964.4, 1.000009438, 434589485.0)),
    "Spirit": RoverClock(_MER_EPOCH + 126320919.0, _line(_MER_EPOCH, 1.0, 0.0), repeated=2175),
    "Opportunity": RoverClock(_MER_EPOCH + 128141378.0, _line(_MER_EPOCH, 1.0, 0.0)),
}


def earth_date(landing: date, sol: int) -> date:
    """The API's rule: landing date plus whole Earth days in that many sols (not the true UTC date)."""
    return landing + timedelta(days=sol_days(sol))


def sol_days(sol: int) -> int:
    """Whole Earth days in that many sols."""
    return sol * _SOL_MS // _DAY_MS


def parse_instant(text: str) -> float:
    """Unix seconds of an ISO 8601 instant; one without a zone is UTC. Raises ValueError on anything else."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def format_instant(unix: float) -> str:
    """ISO 8601 in UTC with whole seconds."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_millis(unix: float) -> str:
    """ISO 8601 in UTC with milliseconds and without a zone, as the raw feeds write it."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")


def spoken_day(unix: float) -> str:
    """A day (UTC) as captions write it: Aug. 19, 2023."""
    day = datetime.fromtimestamp(unix, UTC)
    return f"{day:%b}{'' if day.month == 5 else '.'} {day.day}, {day.year}"
