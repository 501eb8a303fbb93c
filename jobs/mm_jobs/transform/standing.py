"""How the archive stands after a run, in few words: the operator exports it as metrics from the Job's last word.

The last word has 4096 bytes for everything, so what is told is what an alert or a graph needs: counts by rover, gaps by
status and reason, and two times.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
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

Row = tuple[Any, ...]


def standing(warehouse: Warehouse, log: Log) -> dict[str, Any]:
    """Return the archive's state by rover, or nothing where it cannot be read: what is told must not stop the work."""
    try:
        return told(warehouse.run(_ROVERS), warehouse.run(_GAPS))
    except JobError as error:
        log.warning("standing.unknown", message=str(error))
        return {}


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
