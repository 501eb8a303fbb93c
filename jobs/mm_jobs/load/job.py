"""The load Job's body: find what is missing, load it group by group, and tell that it is loaded."""

import functools
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from mm_contracts.batch import LoadSpec, ObjectRef
from mm_contracts.keys import WORK_PREFIX
from mm_contracts.messages import LoadedObject
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ahead import work_ahead
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import DataError, Unreachable, Warehouse
from mm_jobs.load import schema
from mm_jobs.load.asides import FIELD, Aside, Asides, Problem
from mm_jobs.load.documents import Loadable, key_problem, naive_utc
from mm_jobs.load.groups import grouped, wanted
from mm_jobs.load.ledger import Entry, Ledger
from mm_jobs.load.leftovers import leftovers
from mm_jobs.load.reading import Reader, Store
from mm_jobs.load.staging.base import Changed, Staging
from mm_jobs.load.writing import ROWS_PER_OBJECT, Group, Unstaged, stage, write

_MOST_FAILED: Final = 12
"""Transactions that fail in turn before the fault is the warehouse's: one bad object of a group costs fewer."""


class Announcer(Protocol):
    """Who tells others about a load."""

    def success(self, objects: list[LoadedObject]) -> None:
        """Publish that the objects are loaded; return once that is delivered, or raise JobError."""


class Load:
    """One run of the load Job."""

    def __init__(
        self, spec: LoadSpec, warehouse: Warehouse, store: Store, staging: Staging, announcer: Announcer, log: Log
    ) -> None:
        self._spec = spec
        self._warehouse = warehouse
        self._store = store
        self._staging = staging
        self._announcer = announcer
        self._log = log
        self._ledger = Ledger(warehouse)
        self._asides = Asides(warehouse)
        self._reader = Reader(store, log, listed=spec.sweep, as_is=staging.as_is)
        self._known: dict[tuple[str, str], Aside] = {}
        self._loaded: list[LoadedObject] = []
        self._problems: list[Problem] = []
        self._doubtful: list[tuple[Loadable, JobError]] = []
        self._failed_in_turn = 0
        self._changed: set[str] = set()
        self._leftovers: list[str] = []
        self._counts = {
            "skipped": 0,
            "set_aside": 0,
            "still_set_aside": 0,
            "mended": 0,
            "changed": 0,
            "groups": 0,
        }

    def run(self) -> dict[str, Any]:
        """Carry the load out and return the counts of its termination message.

        Raises:
            JobError: what was loaded before stays loaded, and is announced.
        """
        created = schema.ensure(self._warehouse)
        if created:
            self._log.info("bronze.created", tables=",".join(created))
        lost = self._ledger.lost() if self._spec.sweep else 0
        if lost:
            self._log.warning("bronze.lost", objects=lost, message="their table was made anew: they are loaded again")
        objects = self._objects()
        keys = None if self._spec.sweep else [item.key for item in objects]
        entries, self._known = self._ledger.entries(keys), self._asides.known(keys)
        now = datetime.now(UTC)
        missing = wanted(objects, entries, {place for place, aside in self._known.items() if aside.waits(now)})
        self._counts["skipped"] = len(objects) - len(missing)
        self._counts["still_set_aside"] = sum(aside.waits(now) for aside in self._known.values())
        self._log.info("compared", objects=len(objects), missing=len(missing), sweep=self._spec.sweep)
        problem = self._load(missing, entries)
        unread = self._reader.unread()
        problem = problem or unread
        if self._doubtful and not self._loaded:
            problem = problem or self._doubtful[0][1]  # none went in: it is not these objects that are wrong
        elif self._doubtful:
            self._problems += [
                Problem(item.key, item.etag, error.reason.value, str(error), passing=True)
                for item, error in self._doubtful
            ]
        self._set_aside([*self._reader.problems, *self._problems], now)
        self._announce(entries, objects)
        if problem is not None:
            raise problem
        if lost:
            self._ledger.give_up_lost()
        if self._spec.sweep:
            self._asides.forget({key for key, _ in self._known} - {item.key for item in objects})
            self._tidy()
        return self._told()

    def _load(self, missing: list[ObjectRef], entries: dict[str, Entry]) -> JobError | None:
        """Load what can be loaded, and return what ended it before its time."""
        try:
            # While the warehouse is busy with a group, the next one is read, checked and staged.
            groups = self._groups(grouped(self._reader.loadables(missing, entries)))
            with closing(work_ahead(groups, unwanted=self._discard)) as ahead:
                for group in ahead:
                    self._write(group)
        except JobError as error:
            return error
        return None

    def _told(self) -> dict[str, Any]:
        read, counts = self._reader.counts, self._counts
        counts |= {"skipped": counts["skipped"] + read["skipped"], "gone": read["gone"], "bytes": read["bytes"]}
        return {"bytes": read["bytes"], "details": {"loaded": len(self._loaded), **counts}}

    def _tidy(self) -> None:
        try:
            for name in self._staging.tidy(self._warehouse):
                self._log.info("staged.removed", file=name)
        except (DataError, JobError) as error:
            # What lies there takes room and does no harm: no reason to call a sweep failed that loaded all it missed.
            self._log.warning("staged.not_removed", message=str(error))
        try:
            for key in self._leftovers:
                self._store.delete(key)
                self._log.info("work.removed", key=key)
        except JobError as error:
            self._log.warning("work.not_removed", message=str(error))

    def _objects(self) -> list[ObjectRef]:
        if not self._spec.sweep:
            found = list(self._spec.objects)
        else:
            # What Jobs keep for each other lies in the bucket too: it is nothing to load and nothing to warn of.
            listed = list(self._store.list())
            self._leftovers = leftovers(listed, datetime.now(UTC))
            found = [ObjectRef(key=one.key, etag=one.etag) for one in listed if not one.key.startswith(WORK_PREFIX)]
        ours = [item for item in found if key_problem(item.key) is None]
        if len(ours) < len(found):
            self._log.warning("not_ours", objects=len(found) - len(ours), example=_first_other(found, ours))
        return ours

    def _groups(self, runs: Iterator[list[Loadable]]) -> Generator[Group | Unstaged, None, None]:
        """Yield the runs of objects, staged: the first in the load's own session, which waits for it."""
        with ExitStack() as opened:
            # A session says one thing at a time; a load of one group needs no second one.
            second = functools.cache(lambda: opened.enter_context(self._warehouse.another()))
            for number, objects in enumerate(runs):
                try:
                    yield self._stage(objects, second if number else None)
                except Unreachable:
                    raise
                except JobError as error:
                    yield Unstaged(objects, error)

    def _discard(self, group: Group | Unstaged) -> None:
        if isinstance(group, Group):
            group.staged.discard(self._warehouse)

    def _stage(self, objects: list[Loadable], session: Callable[[], Warehouse] | None = None) -> Group:
        return stage(session or (lambda: self._warehouse), self._staging, self._spec.load_id, objects)

    def _write(self, group: Group | Unstaged) -> None:
        """Load a group, or what remains of it without the objects that changed or cannot be loaded."""
        misfits = self._load_or_halve(group)
        tried = [item for item in group.objects if item.key not in self._changed]
        if len(tried) > 1 and len(misfits) == len(tried):
            # Not one of many fits: then it is not the objects that are wrong.
            message = f"the warehouse refused each of {len(tried)} objects; the first: {misfits[0][1]}"
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, message)
        for item, error in misfits:
            if isinstance(error, JobError):
                self._doubtful.append((item, error))
            else:
                self._problems.append(Problem(item.key, item.etag, "BadDocument", str(error)))

    def _load_or_halve(self, group: Group | Unstaged) -> list[tuple[Loadable, JobError | DataError]]:
        """Load a group's objects, and return those that cannot be, whatever the warehouse says of them.

        Raises:
            JobError: the warehouse is gone, or refuses whatever it is given.
        """
        objects = list(group.objects)
        try:
            if isinstance(group, Unstaged):
                raise group.error
            write(self._warehouse, group, forget={key for key, _ in self._known})
        except Changed as changed:
            rest = self._leave(objects, changed)
            return self._load_or_halve(self._staged_or_not(rest)) if rest else []
        except Unreachable:
            raise
        except (DataError, JobError) as error:
            self._failed_in_turn += 1
            if isinstance(error, JobError) and self._failed_in_turn >= _MOST_FAILED:
                raise
            if len(objects) == 1:
                return [(objects[0], error)]
            middle = len(objects) // 2
            first = self._load_or_halve(self._staged_or_not(objects[:middle]))
            return first + self._load_or_halve(self._staged_or_not(objects[middle:]))
        self._failed_in_turn = 0
        self._counts["groups"] += 1
        self._loaded += [
            LoadedObject(key=item.key, etag=item.etag, table=item.table.name, rows=ROWS_PER_OBJECT) for item in objects
        ]
        self._log.info("loaded", objects=len(objects), bytes=sum(len(item.document) for item in objects))
        return []

    def _staged_or_not(self, objects: list[Loadable]) -> Group | Unstaged:
        try:
            return self._stage(objects)
        except Unreachable:
            raise
        except JobError as error:
            return Unstaged(objects, error)

    def _leave(self, group: list[Loadable], changed: Changed) -> list[Loadable]:
        """Leave what changed to the load that its new content causes, or to a sweep, and return the others."""
        for item in group:
            if item.key in changed.keys:
                self._counts["changed"] += 1
                self._log.warning("object.changed", key=item.key, checked=item.etag)
        self._changed |= changed.keys
        return [item for item in group if item.key not in changed.keys]

    def _set_aside(self, problems: list[Problem], now: datetime) -> None:
        """Write down what could not be used. It is told when it is new; a try that fails again says nothing new."""
        loaded = {(item.key, item.etag) for item in self._loaded}
        for problem in problems:
            place = (problem.key, problem.etag)
            if problem.grain == FIELD and place not in loaded:
                continue  # the whole object is set aside, or left to a later load
            attempts = self._known[place].attempts if place in self._known else 0
            name = "mended" if problem.grain == FIELD else "still_set_aside" if attempts else "set_aside"
            self._counts[name] += 1
            if problem.key in {key for key, etag in self._known if etag != problem.etag}:
                self._asides.forget([problem.key])  # of content that is there no more
            self._asides.put(problem, attempts + 1, now)
            say = self._log.debug if attempts else self._log.warning
            say("object.set_aside", key=problem.key, reason=problem.reason, message=problem.message)

    def _announce(self, entries: dict[str, Entry], objects: list[ObjectRef]) -> None:
        """Publish what this run loaded, and what an earlier one loaded but died before it could say so."""
        fresh = {item.key for item in self._loaded}
        asked = entries if self._spec.sweep else {item.key for item in objects}
        late = [
            LoadedObject(key=key, etag=entry.etag, table=entry.table, rows=entry.rows)
            for key, entry in entries.items()
            if not entry.published and key not in fresh and key in asked
        ]
        if late:
            self._log.info("announcing_late", objects=len(late))
        announced = self._loaded + late
        if announced:
            self._announcer.success(announced)
            self._ledger.mark_published(((item.key, item.etag) for item in announced), naive_utc(datetime.now(UTC)))


def _first_other(found: list[ObjectRef], ours: list[ObjectRef]) -> str:
    known = set(ours)
    return next((item.key for item in found if item not in known), "")
