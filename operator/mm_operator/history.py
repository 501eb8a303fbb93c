"""Keeps records of what has ended until a Job has taken them into the warehouse.

Nothing is decided on an event: a name is noted when something has changed about it, and its record is made from what
the cluster holds when a Job is about to be created anyway. No Job is created for records, so that the loop goes quiet.
A record goes along with one Job after the other until one says that it has kept it; the key makes a repetition
harmless. After a restart everything that is still in the cluster is told once more.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mm_contracts.history import WorkRecord, pack
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.core.history import is_ready, job_record, plan_record
from mm_operator.core.observe import Job, settle
from mm_operator.core.plan_view import read_status
from mm_operator.store import Store

log = logging.getLogger(__name__)

MOST: Final = 10_000
"""Records that are held; beyond them the oldest are given up, and counted."""
AT_ONCE: Final = 2_000
"""Records that are packed for one Job, as far as they fit."""


@dataclass(frozen=True)
class Package:
    """Records on their way."""

    text: str = ""
    uids: tuple[str, ...] = ()


class History:
    """The records that are not in the warehouse yet."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store, self._clock = store, clock
        self._ended: dict[str, str] = {}
        """Names of ended Jobs by uid: their records are made once they are ready."""
        self._records: dict[str, WorkRecord] = {}
        self._kept: dict[str, None] = {}
        """Uids of Jobs and plans whose records are in the warehouse, as far as they may be asked for again."""
        self._carried: dict[str, tuple[str, ...]] = {}

    def changed(self, name: str, gone: bool) -> None:
        """Note that a Job has changed. Of one that is gone this is the last moment to make its record."""
        job, uid = self._store.job(name), self._store.job_uid(name)
        if job is None:
            return
        if name in self._carried:
            self._land(name, job, gone)
        if gone:
            if self._ended.pop(uid, None) is not None or (uid not in self._records and uid not in self._kept):
                self._make(job, uid)
            self._kept.pop(uid, None)
        elif job.state != "active" and uid not in self._records and uid not in self._kept:
            self._ended[uid] = name

    def plan_ended(self, body: Mapping[str, Any]) -> None:
        """Make the record of a plan that has ended, from its API object."""
        try:
            record = plan_record(body, read_status(body))
        except (ValidationError, KeyError, TypeError) as error:
            log.warning("no record of a plan: %s", error)
            return
        self._hold(record)

    def is_open(self, uid: str) -> bool:
        """Return whether the record of an ended Job or plan is still to be kept."""
        return uid in self._records or uid in self._ended

    def is_kept(self, uid: str) -> bool:
        """Return whether this process knows that the record of an ended Job or plan is kept."""
        return uid in self._kept

    def __len__(self) -> int:
        return len(self._records) + len(self._ended)

    def package(self) -> Package:
        """Return the records that go along with the next Job, without those that are on their way already."""
        self._make_ready()
        under_way = {uid for uids in self._carried.values() for uid in uids}
        waiting = [record for uid, record in self._records.items() if uid not in under_way][:AT_ONCE]
        text, number = pack(waiting)
        return Package(text, tuple(record.uid for record in waiting[:number]))

    def sent(self, job: str, package: Package) -> None:
        """Note that a Job carries these records."""
        if package.uids:
            self._carried[job] = package.uids

    def _land(self, name: str, job: Job, gone: bool) -> None:
        """Take up what became of a Job that carries records: what it did not keep goes along with the next one."""
        end = job.termination
        if not gone and end is None and not is_ready(settle(job, self._clock())[0], self._clock()):
            return
        uids = self._carried.pop(name)
        if end is None or not end.history:
            return
        if end.history < 0:
            metrics.HISTORY_LOST.inc(len(uids))
            log.error("%d records of the history are lost: Job %s could not read them", len(uids), name)
        for uid in uids:
            record = self._records.pop(uid, None)
            if record is not None and (record.kind == "plan" or self._store.job_uid(record.name) == uid):
                self._kept[uid] = None
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def _make_ready(self) -> None:
        now = self._clock()
        for name in list(self._carried):
            if (carrier := self._store.job(name)) is None:
                del self._carried[name]
            else:
                self._land(name, carrier, False)
        for uid, name in list(self._ended.items()):
            job = self._store.job(name)
            if job is None or self._store.job_uid(name) != uid:
                del self._ended[uid]
            elif is_ready(job := settle(job, now)[0], now):
                del self._ended[uid]
                self._make(job, uid)

    def _make(self, job: Job, uid: str) -> None:
        try:
            record = job_record(job, uid, self._store.job_trace(job.name), self._clock())
        except ValidationError as error:
            log.debug("no record of Job %s: %s", job.name, error)  # somebody else's, with a label of ours
            return
        self._hold(record)

    def _hold(self, record: WorkRecord) -> None:
        self._kept.pop(record.uid, None)
        self._records[record.uid] = record
        while len(self._records) > MOST:
            del self._records[next(iter(self._records))]
            metrics.HISTORY_LOST.inc()
