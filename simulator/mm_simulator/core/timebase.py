"""Clocks of Mars: sols, local mean solar time, spacecraft clocks, and the API's own idea of an Earth date.

All instants are Unix seconds (UTC), all hours are local mean solar hours (24 to a sol).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

SOL_SECONDS = 88775.244
_SOL_MS = 88775244
_DAY_MS = 86400000


@dataclass(frozen=True, slots=True)
class RoverClock:
    """One rover's clock: ``unix = at_ref + rate * (sclk - ref)``, and the midnight that begins sol 0."""

    midnight0: float
    at_ref: float
    rate: float
    ref: float

    def unix(self, sol: int, hour: float) -> float:
        """Unix time of a local hour of a sol."""
        return self.midnight0 + (sol + hour / 24.0) * SOL_SECONDS

    def sclk(self, unix: float) -> float:
        """Spacecraft clock at a Unix time."""
        return self.ref + (unix - self.at_ref) / self.rate

    def unix_of_sclk(self, sclk: float) -> float:
        """Unix time of a spacecraft clock reading."""
        return self.at_ref + self.rate * (sclk - self.ref)

    def lmst(self, unix: float) -> float:
        """Local mean solar hour, 0 <= h < 24."""
        return ((unix - self.midnight0) % SOL_SECONDS) / SOL_SECONDS * 24.0

    def sol_at(self, unix: float) -> int:
        """The sol that is going on at a Unix time."""
        return int((unix - self.midnight0) // SOL_SECONDS)

    def sol_sclk(self, sol: int) -> tuple[float, float]:
        """Spacecraft clock at the begin and at the end of a sol."""
        return self.sclk(self.unix(sol, 0.0)), self.sclk(self.unix(sol + 1, 0.0))


_MER_EPOCH = 946727935.816

CLOCKS: dict[str, RoverClock] = {
    "Perseverance": RoverClock(1613622256.0, 946722804.965, 1.000007924, 0.0),
    "Curiosity": RoverClock(1344174599.0, 1381317960.0, 1.000009438, 434589485.0),
    "Spirit": RoverClock(_MER_EPOCH + 126320919.0, _MER_EPOCH, 1.0, 0.0),
    "Opportunity": RoverClock(_MER_EPOCH + 128141378.0, _MER_EPOCH, 1.0, 0.0),
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
