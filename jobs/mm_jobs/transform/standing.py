"""How the archive stands after a run, in few words: the operator exports it as metrics from the Job's last word.

The last word has 4096 bytes for everything, so what is told is what an alert or a graph needs: counts by rover, gaps by
status and reason, and two times.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_jobs.common.ending import JobError, rfc3339
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse

NEVER_TRIED: Final = "NeverTried"
OTHERS: Final = "Others"
MOST_GAPS: Final = 6
"""Pairs of status and reason told of one rover; the rarest join in OTHERS."""

_ROVERS: Final = """
select ROVER_NAME, PHOTOS_PROMISED, PHOTOS_ARCHIVED, NEWEST_PHOTO_AT, MANIFEST_INGESTED_AT
from GOLD.ROVER_SUMMARY order by ROVER_NAME
"""
_GAPS: Final = """
select ROVER_NAME, STATUS, REASON, count(*) from SILVER.INGESTION_PLANNING group by ROVER_NAME, STATUS, REASON
"""

MOST_SOURCES: Final = 8
"""Pairs of rover and source that are told: those in charge, then by the order in the values."""

_SOURCES: Final = f"""
select ROVER_NAME, SOURCE, IS_IN_CHARGE, LAST_SUCCESS_AT, ERROR_RATE, BUDGET_REMAINING, NEWEST_SOL, FRESHNESS_HOURS
from SILVER.SOURCE_HEALTH
order by IS_IN_CHARGE desc, coalesce(PRECEDENCE, 1000), ROVER_NAME, SOURCE limit {MOST_SOURCES}
"""

Row = tuple[Any, ...]


def standing(warehouse: Warehouse, log: Log) -> dict[str, Any]:
    """Return the archive's state by rover, or nothing where it cannot be read: what is told must not stop the work."""
    try:
        return told(warehouse.run(_ROVERS), warehouse.run(_GAPS))
    except JobError as error:
        log.warning("standing.unknown", message=str(error))
        return {}


def sources(warehouse: Warehouse, now: datetime, log: Log) -> list[dict[str, Any]]:
    """Return how well each source is (``SourceStanding``), or nothing where that cannot be read."""
    try:
        return sources_told(warehouse.run(_SOURCES), now)
    except JobError as error:
        log.warning("sources.unknown", message=str(error))
        return []


def sources_told(rows: Iterable[Row], now: datetime) -> list[dict[str, Any]]:
    """Return the sources' state without what is not known.

    Args:
        rows: rover, source, whether it is in charge, last success (naive UTC), share of failures (0 to 1), requests
            left, newest sol, hours since that sol's end.
        now: the time of the rows, with a zone.
    """
    found = []
    for rover, source, in_charge, success, errors, budget, newest, hours in rows:
        known = {
            "success": None if success is None else _time(success),
            "errors": None if errors is None else round(float(errors), 3),
            "budget": None if budget is None else int(budget),
            "newest": None if newest is None else int(newest),
            "newest_end": None if hours is None else rfc3339(now - timedelta(hours=float(hours))),
        }
        about: dict[str, Any] = {"rover": str(rover), "source": str(source)}
        about |= {"in_charge": True} if in_charge else {}
        found.append(about | {name: value for name, value in known.items() if value is not None})
    return found


def told(rovers: Iterable[Row], gaps: Iterable[Row]) -> dict[str, Any]:
    """Return ``{rover: {"promised", "archived", "newest", "manifest", "gaps": [[status, reason, count], ...]}}``.

    Args:
        rovers: rover, promised photos, archived photos, time of the newest photo, time of the manifest (naive UTC).
        gaps: rover, status, reason or None, count of sols.
    """
    found: dict[str, Any] = {}
    for rover, promised, archived, newest, manifest in rovers:
        about: dict[str, Any] = {"promised": int(promised or 0), "archived": int(archived or 0), "gaps": []}
        about |= {name: _time(at) for name, at in (("newest", newest), ("manifest", manifest)) if at is not None}
        found[str(rover)] = about
    for rover, status, reason, count in sorted(gaps, key=lambda row: (-int(row[3]), str(row[1]), str(row[2]))):
        kinds = found.get(str(rover), {"gaps": []})["gaps"]
        if len(kinds) < MOST_GAPS:
            kinds.append([str(status), str(reason or NEVER_TRIED), int(count)])
        elif kinds[-1][:2] == [OTHERS, OTHERS]:
            kinds[-1][2] += int(count)
        else:
            kinds.append([OTHERS, OTHERS, int(count)])
    return found


def _time(moment: datetime) -> str:
    return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
