"""What a run takes from the configured sources: their order by rover, and how much a schedule may ask of each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from mm_contracts.keys import PHOTOS
from mm_contracts.rovers import ROVERS
from mm_contracts.sources import Source, Sources
from pydantic import ValidationError

from mm_jobs.common.env import SettingsError
from mm_jobs.transform.planner import Budget


def read_sources(path: Path) -> Sources | None:
    """Return the configured sources; None where the file is not there (a run by hand): then nothing is known of them.

    Raises:
        SettingsError: the file is not of its form.
    """
    try:
        return Sources.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise SettingsError(f"cannot read the configured sources from {path}: {error}") from None


def source_order(sources: Sources | None) -> dict[str, list[str]]:
    """Return the names of the sources that give a rover's photos, best first, by rover."""
    return {rover: sources.ordered(rover, PHOTOS) for rover in ROVERS} if sources else {}


def budgets(sources: Sources | None, most: Budget) -> Callable[[str], Budget]:
    """Return the budget of a schedule by the name of its source: an hour of what the source allows.

    Args:
        sources: the configured ones; where they are not known, none limits anything.
        most: the budget of a source without a limit of its own.
    """
    known: Mapping[str, Source] = sources.sources if sources else {}
    found = {
        name: replace(most, requests=source.requests_per_hour, page_size=source.page_size)
        for name, source in known.items()
    }
    return lambda name: found.get(name, most)
