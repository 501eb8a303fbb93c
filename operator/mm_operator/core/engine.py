"""The pass over all plans: what changed goes in, what is to be done comes out, and nothing else is touched.

The engine holds no history. All that it keeps are views of what the cluster holds (plans, Jobs) and indexes over them;
one that is made anew from the same cluster decides the same. Slots are counted from Jobs and stored records, so a plan
that cannot be worked out keeps nobody else from starting.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mm_contracts.batch import CoveredSols
from mm_contracts.plan import parse_duration
from mm_contracts.sources import Sources

from mm_operator.core.alarms import Alarms
from mm_operator.core.batches import Refusal, logs_wanted
from mm_operator.core.decide import Assessment, assess, count_progress, decide, held_slots, invalid
from mm_operator.core.entry import Body, Decision, Entry
from mm_operator.core.observe import Job, settle
from mm_operator.core.plan_view import Plan, generation, read_status
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.sharing import Sharing
from mm_operator.core.slots import Slots


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
        self._entries: dict[str, Entry] = {}
        self._jobs: dict[str, dict[str, Job]] = {}
        self._dirty: dict[str, None] = {}
        self._sharing = Sharing(self._entries, self._touch)
        self._alarms = Alarms()
        self.slots = Slots(settings.max_concurrent_jobs)

    # What is known

    def put_plan(self, body: Body) -> None:
        """Take in a live plan, or a new version of one."""
        name = body["metadata"]["name"]
        if body["metadata"].get("deletionTimestamp"):
            self.drop_plan(name)
            return
        entry = self._entries.get(name)
        if entry is not None and entry.uid != body["metadata"]["uid"]:
            self.drop_plan(name)
            entry = None
        if entry is None:
            entry = self._entries[name] = Entry(body)
            self._sharing.begins(name)
        if entry.read(body, self._sources):
            self._sharing.changed(entry)
        self._touch(name)

    def drop_plan(self, name: str) -> None:
        """Forget a plan that is deleted or has ended; what it had in hand is anybody's."""
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        self._sharing.ends(name, entry)
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
            entry = Entry(body)
            entry.read(body, self._sources)
            fetched = entry.fetched()
        self._sharing.tell_end(name, fetched)

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
        return self._alarms.next

    @property
    def pending(self) -> bool:
        """Whether a pass has something to look at."""
        return bool(self._dirty)

    def plans(self) -> list[Plan]:
        """Return all live plans that can be read."""
        return [entry.plan for entry in list(self._entries.values()) if entry.plan is not None]

    def covered(self) -> tuple[CoveredSols, ...]:
        """Return the sols of photos that live plans have in hand."""
        return self._sharing.covered()

    def run(self, now: datetime) -> PassResult:
        """Decide about every plan that something has changed for, and about those that get a slot for it."""
        result = PassResult()
        self._touch(*self._alarms.ring(now))
        self._sharing.claim_what_runs(self._age)
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
        return (not fixed, entry.created_at, name)

    def _touch(self, *names: str) -> None:
        for name in names:
            if name:
                self._dirty[name] = None

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
        self._alarms.set(name, now + timedelta(seconds=pause))
        self._count_slots(name, entry, now)

    def _count_slots(self, name: str, entry: Entry, now: datetime) -> None:
        """Count what a plan holds from its Jobs and stored records alone. It wants nothing for now."""
        mine, _, _ = self._settled(name, entry.uid, now)
        if entry.plan is not None:
            active = (r for r in entry.plan.status.records if r.state == "Active")
            held = held_slots(entry.plan.spec, active, mine)
        else:
            held = sum(job.state == "active" and not job.suspended for job in mine)
        self.slots.set(name, 0, entry.created_at, held, 0)

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
        jobs, strangers, moment = self._settled(name, entry.uid if entry else "", now)
        self._count_strangers(name, strangers)
        if entry is None:
            self._alarms.set(name, moment)
            return None
        if entry.applying:
            entry.again = True
            return None
        entry.again = False
        if entry.not_before is not None and entry.not_before > now:
            self._count_slots(name, entry, now)
            self._alarms.set(name, entry.not_before)
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
            self._sharing.accept(entry)
        self._sharing.take_back(entry)
        active = {r.job for r in plan.status.records if r.state == "Active"}
        entry.refusals = {job: why for job, why in entry.refusals.items() if job in active}
        progress = count_progress(plan, entry.batches, jobs, now, self._stuck_after, entry.refusals)
        self._sharing.hold(name, entry, progress.open)
        found = assess(plan, progress, jobs, entry.hold().blocked, now)
        self.slots.set(name, plan.spec.priority, plan.created_at, found.held, found.wanted)
        self._alarms.set(name, moment)
        return found, tuple(jobs)

    def _decide(
        self, name: str, found: Assessment, jobs: tuple[Job, ...], granted: int, now: datetime
    ) -> Decision | None:
        entry = self._entries[name]
        plan = entry.plan
        assert plan is not None
        outcome = decide(plan, found, granted, entry.dropped, self._stuck_after, now)
        self.slots.set(name, plan.spec.priority, plan.created_at, found.held + granted, found.wanted - granted)
        times = [t for t in (outcome.next_moment, self._alarms.get(name)) if t is not None and t > now]
        self._alarms.set(name, min(times, default=None))
        decision = Decision(
            name,
            entry.body,
            outcome,
            plan,
            changed=outcome.status != plan.status,
            pods_of=tuple(j.name for j in jobs if j.state != "active" and not j.told and self._open(j, found)),
            logs_of=tuple(logs_wanted(found.progress, jobs)),
            ends_of=self._sharing.unknown_ends(entry),
        )
        lookups = decision.pods_of or decision.logs_of or decision.ends_of
        return decision if decision.changed or outcome.actions or lookups or decision.ended else None

    @staticmethod
    def _open(job: Job, found: Assessment) -> bool:
        return job.batch in found.progress.records
