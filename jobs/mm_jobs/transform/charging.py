"""Decide who is in charge, write it down, and ask for the manifests that a hand-over needs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mm_contracts.bronze import CHARGES, SCHEDULES, TABLES
from mm_contracts.keys import MANIFESTS
from mm_contracts.messages import ChargeNote, schedule_message
from mm_contracts.terminations import HandedOver
from mm_contracts.topics import SCHEDULING

from mm_jobs.common.ending import rfc3339
from mm_jobs.common.kafka import publish
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load.documents import naive_utc
from mm_jobs.transform.charge import Charge, HandOver, hand_over, next_look, to_ask

STALE_AFTER: Final = timedelta(days=1)
TOLD_FOR: Final = timedelta(hours=1)
"""A hand-over is told by every run for so long: the one that decided it may have ended without a word."""
_MANIFESTS: Final = f"""
select ROVER_NAME, SOURCE, INGESTION_DATE from {TABLES[MANIFESTS].qualified}
qualify row_number() over (partition by ROVER_NAME, SOURCE order by INGESTION_DATE desc) <= 3
order by INGESTION_DATE desc
"""
_CHARGES: Final = f"""
select ROVER_NAME, SOURCE, SINCE, FORMER_SOURCE, REASON, MESSAGE, CHARGE_ID from {CHARGES}
qualify row_number() over (partition by ROVER_NAME order by SINCE desc, CHARGE_ID desc) = 1
"""


class Charging:
    """Who is in charge of each rover's promise, as bronze tells it at the beginning of a run."""

    def __init__(
        self,
        warehouse: Warehouse,
        order: Mapping[str, Sequence[str]],
        stale_after: timedelta,
        now: datetime | None = None,
    ) -> None:
        """Read what is there. Raises JobError.

        Args:
            warehouse: with bronze's tables.
            order: names of the sources of each rover, best first.
            stale_after: age of a newest manifest beyond which its source is not well.
            now: UTC, without a zone; None asks the clock.
        """
        self._warehouse, self._order, self._stale_after = warehouse, order, stale_after
        self._now = now or datetime.now(UTC).replace(tzinfo=None)
        self._manifests: dict[str, dict[str, list[datetime]]] = {}
        for rover, source, at in warehouse.run(_MANIFESTS):
            self._manifests.setdefault(str(rover), {}).setdefault(str(source), []).append(at)
        self._charges: dict[str, Charge] = {}
        self._last_id = 0
        for rover, source, since, former, reason, message, number in warehouse.run(_CHARGES):
            self._charges[str(rover)] = Charge(
                str(source), since, str(former or ""), str(reason or ""), str(message or ""), int(number)
            )
            self._last_id = max(self._last_id, int(number))

    def hand_over(self, log: Log) -> list[HandOver]:
        """Write down the changes that are due, and return them. Raises JobError."""
        found = []
        for rover, order in sorted(self._order.items()):
            manifests, charge = self._manifests.get(rover, {}), self._charges.get(rover)
            change = hand_over(rover, order, manifests, charge, self._now, self._stale_after)
            if change is None:
                continue
            self._last_id += 1
            self._warehouse.run(
                f"insert into {CHARGES} (CHARGE_ID, ROVER_NAME, SOURCE, FORMER_SOURCE, SINCE, REASON, MESSAGE) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                (self._last_id, rover, change.source, change.former, str(self._now), change.reason, change.message),
            )
            self._charges[rover] = Charge(
                change.source, self._now, change.former, change.reason, change.message, self._last_id
            )
            log.warning(
                "charge.handed_over",
                rover=rover,
                to=change.source,
                former=change.former,
                reason=change.reason,
                message=change.message,
            )
            found.append(change)
        return found

    def recent(self) -> list[dict[str, Any]]:
        """Return the hand-overs of the last hour, as ``TransformDetails`` has them."""
        return [
            HandedOver(
                id=charge.id,
                rover=rover,
                source=charge.source,
                former=charge.former,
                reason=charge.reason,
                message=charge.message[:200],
            ).model_dump()
            for rover, charge in sorted(self._charges.items())
            if self._now - charge.since < TOLD_FOR
        ]

    def note(self, source: str, rovers: Collection[str]) -> ChargeNote | None:
        """Return why a source is asked for some rovers, or None where their promise has never changed hands."""
        charges = {
            rover: charge
            for rover, charge in sorted(self._charges.items())
            if rover in rovers and charge.source == source
        }
        if not charges:
            return None
        preferred = all(self._order.get(rover, (source,))[0] == source for rover in charges)
        message = "; ".join(f"{rover}: {charge.message}" for rover, charge in charges.items())
        return ChargeNote(preferred=preferred, reason=next(iter(charges.values())).reason, message=message[:1000])

    def ask(self, trace_id: str, log: Log) -> datetime | None:
        """Schedule the manifests that are needed, each at most once in a quarter of the time that makes a source stale.

        Returns:
            When to look again (UTC, without a zone), if nothing else calls for it.

        Raises:
            JobError: the warehouse or Kafka failed; what was not recorded is published again, under the same id.
        """
        looks = []
        period = max(60, int(self._stale_after.total_seconds() / 4))
        for rover, order in sorted(self._order.items()):
            manifests, charge = self._manifests.get(rover, {}), self._charges.get(rover)
            look = next_look(order, manifests, self._now, self._stale_after)
            looks += [look] if look else []
            if not manifests:
                continue  # the usual schedule has not come yet
            for source in to_ask(order, manifests, charge, self._now, self._stale_after):
                turn = int(self._now.replace(tzinfo=UTC).timestamp()) // period
                self._schedule(rover, source, f"manifests-{rover.lower()}-{source}-{turn}", trace_id, log)
        return min(looks) if looks else None

    def _schedule(self, rover: str, source: str, schedule_id: str, trace_id: str, log: Log) -> None:
        if self._warehouse.run(f"select 1 from {SCHEDULES} where SCHEDULE_ID = ? limit 1", (schedule_id,)):
            return
        at = datetime.now(UTC)
        value = schedule_message(
            MANIFESTS, [{"rover_name": rover}], schedule_id=schedule_id, timestamp=rfc3339(at), source=source
        )
        publish(SCHEDULING, [(schedule_id, value)], trace_id)
        self._warehouse.run(
            f"insert into {SCHEDULES} (SCHEDULE_ID, DATASET, ROVER_NAME, ATTEMPT, REASON, SCHEDULED_AT, SOURCE) "
            "values (?, ?, ?, 1, 'StandBy', ?, ?)",
            (schedule_id, MANIFESTS, rover, naive_utc(at), source),
        )
        log.info("manifest.asked", rover=rover, source=source, schedule_id=schedule_id)
