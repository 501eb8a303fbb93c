"""The pass over all plans: what changed goes in, what is to be done comes out, and nothing else is touched.

The engine holds no history. All that it keeps are views of what the cluster holds (plans, Jobs) and indexes over them;
one that is made anew from the same cluster decides the same. Slots are counted from Jobs and stored records, so a plan
that cannot be worked out keeps nobody else from starting.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mm_contracts.batch import CoveredSols
from mm_contracts.keys import PHOTOS
from mm_contracts.plan import DroppedSols, parse_duration
from mm_contracts.sources import Sources

from mm_operator.core.batches import Refusal, logs_wanted
from mm_operator.core.coverage import Claims, Holding, covered_sols, done_sols, settle_dropped, waits_for
from mm_operator.core.decide import Assessment, Outcome, assess, count_progress, decide, held_slots, invalid
from mm_operator.core.indexes import Indexes
from mm_operator.core.observe import Job, settle
from mm_operator.core.plan_view import TERMINAL, Plan, generation, read_plan, read_status, sentence
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.slots import Slots
from mm_operator.core.split import Batch, split

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """What is to be done about one plan: look things up, then store the status, then act, then tell."""

    name: str
    body: Body
    """The plan as it was looked at: its status may be stored on that version only."""
    outcome: Outcome
    plan: Plan | None = None
    """None where it cannot be read; then it is Invalid."""
    changed: bool = False
    """Whether the status differs from the stored one."""
    pods_of: tuple[str, ...] = ()
    """Ended Jobs whose pods must be asked for."""
    logs_of: tuple[tuple[str, str], ...] = ()
    """(Job, pod) of failed Jobs whose last lines are wanted."""
    ends_of: tuple[str, ...] = ()
    """Plans that are not known any more and whose end must be looked up."""

    @property
    def ended(self) -> bool:
        """Whether the plan has come to its end."""
        return self.outcome.status.phase in TERMINAL


@dataclass
class _Entry:
    """A live plan: the stored version, read once, and what was derived from it."""

    body: Body
    plan: Plan | None = None
    problem: str = ""
    batches: tuple[Batch, ...] = ()
    split_by: tuple[DroppedSols, ...] | None = None
    holding: Holding | None = None
    dropped: list[DroppedSols] = field(default_factory=list)
    waits: set[str] = field(default_factory=set)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    failed: Indexes = field(default_factory=Indexes)
    applying: bool = False
    again: bool = False
    errors: int = 0
    not_before: datetime | None = None
    moment: datetime | None = None


@dataclass
class PassResult:
    """What a pass decided. ``errors`` are plans that could not be worked out, with what went wrong."""

    decisions: list[Decision] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)


FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0
"""Seconds until a plan is looked at again after an error of its own: the first, doubling up to the longest."""


class Engine:
    """All live plans and their Jobs, and the slots that they share."""

    def __init__(self, settings: OperatorSettings, sources: Sources) -> None:
        self._sources = sources
        self._stuck_after = float(parse_duration(settings.stuck_after))
        self._entries: dict[str, _Entry] = {}
        self._jobs: dict[str, dict[str, Job]] = {}
        self._dirty: dict[str, None] = {}
        self._fresh: set[str] = set()
        self._claims = Claims()
        self._dependents: dict[str, set[str]] = {}
        self._fetched: dict[str, dict[str, frozenset[int]]] = {}
        self._moments: list[tuple[datetime, str]] = []
        self._covered: tuple[CoveredSols, ...] | None = None
        self.slots = Slots(settings.max_concurrent_jobs)

    # What is known

    def put_plan(self, body: Body) -> None:
        """Take in a live plan, or a new version of one."""
        name = body["metadata"]["name"]
        if body["metadata"].get("deletionTimestamp"):
            self.drop_plan(name)
            return
        entry = self._entries.get(name)
        if entry is not None and entry.body["metadata"]["uid"] != body["metadata"]["uid"]:
            self.drop_plan(name)
            entry = None
        if entry is None:
            entry = self._entries[name] = _Entry(body)
            self._fresh.add(name)
            self._fetched.pop(name, None)
        self._read(entry, body)
        self._touch(name)

    def drop_plan(self, name: str) -> None:
        """Forget a plan that is deleted or has ended; what it had in hand is anybody's."""
        entry = self._entries.pop(name, None)
        self._fresh.discard(name)
        if entry is None:
            return
        self._covered = None
        if self._dependents.get(name):
            done = Indexes.parse(entry.plan.status.completed_indexes, len(entry.batches)) if entry.plan else Indexes()
            self._fetched[name] = done_sols(entry.batches, done)
            self._touch(*self._dependents[name])
        if entry.holding is not None:
            self._touch(*self._claims.drop(entry.holding))
        self._depend(name, entry.waits, set())
        self.slots.drop(name)
        self._touch(name)

    def put_job(self, job: Job) -> None:
        """Take in an ingest Job as it is now."""
        jobs = self._jobs.setdefault(job.plan, {})
        known = jobs.get(job.name)
        jobs[job.name] = job
        if known != job or known.log_tail != job.log_tail:
            self._touch(job.plan)

    def drop_job(self, plan: str, name: str) -> None:
        """Forget a Job that is gone."""
        jobs = self._jobs.get(plan, {})
        if jobs.pop(name, None) is not None:
            if not jobs:
                del self._jobs[plan]
            self._touch(plan)

    def tell_end(self, name: str, body: Body | None) -> None:
        """Say what became of a plan that is not live: its last state, or None where there is none any more."""
        fetched: dict[str, frozenset[int]] = {}
        if body is not None and name not in self._entries:
            entry = _Entry(body)
            self._read(entry, body)
            if entry.plan is not None:
                fetched = done_sols(
                    entry.batches, Indexes.parse(entry.plan.status.completed_indexes, len(entry.batches))
                )
        self._fetched[name] = fetched
        self._touch(*self._dependents.get(name, ()))

    def refuse(self, plan: str, job: str, refusal: Refusal) -> None:
        """Say that the API refused to create a Job."""
        if entry := self._entries.get(plan):
            entry.refusals[job] = refusal

    def applied(self, name: str) -> None:
        """Say that a decision has been carried out, and that what came of it has been taken in."""
        if entry := self._entries.get(name):
            entry.applying, entry.errors, entry.not_before = False, 0, None
            if entry.again:
                self._touch(name)

    def failed(self, name: str, now: datetime, seconds: float | None = None) -> float:
        """Say that a decision was not carried out; return the seconds after which it is made again."""
        entry = self._entries.get(name)
        if entry is None:
            return 0.0
        entry.applying = False
        if seconds is None:
            entry.errors += 1
            seconds = min(FIRST_PAUSE * 2.0 ** min(entry.errors - 1, 10), LONGEST_PAUSE)
        entry.not_before = now + timedelta(seconds=seconds)
        self._touch(name)
        return seconds

    # What follows

    @property
    def busy(self) -> bool:
        """Whether Jobs run, would start now, or something is yet to be decided."""
        return bool(self.slots.held or self.slots.wanted or self._dirty) or any(
            entry.applying for entry in self._entries.values()
        )

    @property
    def next_moment(self) -> datetime | None:
        """The earliest moment at which time alone changes something."""
        while self._moments:
            moment, name = self._moments[0]
            entry = self._entries.get(name)
            if (entry.moment if entry else None) == moment or (entry is None and name in self._jobs):
                return moment
            heapq.heappop(self._moments)
        return None

    @property
    def pending(self) -> bool:
        """Whether a pass has something to look at."""
        return bool(self._dirty)

    def plans(self) -> list[Plan]:
        """Return all live plans that can be read."""
        return [entry.plan for entry in list(self._entries.values()) if entry.plan is not None]

    def covered(self) -> tuple[CoveredSols, ...]:
        """Return the sols of photos that live plans have in hand."""
        if self._covered is None:
            self._covered = covered_sols(
                (entry.plan.sources, entry.batches, entry.failed)
                for entry in self._entries.values()
                if entry.plan and entry.plan.spec.dataset == PHOTOS and entry.plan.accepted
            )
        return self._covered

    def run(self, now: datetime) -> PassResult:
        """Decide about every plan that something has changed for, and about those that get a slot for it."""
        result = PassResult()
        self._ring(now)
        self._claim_what_runs()
        assessed: dict[str, tuple[Assessment, tuple[Job, ...]]] = {}
        while self._dirty:
            for name in sorted(self._dirty, key=self._age):
                self._dirty.pop(name, None)
                assessed.pop(name, None)
                if found := self._guarded(name, now, result):
                    assessed[name] = found
        granted = self.slots.allocate()
        for name in granted:
            if name not in assessed and (found := self._guarded(name, now, result)):
                assessed[name] = found
        for name, (found_, jobs) in assessed.items():
            try:
                decision = self._decide(name, found_, jobs, min(granted.get(name, 0), found_.wanted), now)
            except Exception as error:  # One plan's fault is its own.
                self._set_aside(name, now, error, result)
                continue
            if decision is not None:
                self._entries[name].applying = True
                result.decisions.append(decision)
        return result

    # One plan

    def _age(self, name: str) -> tuple[bool, str, str]:
        """Accepted plans first, then the older ones: who comes first has first claim to a sol."""
        entry = self._entries.get(name)
        if entry is None:
            return (False, "", name)
        fixed = entry.plan is not None and entry.plan.accepted
        return (not fixed, entry.body["metadata"].get("creationTimestamp") or "", name)

    def _touch(self, *names: str) -> None:
        for name in names:
            if name:
                self._dirty[name] = None

    def _ring(self, now: datetime) -> None:
        while self._moments and self._moments[0][0] <= now:
            moment, name = heapq.heappop(self._moments)
            entry = self._entries.get(name)
            if entry is None or entry.moment == moment:
                self._touch(name)

    def _set_moment(self, name: str, moment: datetime | None) -> None:
        entry = self._entries.get(name)
        if entry is not None:
            if entry.moment == moment:
                return
            entry.moment = moment
        if moment is not None:
            heapq.heappush(self._moments, (moment, name))

    def _read(self, entry: _Entry, body: Body) -> None:
        entry.body = body
        status = read_status(body)
        try:
            entry.plan = read_plan(body, status, self._sources)
            self._resplit(entry, list(status.dropped))
            entry.problem = ""
        except ValueError as error:
            entry.plan, entry.problem = None, sentence(error)
            return
        failed = Indexes.parse(status.failed_indexes, len(entry.batches))
        if failed != entry.failed or not entry.holding:
            self._covered = None
        entry.failed = failed

    def _resplit(self, entry: _Entry, dropped: list[DroppedSols]) -> None:
        """Work out the batches, once for each list of what was dropped. Raises TooManyBatchesError."""
        entry.dropped = dropped
        assert entry.plan is not None
        key = tuple(dropped)
        if entry.split_by == key:
            return
        batches = split(entry.plan.spec, dropped)
        if entry.holding is not None:
            if batches[: len(entry.batches)] == entry.batches:
                entry.holding.batches = batches
            else:
                self._touch(*self._claims.drop(entry.holding))
                entry.holding = None
        entry.batches, entry.split_by = batches, key
        self._covered = None

    def _claim_what_runs(self) -> None:
        """Let plans that are new here hold what their Jobs fetch, before any of them claims what it only waits for."""
        for name in sorted(self._fresh, key=self._age):
            entry = self._entries[name]
            if entry.plan is None or not entry.plan.accepted:
                continue
            active = [r.batch for r in entry.plan.status.records if r.state == "Active"]
            known = range(len(entry.batches))
            self._claims.sync(self._hold(entry), Indexes.of(index for index in active if index in known))
        self._fresh.clear()

    def _hold(self, entry: _Entry) -> Holding:
        if entry.holding is None:
            assert entry.plan is not None
            entry.holding = Holding(entry.plan.name, entry.plan.sources, entry.plan.spec.dataset, entry.batches)
        return entry.holding

    def _settled(self, name: str, uid: str, now: datetime) -> tuple[list[Job], list[Job], datetime | None]:
        """Return the plan's Jobs, those of an earlier plan of its name, and when time alone changes one of them."""
        mine: list[Job] = []
        strangers: list[Job] = []
        moments: list[datetime] = []
        for job in self._jobs.get(name, {}).values():
            found, moment = settle(job, now)
            (mine if job.owner_uid == uid else strangers).append(found)
            if moment is not None:
                moments.append(moment)
        return mine, strangers, min(moments, default=None)

    def _guarded(self, name: str, now: datetime, result: PassResult) -> tuple[Assessment, tuple[Job, ...]] | None:
        try:
            return self._assess(name, now, result)
        except Exception as error:  # One plan's fault is its own.
            self._set_aside(name, now, error, result)
            return None

    def _set_aside(self, name: str, now: datetime, error: Exception, result: PassResult) -> None:
        result.errors.append((name, error))
        entry = self._entries[name]
        pause = self.failed(name, now)
        self._dirty.pop(name, None)
        self._set_moment(name, now + timedelta(seconds=pause))
        self._count_slots(name, entry, now)

    def _count_slots(self, name: str, entry: _Entry, now: datetime) -> None:
        """Count what a plan holds from its Jobs and stored records alone. It wants nothing for now."""
        metadata = entry.body["metadata"]
        mine, _, _ = self._settled(name, metadata["uid"], now)
        if entry.plan is not None:
            active = (r for r in entry.plan.status.records if r.state == "Active")
            held = held_slots(entry.plan.spec, active, mine)
        else:
            held = sum(job.state == "active" and not job.suspended for job in mine)
        self.slots.set(name, 0, metadata.get("creationTimestamp") or "", held, 0)

    def _count_strangers(self, name: str, strangers: list[Job]) -> None:
        """Jobs whose plan is gone hold a slot until they have ended, too."""
        key = f"{name}/gone"  # no plan's name holds a slash
        held = sum(job.state == "active" and not job.suspended for job in strangers)
        if held:
            self.slots.set(key, 0, "", held, 0)
        else:
            self.slots.drop(key)

    def _assess(self, name: str, now: datetime, result: PassResult) -> tuple[Assessment, tuple[Job, ...]] | None:
        entry = self._entries.get(name)
        uid = str(entry.body["metadata"]["uid"]) if entry else ""
        jobs, strangers, moment = self._settled(name, uid, now)
        self._count_strangers(name, strangers)
        if entry is None:
            self._set_moment(name, moment)
            return None
        if entry.applying:
            entry.again = True
            return None
        entry.again = False
        if entry.not_before is not None and entry.not_before > now:
            self._count_slots(name, entry, now)
            self._set_moment(name, entry.not_before)
            return None
        if entry.plan is None:
            entry.applying = True
            self._count_slots(name, entry, now)
            status = read_status(entry.body)
            outcome = invalid(status, generation(entry.body), entry.problem, now)
            result.decisions.append(Decision(name, entry.body, outcome, changed=outcome.status != status))
            return None
        plan = entry.plan
        if not plan.accepted:
            self._accept(entry)
        self._take_back(entry)
        active = {r.job for r in plan.status.records if r.state == "Active"}
        entry.refusals = {job: why for job, why in entry.refusals.items() if job in active}
        progress = count_progress(plan, entry.batches, jobs, now, self._stuck_after, entry.refusals)
        self._touch(*self._claims.sync(self._hold(entry), progress.open) - {name})
        found = assess(plan, progress, jobs, self._hold(entry).blocked, now)
        self.slots.set(name, plan.spec.priority, plan.created_at, found.held, found.wanted)
        self._set_moment(name, moment)
        return found, tuple(jobs)

    def _accept(self, entry: _Entry) -> None:
        """Leave out of a new plan what others have in hand. Raises TooManyBatchesError."""
        self._resplit(entry, [])
        dropped = self._claims.find_dropped(self._hold(entry))
        if dropped:
            self._touch(*self._claims.drop(self._hold(entry)))
            self._resplit(entry, dropped)

    def _take_back(self, entry: _Entry) -> None:
        """Take back what plans that have ended had in hand of this one's sols, and did not fetch."""
        assert entry.plan is not None
        dropped = entry.dropped
        for other in waits_for(dropped):
            if other not in self._entries and other in self._fetched:
                dropped = settle_dropped(dropped, other, self._fetched[other])
        self._resplit(entry, dropped)
        others = waits_for(dropped)
        self._depend(entry.plan.name, entry.waits, others)
        entry.waits = others

    def _depend(self, name: str, before: set[str], others: set[str]) -> None:
        """Note whose ends a plan waits for, and forget what nobody asks for any more."""
        for other in before - others:
            names = self._dependents.get(other, set())
            names.discard(name)
            if not names:
                self._dependents.pop(other, None)
                self._fetched.pop(other, None)
        for other in others - before:
            self._dependents.setdefault(other, set()).add(name)

    def _decide(
        self, name: str, found: Assessment, jobs: tuple[Job, ...], granted: int, now: datetime
    ) -> Decision | None:
        entry = self._entries[name]
        plan = entry.plan
        assert plan is not None
        outcome = decide(plan, found, granted, entry.dropped, self._stuck_after, now)
        self.slots.set(name, plan.spec.priority, plan.created_at, found.held + granted, found.wanted - granted)
        times = [t for t in (outcome.next_moment, entry.moment) if t is not None and t > now]
        self._set_moment(name, min(times, default=None))
        decision = Decision(
            name,
            entry.body,
            outcome,
            plan,
            changed=outcome.status != plan.status,
            pods_of=tuple(j.name for j in jobs if j.state != "active" and not j.told and self._open(j, found)),
            logs_of=tuple(logs_wanted(found.progress, jobs)),
            ends_of=tuple(
                other for other in waits_for(entry.dropped) if other not in self._entries and other not in self._fetched
            ),
        )
        lookups = decision.pods_of or decision.logs_of or decision.ends_of
        return decision if decision.changed or outcome.actions or lookups or decision.ended else None

    @staticmethod
    def _open(job: Job, found: Assessment) -> bool:
        return job.batch in found.progress.records
