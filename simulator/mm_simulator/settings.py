"""Settings from the environment, each explained once; read at start and never again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mm_simulator.core.profiles import PROFILES
from mm_simulator.core.timebase import parse_instant


class SettingsError(ValueError):
    """A setting cannot be used; the message names it and says what it must be."""


def _flag(text: str) -> bool:
    low = text.strip().lower()
    if low not in {"true", "false", "1", "0", "yes", "no"}:
        raise ValueError("true or false")
    return low in {"true", "1", "yes"}


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("a whole number, 0 or more")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if number < 0:
        raise ValueError("a number, 0 or more")
    return number


def _faults(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError("a JSON list of faults")
    return found


# field: (environment name, default, parser, what it must be, help)
_Spec = tuple[str, str, Callable[[str], Any], str, str]
_SPECS: dict[str, _Spec] = {
    "profile": (
        "SIM_PROFILE",
        "demo",
        str,
        "tiny, demo, living or full",
        "which sols there are: tiny, demo, living or full",
    ),
    "seed": (
        "SIM_SEED",
        "martian-moments-1",
        str,
        "ASCII text",
        "another seed is another history",
    ),
    "now": (
        "SIM_NOW",
        "2025-10-07T12:00:00Z",
        parse_instant,
        "an instant such as 2025-10-07T12:00:00Z",
        "where the simulated clock starts",
    ),
    "clock_rate": (
        "SIM_CLOCK_RATE",
        "0",
        _positive,
        "a number, 0 or more",
        "simulated seconds per real second; 0: the clock stands still",
    ),
    "host": (
        "SIM_HOST",
        "0.0.0.0",
        str,
        "an address",
        "address to listen on",
    ),
    "port": (
        "SIM_PORT",
        "8000",
        _count,
        "a port number",
        "port to listen on",
    ),
    "require_key": (
        "SIM_REQUIRE_KEY",
        "true",
        _flag,
        "true or false",
        "whether the API wants an api_key (any 40 characters, or DEMO_KEY)",
    ),
    "rate_limit": (
        "SIM_RATE_LIMIT_PER_HOUR",
        "100000",
        _count,
        "a whole number, 0 or more",
        "requests of one key in any hour (api.nasa.gov: 1000); 0: no limit and no headers",
    ),
    "demo_key_per_hour": (
        "SIM_DEMO_KEY_PER_HOUR",
        "30",
        _count,
        "a whole number, 0 or more",
        "requests of DEMO_KEY in any hour, per address",
    ),
    "demo_key_per_day": (
        "SIM_DEMO_KEY_PER_DAY",
        "50",
        _count,
        "a whole number, 0 or more",
        "requests of DEMO_KEY in any day, per address",
    ),
    "vista_per_hour": (
        "SIM_MARSVISTA_PER_HOUR",
        "10000",
        _count,
        "a whole number, 0 or more",
        "requests of one key to marsvista in any hour; 0: no limit and no headers",
    ),
    "vista_per_day": (
        "SIM_MARSVISTA_PER_DAY",
        "100000",
        _count,
        "a whole number, 0 or more",
        "requests of one key to marsvista in any day; 0: no limit and no headers",
    ),
    "history": (
        "SIM_HISTORY",
        "drawn",
        str,
        "drawn or real",
        "real: Opportunity's, Spirit's and Curiosity's sols (to 4102) as their whole manifests have them",
    ),
    "late_sols": (
        "SIM_LATE_SOLS",
        "0",
        _count,
        "a whole number, 0 or more",
        "of every so manyth new sol the last photos come late; 0: of none",
    ),
    "late_hours": (
        "SIM_LATE_HOURS",
        "200",
        _positive,
        "a number, 0 or more",
        "how long after the end of such a sol they come",
    ),
    "manifest_lag_hours": (
        "SIM_MANIFEST_LAG_HOURS",
        "0",
        _positive,
        "a number, 0 or more",
        "how far manifests are behind the photos",
    ),
    "rover_shape": (
        "SIM_ROVER_SHAPE",
        "short",
        str,
        "short or extended",
        "the rover inside a photo: short or extended",
    ),
    "image_base": (
        "SIM_IMAGE_BASE",
        "",
        str,
        "a scheme and host",
        "replaces scheme and host of image addresses, to fetch images from here",
    ),
    "captures_dir": (
        "SIM_CAPTURES_DIR",
        "",
        str,
        "a folder",
        "recorded answers (*.json, also in folders of it) served in place of generated ones",
    ),
    "faults": (
        "SIM_FAULTS",
        "[]",
        _faults,
        "a JSON list of faults",
        "faults set from the start, as POST /__sim/faults takes them",
    ),
    "control": (
        "SIM_CONTROL",
        "true",
        _flag,
        "true or false",
        "whether /__sim/ is served",
    ),
    "request_log": (
        "SIM_REQUEST_LOG",
        "20000",
        _count,
        "a whole number, 0 or more",
        "requests that /__sim/requests remembers",
    ),
    "cache_sols": (
        "SIM_CACHE_SOLS",
        "64",
        _count,
        "a whole number, 0 or more",
        "sols kept ready to send",
    ),
    "log_level": (
        "LOG_LEVEL",
        "info",
        str.lower,
        "a log level",
        "critical, error, warning, info or debug",
    ),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; times are Unix seconds, limits are requests."""

    profile: str = "demo"
    seed: str = "martian-moments-1"
    now: float = 1759838400.0
    clock_rate: float = 0.0
    host: str = "0.0.0.0"
    port: int = 8000
    require_key: bool = True
    rate_limit: int = 100_000
    demo_key_per_hour: int = 30
    demo_key_per_day: int = 50
    vista_per_hour: int = 10_000
    vista_per_day: int = 100_000
    history: str = "drawn"
    late_sols: int = 0
    late_hours: float = 200.0
    manifest_lag_hours: float = 0.0
    rover_shape: str = "short"
    image_base: str = ""
    captures_dir: str = ""
    faults: tuple[Mapping[str, Any], ...] | list[dict[str, Any]] = ()
    control: bool = True
    request_log: int = 20_000
    cache_sols: int = 64
    log_level: str = "info"

    def captures_path(self) -> Path | None:
        """The folder of captures, if one is set."""
        return Path(self.captures_dir) if self.captures_dir else None


def load(environ: Mapping[str, str]) -> Settings:
    """Settings from an environment. Raises SettingsError, naming the first setting that cannot be used."""
    values: dict[str, Any] = {}
    for field in fields(Settings):
        name, default, parse, must, _ = _SPECS[field.name]
        text = environ.get(name, "") or default
        try:
            values[field.name] = parse(text)
        except ValueError as error:
            raise SettingsError(f"{name}={text!r} cannot be used ({error}); it must be {must}") from None
    settings = Settings(**values)
    _check("SIM_PROFILE", settings.profile, set(PROFILES))
    _check("SIM_HISTORY", settings.history, {"drawn", "real"})
    _check("SIM_ROVER_SHAPE", settings.rover_shape, {"short", "extended"})
    _check("LOG_LEVEL", settings.log_level, {"critical", "error", "warning", "info", "debug"})
    if not settings.seed.isascii():
        raise SettingsError("SIM_SEED must be ASCII text")
    return settings


def _check(name: str, value: str, allowed: set[str]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name}={value!r} is unknown; it must be one of {', '.join(sorted(allowed))}")


def explain() -> str:
    """One line per setting: its name, default and meaning."""
    return "\n".join(f"  {name:<25} {text} [{default}]" for name, default, _, _, text in _SPECS.values())
