"""Read the gaps, publish what is due, and only then record it: a crash in between publishes the same schedule again."""

import json
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Final

from mm_contracts.batch import CoveredSols
from mm_contracts.bronze import SCHEDULES
from mm_contracts.keys import PHOTOS
from mm_contracts.messages import ChargeNote, schedule_message
from mm_contracts.sols import parse_sols
from mm_contracts.topics import SCHEDULING

from mm_jobs.common.ending import rfc3339
from mm_jobs.common.kafka import publish
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load.documents import naive_utc
from mm_jobs.transform.planner import Budget, Gap, PlannedSchedule, Summary, plan, summarize

_GAPS: Final = """
select
  SOURCE, ROVER_NAME, SOL, STATUS, PROMISED_PHOTOS, ATTEMPTS, NEXT_ATTEMPT_AT, IS_DUE, REASON, PRIORITY_RANK, IS_NEWEST,
  TIMES_SCHEDULED
from SILVER.INGESTION_PLANNING
order by PRIORITY_RANK
"""

_RECORD: Final = f"""
merge into {SCHEDULES} t
using (
  select
    f.value:rover::varchar as ROVER_NAME, try_cast(f.value:sol::varchar as integer) as SOL,
    try_cast(f.value:attempt::varchar as integer) as ATTEMPT, f.value:reason::varchar as REASON
  from (select parse_json(?) as GAPS) g, lateral flatten(input => g.GAPS) f
) s
on t.SCHEDULE_ID = ? and t.ROVER_NAME = s.ROVER_NAME and t.SOL = s.SOL
when not matched then insert (SCHEDULE_ID, DATASET, ROVER_NAME, SOL, ATTEMPT, REASON, SCHEDULED_AT, SOURCE)
values (?, ?, s.ROVER_NAME, s.SOL, s.ATTEMPT, s.REASON, ?, ?)
"""


def read_gaps(warehouse: Warehouse) -> list[Gap]:
    """Return all gaps in order of urgency. Raises JobError."""
    return [
        Gap(
            source=str(source or ""),
            rover=str(rover),
            sol=int(sol),
            status=str(status),
            promised_photos=None if promised is None else int(promised),
            attempts=int(attempts or 0),
            next_attempt_at=next_attempt_at,
            due=bool(due),
            reason=reason,
            rank=int(rank),
            newest=bool(newest),
            times_scheduled=int(asked or 0),
        )
        for source, rover, sol, status, promised, attempts, next_attempt_at, due, reason, rank, newest, asked in (
            warehouse.run(_GAPS)
        )
    ]


def places(covered: Iterable[CoveredSols]) -> frozenset[tuple[str, str, int]]:
    """Return (source, rover, sol) of everything that live plans have in hand."""
    return frozenset((one.source, one.rover, sol) for one in covered for sol in parse_sols(one.sols))


def schedule_gaps(
    warehouse: Warehouse,
    covered: Collection[tuple[str, str, int]],
    budget_of: Callable[[str], Budget],
    trace_id: str,
    log: Log,
    note_of: Callable[[str, Collection[str]], ChargeNote | None] | None = None,
) -> tuple[Summary, list[str]]:
    """Publish and record schedules of all gaps that are due and that no live plan has in hand.

    Args:
        warehouse: with silver's tables.
        covered: (source, rover, sol) of what live plans have in hand.
        budget_of: how much goes into one schedule of a source.
        trace_id: of the run.
        log: gets a line per schedule.
        note_of: why a source is asked for some rovers, where their promise has changed hands.

    Returns:
        The state of the gaps after that, and the ids of the published schedules: none where nothing is due.

    Raises:
        JobError: the warehouse or Kafka failed; what was not recorded is published again, under the same id.
    """
    gaps = read_gaps(warehouse)
    before = summarize(gaps, covered)
    log.info("gaps", total=before.total, due=before.due, held=before.held, waiting=before.waiting)
    schedules = plan(gaps, covered, budget_of)
    for schedule in schedules:
        now = datetime.now(UTC)
        value = schedule_message(
            PHOTOS,
            schedule.tasks(),
            schedule_id=schedule.schedule_id,
            timestamp=rfc3339(now),
            source=schedule.source,
            priority=schedule.priority,
            charge=note_of(schedule.source, {gap.rover for gap in schedule.gaps}) if note_of else None,
        )
        publish(SCHEDULING, [(schedule.schedule_id, value)], trace_id)
        _record(warehouse, schedule, naive_utc(now))
        log.info(
            "scheduled",
            schedule_id=schedule.schedule_id,
            source=schedule.source,
            sols=len(schedule.gaps),
            photos=schedule.photos,
            priority=schedule.priority,
        )
    after = summarize(read_gaps(warehouse), covered) if schedules else before
    return after, [schedule.schedule_id for schedule in schedules]


def _record(warehouse: Warehouse, schedule: PlannedSchedule, at: str) -> None:
    gaps = [
        {"rover": gap.rover, "sol": gap.sol, "attempt": gap.attempts + 1, "reason": gap.reason or gap.status}
        for gap in schedule.gaps
    ]
    warehouse.run(_RECORD, (json.dumps(gaps), schedule.schedule_id, schedule.schedule_id, PHOTOS, at, schedule.source))
