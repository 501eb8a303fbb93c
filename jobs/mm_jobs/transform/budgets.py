"""How much one schedule may ask of each source: an hour of what the source allows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_jobs.common.env import SettingsError
from mm_jobs.transform.planner import Budget


def read_budgets(path: Path, most: Budget) -> Callable[[str], Budget]:
    """Return the budget of a schedule by the name of its source.

    Args:
        path: ``sources.json``; where it is not there (a run by hand), no source limits anything.
        most: the budget of a source without a limit of its own.

    Raises:
        SettingsError: the file is not of its form.
    """
    try:
        sources = Sources.model_validate_json(path.read_bytes()).sources
    except FileNotFoundError:
        sources = {}
    except (OSError, ValidationError) as error:
        raise SettingsError(f"cannot read the configured sources from {path}: {error}") from None
    budgets = {
        name: replace(most, requests=source.requests_per_hour, page_size=source.page_size)
        for name, source in sources.items()
    }
    return lambda name: budgets.get(name, most)
